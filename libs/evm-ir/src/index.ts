export type { Budgets, BuildFunction, BuildOptions, BuildResult, BuildStats } from "./build.ts";
export { buildFunction } from "./build-function.ts";
export { jumpDestinations, type Template, templateOf } from "./code.ts";
export { DEFAULT_BUDGETS } from "./construct.ts";
export { type Dominance, dominanceOf, ROOT, reversePostorder } from "./dominance.ts";
export * from "./ir.ts";
export {
  type Effect,
  isOperation,
  OPERATIONS,
  type Operation,
  type OperationInfo,
  operationInfo,
} from "./operations.ts";
export { IrSyntaxError, parseFunction } from "./parse.ts";
export { printFunction } from "./print.ts";
export { bitLength, evaluatePure, WORD_MASK } from "./semantics.ts";
export { type Problem, verifyFunction } from "./verify.ts";
