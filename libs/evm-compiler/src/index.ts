export { DEFAULT_BUDGETS, DEFAULT_POLICY, EMITTER_VERSION } from "./budgets.ts";
export { compileCode, type EmittedCode, type RefusedCode, templateKey } from "./compile.ts";
export { createCompiler } from "./compiler.ts";
export type {
  CompiledStats,
  Compiler,
  CompilerBudgets,
  CompilerOptions,
  CompilerPolicy,
  FallbackReason,
  ForceOutcome,
} from "./types.ts";
