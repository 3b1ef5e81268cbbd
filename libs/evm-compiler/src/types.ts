/** What an engine sees of the compiler. */
import type { BlockRules } from "@velarium/chain-rules";
import type { Kernel } from "@velarium/evm-kernel";
import type { CloneLimits } from "./compile.ts";
import type { BudgetKind } from "./wasm/code.ts";

/** Bounds on what one code may cost. A code that exceeds one stays with the interpreter for good. */
export interface CompilerBudgets {
  /** Bytes of code. Default 49,152, the limit of initcode. */
  readonly codeBytes: number;
  /** Blocks of the function, contexts counted separately. */
  readonly blocks: number;
  /** Instructions of the function. */
  readonly instructions: number;
  /**
   * Exits of the function after which the interpreter has the frame: jumps of which no target is known, and recursion
   * that is followed no further. Default unlimited; 0 where everything has to run compiled or not at all.
   */
  readonly exits: number;
  /** Bytes of WebAssembly. */
  readonly wasmBytes: number;
  /** Locals of one WebAssembly function; V8 accepts 50,000. */
  readonly locals: number;
  /** Levels of structured control flow. */
  readonly nesting: number;
  /** Milliseconds from taking up a code to its module, V8's optimising compiler included. */
  readonly wallMs: number;
  /** MiB of memory of the compile worker's heap. */
  readonly workerMemoryMb: number;
}

export interface CompilerPolicy {
  /** A code is compiled after so many frames... */
  readonly calls: number;
  /** ... or so much gas, whichever comes first. */
  readonly gas: number;
  /** Codes waiting for the worker; further ones are noticed again later. */
  readonly queueLimit: number;
  /** Modules kept, and bytes of WebAssembly in them; the least used without live frames go first. */
  readonly maxModules: number;
  readonly maxModuleBytes: number;
}

export interface CompilerOptions {
  /** The kernel whose codes are compiled; a compiler belongs to one. */
  readonly kernel: Kernel;
  readonly policy?: Partial<CompilerPolicy>;
  readonly budgets?: Partial<CompilerBudgets>;
  /** False: no worker; codes are compiled by `force` only. Default true. */
  readonly background?: boolean;
  /** How far `force` clones code; for tests. Absent: as far as is good. */
  readonly clones?: CloneLimits;
  /**
   * `force` has V8 optimise at once, as the worker always does; for benchmarks. Default false: V8 optimises what gets hot,
   * which is right for thousands of codes that run once.
   */
  readonly optimise?: boolean;
}

/** `crash`: the compiler failed, which is a bug; the code is interpreted all the same. */
export type FallbackReason = BudgetKind;

/** One code under one set of rules, as the compiler knows it. */
export interface CompiledStats {
  /** Hash of the template (hexadecimal), shared by codes that differ in constants only. */
  readonly template: string;
  readonly fork: string;
  readonly codeBytes: number;
  /** `queued` and `compiling` in the background, `ready`: the module is there; `fallback`: interpreted for good. */
  readonly state: "queued" | "compiling" | "ready" | "fallback" | "evicted";
  readonly reason?: FallbackReason;
  readonly message?: string;
  readonly blocks?: number;
  readonly wasmBytes?: number;
  /** Milliseconds of building the function, of emitting it, and of V8. */
  readonly buildMs?: number;
  readonly emitMs?: number;
  readonly optimiseMs?: number;
  /** Entries of the kernel that run it now. */
  readonly installed: number;
}

export type ForceOutcome =
  | { readonly compiled: true }
  | { readonly compiled: false; readonly reason: FallbackReason; readonly message: string };

export interface Compiler {
  /**
   * Looks at the kernel's counters under `rules`, the rules of the last `setBlock`: puts functions that are ready in
   * charge of their codes, and queues codes that have become hot. Between executions, every few milliseconds or hundreds
   * of transactions; costs some microseconds per thousand codes.
   */
  poll(rules: BlockRules): void;
  /** Counts a frame of a code that the kernel's counters do not see. Optional; `poll` is enough for most engines. */
  noteCall(entry: number, gas: number): void;
  /** Whether a compiled function is in charge of the code. */
  installed(entry: number): boolean;
  /** Compiles a code at once on this thread and installs it, hot or not. For conformance and benchmarks. */
  force(entry: number, rules: BlockRules): ForceOutcome;
  /** As `force`, on the worker. */
  forceInBackground(entry: number, rules: BlockRules): Promise<ForceOutcome>;
  /**
   * Starts the worker before there is work and lets V8 learn the compiler on it, for less than a second, once. Resolves when
   * that is over; nobody has to wait for it.
   */
  warmUp(): Promise<void>;
  /** Everything that was compiled or fell back, for metrics and `velarium engine stats`. */
  stats(): CompiledStats[];
  /** Ends the worker. */
  close(): Promise<void>;
}
