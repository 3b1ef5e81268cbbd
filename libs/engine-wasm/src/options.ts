import type { CompilerOptions } from "@velarium/evm-compiler";
import type { KernelOptions } from "@velarium/evm-kernel";

export interface WasmEngineOptions {
  /** As in `ReferenceEngineOptions`: the state may hold accounts that exist but are empty. Default false. */
  readonly keepsEmptyAccounts?: boolean;
  /** Bytes of executions that wait outside the kernel's memory; beyond it they start over instead. Default 64 MiB. */
  readonly parkedBytes?: number;
  /** Compiles codes that are called often, on a thread of its own, with these bounds. Absent: all code is interpreted. */
  readonly compiler?: Omit<CompilerOptions, "kernel">;
  /** Bounds of the kernel; an execution that meets one runs on the reference engine. */
  readonly kernel?: Omit<KernelOptions, "precompile" | "missing">;
}

export const DEFAULT_PARKED_BYTES = 64 * 2 ** 20;
