export { ExecutorCore, type ExecutorCoreOptions, type ExecutorEffects } from "./core.ts";
export { ExecutorError, type ExecutorErrorCode } from "./error.ts";
