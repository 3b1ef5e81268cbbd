import { runMain } from "@velarium/service-kit";
import { stateShardOptions } from "./options.ts";
import { createStateShard } from "./service.ts";

await runMain({ name: "state-shard", options: stateShardOptions, createService: createStateShard });
