/** Lets the compiler look at the kernel's counters now and then: between executions, never during one. */
import type { BlockRules } from "@velarium/chain-rules";
import {
  type CompiledStats,
  type Compiler,
  type CompilerOptions,
  createCompiler,
} from "@velarium/evm-compiler";
import type { Kernel } from "@velarium/evm-kernel";

/** Executions between two looks, each of which takes some 0.3 µs per code known. */
const EXECUTIONS = 512;
/** Least time between two looks, ms, so that many codes and short executions cost nothing that shows. */
const MIN_INTERVAL_MS = 20;

export class TierUp {
  readonly compiler: Compiler;
  private executions = 0;
  private lastMs = 0;

  constructor(kernel: Kernel, options: Omit<CompilerOptions, "kernel">) {
    this.compiler = createCompiler({ ...options, kernel });
    // What goes wrong with the worker shows with the first code that it gets.
    this.compiler.warmUp().catch(() => {});
  }

  /** Counts an execution that is about to begin under `rules`. */
  note(rules: BlockRules): void {
    if (++this.executions < EXECUTIONS) return;
    const now = performance.now();
    if (now - this.lastMs < MIN_INTERVAL_MS) return;
    this.executions = 0;
    this.lastMs = now;
    this.compiler.poll(rules);
  }

  /** What is known of compiled templates, by template. */
  byTemplate(): ReadonlyMap<string, CompiledStats> {
    return new Map(this.compiler.stats().map((stats) => [stats.template, stats]));
  }
}
