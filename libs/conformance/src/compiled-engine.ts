/**
 * The engine with everything compiled before its first frame, initcode too. A code that exceeds a budget of the compiler
 * may be interpreted, and is told; gas that is interpreted for any other reason is a failure of the case.
 */
import { createWasmEngine, type WasmEngine, type WasmEngineOptions } from "@velarium/engine-wasm";
import { type Compiler, createCompiler, type FallbackReason } from "@velarium/evm-compiler";

/** What is no budget but a fault of the compiler. */
const FAULTS: ReadonlySet<FallbackReason> = new Set<FallbackReason>(["crash", "ir"]);

export class CompiledEngine {
  readonly engine: WasmEngine;
  /** Codes that stayed with the interpreter, by reason. */
  readonly refused: Record<string, number> = {};
  private readonly compiler: Compiler;
  /** Entries of codes that exceed a budget, of the kernel's epoch `epoch`. */
  private readonly excused = new Set<number>();
  /** Gas that was interpreted of an entry in the cases before: the kernel counts over its life. */
  private readonly interpretedBefore = new Map<number, number>();
  private epoch = 0;
  /** Initcode of the case that runs exceeds a budget. */
  private isInitcodeExcused = false;
  private fault: string | undefined;
  private gasBefore = 0n;

  constructor(options: WasmEngineOptions) {
    this.engine = createWasmEngine({
      ...options,
      kernel: { ...options.kernel, prepare: (entry, rules) => this.force(entry, rules) },
    });
    this.compiler = createCompiler({
      kernel: this.engine.kernel,
      background: false,
      budgets: { exits: 0 },
    });
  }

  private force(...[entry, rules]: Parameters<Compiler["force"]>): void {
    const { kernel } = this.engine;
    this.keepUp();
    const outcome = this.compiler.force(entry, rules);
    if (outcome.compiled) {
      this.excused.delete(entry);
      return;
    }
    const { reason, message } = outcome;
    this.refused[reason] = (this.refused[reason] ?? 0) + 1;
    if (FAULTS.has(reason)) this.fault ??= `the compiler failed: ${reason}: ${message}`;
    else if (kernel.isInitcode(entry)) this.isInitcodeExcused = true;
    else this.excused.add(entry);
  }

  /** When the kernel has forgotten all codes, entries name others. */
  private keepUp(): void {
    const { codeEpoch } = this.engine.kernel;
    if (this.epoch === codeEpoch) return;
    this.epoch = codeEpoch;
    this.excused.clear();
    this.interpretedBefore.clear();
  }

  /** Whether in this case no code was interpreted but those that exceed a budget. */
  private onlyExcused(): boolean {
    this.keepUp();
    let [some, only] = [false, true];
    for (const { entry, interpreted } of this.engine.kernel.codes()) {
      if (interpreted === (this.interpretedBefore.get(entry) ?? 0)) continue;
      this.interpretedBefore.set(entry, interpreted);
      some = true;
      if (!this.excused.has(entry)) only = false;
    }
    return some && only;
  }

  /** Why the case that has just run does not count as compiled; undefined when it does. */
  objection(): string | undefined {
    const { fault, isInitcodeExcused } = this;
    this.fault = undefined;
    this.isInitcodeExcused = false;
    const gas = this.engine.kernel.interpretedGas();
    const interpreted = gas - this.gasBefore;
    this.gasBefore = gas;
    if (interpreted === 0n) return fault;
    // Asked in any case, since it keeps count.
    const onlyExcused = this.onlyExcused();
    if (fault !== undefined) return fault;
    if (isInitcodeExcused || onlyExcused) return undefined;
    return `${interpreted} gas was interpreted`;
  }
}
