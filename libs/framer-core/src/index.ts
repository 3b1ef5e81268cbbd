export {
  Framer,
  type FramerConfig,
  type FramerEffects,
  type FramerStart,
  FramerStats,
  prevRandaoOf,
} from "./framer.ts";
export { DEFAULT_OPTIONS, FramerError, type FramerOptions } from "./options.ts";
export { Pool } from "./pool.ts";
export { ResolvedArrivals } from "./resolved-arrivals.ts";
