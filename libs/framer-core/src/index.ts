export { Framer } from "./framer.ts";
export { type FramerConfig, type FramerEffects, type FramerStart, FramerStats } from "./framer-types.ts";
export { prevRandaoOf } from "./header-fields.ts";
export { DEFAULT_OPTIONS, FramerError, type FramerOptions } from "./options.ts";
export { Pool } from "./pool.ts";
export { ResolvedArrivals } from "./resolved-arrivals.ts";
