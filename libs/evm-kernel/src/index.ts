export * as layout from "../assembly/layout.ts";
export { createKernel } from "./kernel.ts";
export { packCall, packedBytes, packTransaction, writeTransaction } from "./pack.ts";
export type {
  BeginOptions,
  CodeStats,
  Kernel,
  KernelCall,
  KernelEffects,
  KernelOptions,
  KernelOutcome,
  KernelTrace,
  Miss,
  MissPolicy,
  PrecompileHost,
  RunStatus,
  SavedExecution,
} from "./types.ts";
export { KernelError, kernelModule } from "./wasm.ts";
