/** What the engine counts. Counters run from its creation on. */

/** Why a transaction ran on the reference engine. `limit`: a bound of the kernel. */
export type FallbackReason = "limit";
export const FALLBACK_REASONS: readonly FallbackReason[] = ["limit"];

/** One code, in memory of the engine at the moment. */
export interface CodeReport {
  /** 32 bytes. */
  readonly hash: Uint8Array;
  readonly bytes: number;
  readonly tier: "interpreter" | "compiled";
  /** Frames begun; of those, frames interpreted. */
  readonly calls: number;
  readonly interpreted: number;
  /** Gas of its frames, callees included. */
  readonly gas: number;
  /** What the compiler knows of it; undefined while it was never asked. Codes that differ in constants share it. */
  readonly compilation: Compilation | undefined;
}

export interface Compilation {
  readonly state: "queued" | "compiling" | "ready" | "fallback" | "evicted";
  /** Why it stays with the interpreter. */
  readonly reason: string | undefined;
  /** Time of analysis and emission, and of the optimising compiler behind it, both on the compiler's thread. */
  readonly ms: number;
  readonly optimiseMs: number;
  readonly wasmBytes: number;
}

export interface EngineStats {
  /** Executions begun: transactions, calls, simulations, system calls. */
  executions: number;
  /** Gas of those that ended in the kernel. */
  gas: number;
  /** Values and codes that an execution had to wait for. */
  suspensions: number;
  /** Those by the opcode that could not go on; 0: outside of code. */
  readonly suspensionsByOpcode: Record<number, number>;
  /** Executions copied out of memory because another one came. */
  parked: number;
  /** Executions that were begun again because too many were parked, or too many codes in memory. */
  restarts: number;
  readonly fallbacks: Record<FallbackReason, number>;
}

export const createEngineStats = (): EngineStats => ({
  executions: 0,
  gas: 0,
  suspensions: 0,
  suspensionsByOpcode: {},
  parked: 0,
  restarts: 0,
  fallbacks: { limit: 0 },
});
