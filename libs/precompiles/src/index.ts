export { loadFastCurves } from "./libraries.ts";
export { Precompiles, precompilesOf } from "./precompiles.ts";
export type { PrecompileResult } from "./result.ts";
