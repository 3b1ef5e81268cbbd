export { type Difference, findDifference, type Hand } from "./compare.ts";
export { disassemble } from "./disassemble.ts";
export {
  type FuzzFailure,
  type FuzzOptions,
  type FuzzReport,
  fuzz,
  replay,
  type TestedEngine,
} from "./fuzz.ts";
export { bytesOf, type FuzzCase } from "./fuzz-case.ts";
export { minimise } from "./minimise.ts";
export { readRealCodes } from "./real-codes.ts";
export { FUZZED_FORKS, makeCase } from "./scenario.ts";
