import { runMain } from "@velarium/service-kit";
import { framerOptions } from "./options.ts";
import { createFramerService } from "./service.ts";

await runMain({ name: "framer", options: framerOptions, createService: createFramerService });
