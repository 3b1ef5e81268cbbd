export type { Budgets, BuildFunction, BuildOptions, BuildResult, BuildStats } from "./build.ts";
export { buildFunction } from "./build-function.ts";
export { jumpDestinations, type Template, templateOf } from "./code.ts";
export { DEFAULT_BUDGETS } from "./construct.ts";
export * from "./ir.ts";
export {
  type Effect,
  isOperation,
  OPERATIONS,
  type Operation,
  type OperationInfo,
  operationInfo,
} from "./operations.ts";
export { bitLength, evaluatePure } from "./semantics.ts";
