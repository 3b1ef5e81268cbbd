export * as layout from "../assembly/layout.ts";
export type {
  BeginOptions,
  CodeStats,
  Kernel,
  KernelCall,
  KernelEffects,
  KernelOptions,
  KernelOutcome,
  Miss,
  MissPolicy,
  PrecompileHost,
  RunStatus,
  SavedExecution,
} from "./types.ts";
