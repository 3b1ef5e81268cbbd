/** Bounds of the compiler and when it compiles: defaults, with the reasons for the numbers. */
import type { CompilerBudgets, CompilerPolicy } from "./types.ts";

/**
 * Large contracts of mainnet need up to 3,000 blocks and 1.5 MB, code that consists of jump destinations a block for each
 * byte; V8 optimises about 3 kB of WebAssembly per millisecond. What goes beyond runs in the interpreter.
 */
export const DEFAULT_BUDGETS: CompilerBudgets = {
  codeBytes: 49_152,
  blocks: 30_000,
  instructions: 120_000,
  exits: Number.MAX_SAFE_INTEGER,
  wasmBytes: 4 << 20,
  locals: 10_000,
  nesting: 10_000,
  wallMs: 20_000,
  workerMemoryMb: 512,
};

/**
 * Compiling a token costs some 50 ms of one core and saves about half a microsecond per call and 0.01 per thousand gas:
 * these thresholds keep codes out that may never earn it, at little delay for those that do.
 */
export const DEFAULT_POLICY: CompilerPolicy = {
  calls: 500,
  gas: 20_000_000,
  queueLimit: 64,
  maxModules: 512,
  maxModuleBytes: 256 << 20,
};

/** Part of the key of compiled code: raised with every change of what is emitted. */
export const EMITTER_VERSION = 2;
