export { stateShardOptions } from "./options.ts";
export { createStateShard } from "./service.ts";
