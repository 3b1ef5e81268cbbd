export type {
  CompiledStats,
  Compiler,
  CompilerBudgets,
  CompilerOptions,
  CompilerPolicy,
  FallbackReason,
  ForceOutcome,
} from "./types.ts";
