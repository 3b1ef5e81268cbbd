export { type FramerServiceOptions, framerOptions } from "./options.ts";
export { createFramerService } from "./service.ts";
