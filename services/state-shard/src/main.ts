import { setFlagsFromString } from "node:v8";
import { runMain } from "@velarium/service-kit";
import { stateShardOptions } from "./options.ts";
import { createStateShard } from "./service.ts";

// The heap is small (tens of MB) beside buffers outside it, which count towards the next full collection: by default
// one comes every 15 MB or so received, at tens of ms each. Let ten times the live heap pass first.
setFlagsFromString("--heap-growing-percent=1000");

await runMain({ name: "state-shard", options: stateShardOptions, createService: createStateShard });
