export type { Budgets, BuildFunction, BuildOptions, BuildResult, BuildStats } from "./build.ts";
export * from "./ir.ts";
export {
  type Effect,
  isOperation,
  OPERATIONS,
  type Operation,
  type OperationInfo,
  operationInfo,
} from "./operations.ts";
