import { runMain } from "@velarium/service-kit";
import { gatewayOptions } from "./options.ts";
import { createGateway } from "./service.ts";

await runMain({ name: "gateway", options: gatewayOptions, createService: createGateway });
