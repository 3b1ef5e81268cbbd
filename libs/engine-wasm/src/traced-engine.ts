/**
 * Executions with a trace, on the build of the kernel that leaves one. One at a time, in a memory of their own: the engine
 * beside it knows nothing of them.
 */
import {
  type BlockContext,
  type Engine,
  EngineError,
  type ExecutableTransaction,
  type ExecuteOptions,
  type ExecutionResult,
  NO_WORDS,
  type StateView,
  type TraceSink,
} from "@velarium/engine";
import {
  createKernel,
  type Kernel,
  KernelError,
  type KernelOptions,
  type KernelTrace,
} from "@velarium/evm-kernel";
import { type Precompiles, precompilesOf } from "@velarium/precompiles";

export interface TracedEngineOptions {
  readonly keepsEmptyAccounts: boolean;
  /** Runs what meets a bound of the kernel. */
  readonly reference: Engine;
  /** As in KernelOptions: may install functions. Without it all code is interpreted, since it runs once. */
  readonly prepare?: KernelOptions["prepare"];
}

/** Tables of one transaction: address space, most of it never touched. */
const BOUNDS = { accounts: 2 ** 15, slots: 2 ** 17, codeBytes: 32 * 2 ** 20, keccakMemo: 2 ** 10 };

type Answer = Promise<ExecutionResult> | ExecutionResult;

export class TracedEngine {
  private readonly options: TracedEngineOptions;
  readonly kernel: Kernel;
  private readonly trace: KernelTrace & { sink: TraceSink | undefined; left: number };
  private precompiles: Precompiles | undefined;
  /** Ends when all that came before is done. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(options: TracedEngineOptions) {
    this.options = options;
    const trace: TracedEngine["trace"] = {
      sink: undefined,
      left: 0,
      write(records) {
        this.left -= records.length;
        if (this.left < 0) return false;
        this.sink?.write(records);
        return true;
      },
    };
    this.trace = trace;
    this.kernel = createKernel({
      ...BOUNDS,
      trace,
      ...(options.prepare === undefined ? {} : { prepare: options.prepare }),
      precompile: (id, input, gasLimit) => {
        const result = this.precompiles!.run(id, input, gasLimit);
        return result.ok ? result : undefined;
      },
    });
  }

  /** `options.trace` must be given. @throws EngineError `TRACE_LIMIT` and what the view throws */
  execute(
    context: BlockContext,
    transaction: ExecutableTransaction,
    state: StateView,
    options: ExecuteOptions & { readonly trace: TraceSink },
  ): Promise<ExecutionResult> {
    const mine = this.last.then(() => this.run(context, transaction, state, options));
    this.last = mine.catch(() => {});
    return mine;
  }

  private async run(
    context: BlockContext,
    transaction: ExecutableTransaction,
    state: StateView,
    options: ExecuteOptions & { readonly trace: TraceSink },
  ): Promise<ExecutionResult> {
    const { kernel, trace } = this;
    this.precompiles = precompilesOf(context.rules);
    kernel.setBlock(context);
    trace.sink = options.trace;
    trace.left = options.trace.maxBytes;
    kernel.begin(transaction, { ...options, keepsEmptyAccounts: this.options.keepsEmptyAccounts });
    for (;;) {
      const status = kernel.run();
      if (status === "done") return this.finish();
      if (status !== "miss") return this.giveUp(context, transaction, state, options);
      await this.supply(state);
    }
  }

  private async supply(state: StateView): Promise<void> {
    const { kernel } = this;
    const miss = kernel.miss();
    if (miss.kind === "slot") {
      kernel.supplySlot(state.read(miss.key) ?? (await state.fetch(miss.key)));
      return;
    }
    try {
      kernel.supplyCode(state.codeByPrefix(miss.prefix) ?? (await state.fetchCode(miss.prefix)));
    } catch (error) {
      if (error instanceof KernelError && error.code === "code-mismatch")
        throw new EngineError("CODE_MISMATCH", "the state served code that does not have the requested hash");
      throw error;
    }
  }

  private finish(): ExecutionResult {
    const outcome = this.kernel.outcome();
    const effects = this.kernel.effects();
    return outcome.outcome === "included"
      ? { ...outcome, ...effects }
      : { ...outcome, accesses: effects.accesses, writes: NO_WORDS, deltas: NO_WORDS, codes: [] };
  }

  private giveUp(
    context: BlockContext,
    transaction: ExecutableTransaction,
    state: StateView,
    options: ExecuteOptions & { readonly trace: TraceSink },
  ): Answer {
    const { maxBytes } = options.trace;
    if (this.trace.left < 0)
      throw new EngineError("TRACE_LIMIT", `the trace is longer than ${maxBytes} bytes`);
    // Records that were handed over are of a run that did not end.
    options.trace.restart();
    return this.options.reference.execute(context, transaction, state, options);
  }
}
