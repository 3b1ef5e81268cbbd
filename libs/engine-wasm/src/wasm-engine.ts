/**
 * The engine on the kernel in WebAssembly. Executions run synchronously until a value is missing; then the view is
 * asked, and while it fetches, others use the memory: a waiting execution is copied out only when another one comes.
 */
import type { SystemCall } from "@velarium/chain-rules";
import {
  type BlockContext,
  createReferenceEngine,
  DeclaredAccesses,
  diverges,
  type Engine,
  EngineError,
  type ExecutableTransaction,
  type ExecuteOptions,
  type ExecutionResult,
  NO_LOGS,
  NO_WORDS,
  type StateView,
} from "@velarium/engine";
import { templateKey } from "@velarium/evm-compiler";
import { createKernel, type Kernel, KernelError, type Miss } from "@velarium/evm-kernel";
import { type Precompiles, precompilesOf } from "@velarium/precompiles";
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { Execution } from "./execution.ts";
import { DEFAULT_PARKED_BYTES, type WasmEngineOptions } from "./options.ts";
import { KernelPath } from "./packed-path.ts";
import { KernelSimulation } from "./packed-simulation.ts";
import { type CodeReport, createEngineStats, type EngineStats, type FallbackReason } from "./stats.ts";
import { TierUp } from "./tier-up.ts";
import { TracedEngine } from "./traced-engine.ts";

/** Times an execution may be begun again; more means the state keeps forgetting. */
const MAX_RESTARTS = 10_000;

const DIVERGED = {
  outcome: "returned",
  reason: "diverged",
  status: 0,
  gasUsed: 0,
  refund: 0,
  logs: NO_LOGS,
  returnData: new Uint8Array(0),
  createdAddress: undefined,
  beneficiaryFee: 0n,
  writes: NO_WORDS,
  deltas: NO_WORDS,
  codes: [],
} as const;

export class WasmEngine implements Engine {
  readonly name = "wasm";
  readonly stats: EngineStats = createEngineStats();
  readonly kernel: Kernel;
  readonly packed: KernelPath;
  readonly simulation: KernelSimulation;
  private readonly tierUp: TierUp | undefined;
  private readonly reference: Engine;
  /** Made when a trace is first asked for. */
  private traced: TracedEngine | undefined;
  private readonly keepsEmptyAccounts: boolean;
  private readonly parkedLimit: number;
  private readonly parked = new Set<Execution>();
  private parkedBytes = 0;
  private context: BlockContext | undefined;
  private precompiles: Precompiles | undefined;
  /** The execution whose frames are in the kernel's memory and that waits for a value. */
  private waiting: Execution | undefined;

  constructor(options: WasmEngineOptions = {}) {
    this.keepsEmptyAccounts = options.keepsEmptyAccounts ?? false;
    this.parkedLimit = options.parkedBytes ?? DEFAULT_PARKED_BYTES;
    this.reference = createReferenceEngine({ keepsEmptyAccounts: this.keepsEmptyAccounts });
    this.kernel = createKernel({
      ...options.kernel,
      precompile: (id, input, gasLimit) => {
        const result = this.precompiles!.run(id, input, gasLimit);
        return result.ok ? result : undefined;
      },
    });
    this.tierUp = options.compiler && new TierUp(this.kernel, options.compiler);
    const { kernel, stats, keepsEmptyAccounts } = this;
    const enter = (context: BlockContext): void => this.enter(context);
    const parts = { kernel, stats, keepsEmptyAccounts, enter };
    this.packed = new KernelPath(parts);
    this.simulation = new KernelSimulation(parts);
  }

  execute(
    context: BlockContext,
    transaction: ExecutableTransaction,
    state: StateView,
    options: ExecuteOptions = {},
  ): Promise<ExecutionResult> | ExecutionResult {
    const fallback = () => this.reference.execute(context, transaction, state, options);
    const { trace } = options;
    if (trace !== undefined) {
      this.traced ??= new TracedEngine({
        reference: this.reference,
        keepsEmptyAccounts: this.keepsEmptyAccounts,
      });
      return this.traced.execute(context, transaction, state, { ...options, trace });
    }
    const begin = (kernel: Kernel): void => {
      kernel.begin(transaction, {
        skipNonceCheck: options.skipNonceCheck,
        skipFundsCheck: options.skipFundsCheck,
        skipFeeCheck: options.skipFeeCheck,
        skipSenderCodeCheck: options.skipSenderCodeCheck,
        reportAttemptedWrites: options.reportAttemptedWrites,
        keepsEmptyAccounts: this.keepsEmptyAccounts,
        watched: options.declared !== undefined,
      });
      if (options.declared !== undefined) preloadDeclared(kernel, options.declared, state);
    };
    return this.start(new Execution(context, state, options, begin, fallback));
  }

  systemCall(
    context: BlockContext,
    call: SystemCall,
    state: StateView,
  ): Promise<ExecutionResult> | ExecutionResult {
    const begin = (kernel: Kernel): void => kernel.beginSystemCall(call);
    const fallback = () => this.reference.systemCall(context, call, state);
    return this.start(new Execution(context, state, {}, begin, fallback));
  }

  /** Codes in memory, those with the most gas first. */
  codes(most: number): CodeReport[] {
    const all = this.kernel.codes().sort((a, b) => b.gas - a.gas);
    const compiled = this.tierUp?.byTemplate();
    const rules = this.context?.rules;
    return all.slice(0, most).map((code) => {
      const template = rules && compiled && templateKey(this.kernel.codeOf(code.entry), rules);
      const known = template === undefined ? undefined : compiled?.get(template);
      return {
        hash: code.hash,
        bytes: code.bytes,
        tier: code.compiled ? "compiled" : "interpreter",
        calls: code.calls,
        interpreted: code.interpreted,
        gas: code.gas,
        compilation: known && {
          state: known.state,
          reason: known.reason,
          ms: (known.buildMs ?? 0) + (known.emitMs ?? 0),
          optimiseMs: known.optimiseMs ?? 0,
          wasmBytes: known.wasmBytes ?? 0,
        },
      };
    });
  }

  /** How many templates the compiler knows in each state, and those that stay interpreted by reason. */
  compilations(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { state, reason } of this.tierUp?.byTemplate().values() ?? []) {
      const name = state === "fallback" ? `fallback ${reason}` : state;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  /** Ends the compiler's thread. */
  async close(): Promise<void> {
    await this.tierUp?.compiler.close();
  }

  /** Takes the memory from whoever waits in it, and enters a block. */
  private enter(context: BlockContext): void {
    if (this.waiting !== undefined) this.park(this.waiting);
    // Codes cannot be forgotten while a parked execution names them: where they have to be, it begins again.
    if (this.parked.size > 0 && this.kernel.isCrowded)
      for (const execution of this.parked) this.lose(execution);
    this.tierUp?.note(context.rules);
    if (this.context === context) return;
    this.context = context;
    this.precompiles = precompilesOf(context.rules);
    this.kernel.setBlock(context);
  }

  private park(execution: Execution): void {
    this.waiting = undefined;
    if (this.parkedBytes >= this.parkedLimit) {
      execution.isLost = true;
      return;
    }
    execution.saved = this.kernel.save();
    this.parked.add(execution);
    this.parkedBytes += execution.saved.bytes.length;
    this.stats.parked++;
  }

  /** Gives up the frames of a parked execution. */
  private lose(execution: Execution): void {
    this.drop(execution);
    execution.isLost = true;
  }

  private start(execution: Execution): Promise<ExecutionResult> | ExecutionResult {
    this.stats.executions++;
    this.enter(execution.context);
    execution.begin(this.kernel);
    return this.advance(execution) ?? this.wait(execution);
  }

  /** Runs until the end, or until something is not at hand (undefined). */
  private advance(execution: Execution): Promise<ExecutionResult> | ExecutionResult | undefined {
    const { kernel } = this;
    for (;;) {
      const status = kernel.run();
      if (status === "done") return this.finish(execution);
      if (status === "limit") return this.fallBack("limit", execution.fallback);
      if (status === "learned") return { ...DIVERGED, accesses: kernel.attempts() };
      const miss = kernel.miss();
      const value = execution.atHand(miss);
      if (value === undefined) return undefined;
      this.supply(miss, value);
    }
  }

  private async wait(execution: Execution): Promise<ExecutionResult> {
    for (let restarts = 0; restarts <= MAX_RESTARTS; ) {
      const miss = this.kernel.miss();
      const { stats } = this;
      stats.suspensions++;
      stats.suspensionsByOpcode[miss.opcode] = (stats.suspensionsByOpcode[miss.opcode] ?? 0) + 1;
      this.waiting = execution;
      let value: Uint8Array;
      try {
        value = await execution.fetch(miss);
      } catch (error) {
        this.drop(execution);
        throw error;
      }
      if (this.resume(execution)) this.supply(miss, value);
      else {
        restarts++;
        this.stats.restarts++;
        execution.isLost = false;
        execution.begin(this.kernel);
      }
      const result = this.advance(execution);
      if (result !== undefined) return result;
    }
    throw new EngineError("TOO_MANY_RESTARTS", `begun again ${MAX_RESTARTS} times in one execution`);
  }

  /** Brings the frames of an execution back into memory. False when they were given up. */
  private resume(execution: Execution): boolean {
    if (this.waiting === execution) {
      this.waiting = undefined;
      return true;
    }
    this.enter(execution.context);
    if (execution.isLost) return false;
    this.kernel.restore(execution.saved!);
    this.drop(execution);
    return true;
  }

  private drop(execution: Execution): void {
    if (this.waiting === execution) this.waiting = undefined;
    if (execution.saved === undefined) return;
    this.parked.delete(execution);
    this.parkedBytes -= execution.saved.bytes.length;
    execution.saved = undefined;
    this.kernel.drop();
  }

  private supply(miss: Miss, value: Uint8Array): void {
    if (miss.kind === "slot") {
      this.kernel.supplySlot(value);
      return;
    }
    try {
      this.kernel.supplyCode(value);
    } catch (error) {
      if (error instanceof KernelError && error.code === "code-mismatch")
        throw new EngineError("CODE_MISMATCH", "the state served code that does not have the requested hash");
      throw error;
    }
  }

  private finish(execution: Execution): ExecutionResult {
    const { declared } = execution.options;
    const outcome = this.kernel.outcome();
    const effects = this.kernel.effects();
    this.stats.gas += outcome.gasUsed;
    if (declared !== undefined && diverges(new DeclaredAccesses(declared), effects.accesses))
      return { ...DIVERGED, accesses: effects.accesses };
    if (outcome.outcome !== "included")
      return { ...outcome, accesses: effects.accesses, writes: NO_WORDS, deltas: NO_WORDS, codes: [] };
    return { ...outcome, ...effects };
  }

  private fallBack(
    reason: FallbackReason,
    run: () => Promise<ExecutionResult> | ExecutionResult,
  ): Promise<ExecutionResult> | ExecutionResult {
    this.stats.fallbacks[reason]++;
    return run();
  }
}

/** Declares accesses, with the values that the view has at hand. */
function preloadDeclared(
  kernel: Kernel,
  declared: NonNullable<ExecuteOptions["declared"]>,
  state: StateView,
): void {
  const { count, keys, kinds } = declared;
  const known = { count: 0, keys: new Uint8Array(count * SLOT_KEY_BYTES), kinds: new Uint8Array(count) };
  const unknown = { count: 0, keys: new Uint8Array(count * SLOT_KEY_BYTES), kinds: new Uint8Array(count) };
  const words = new Uint8Array(count * WORD_BYTES);
  for (let i = 0; i < count; i++) {
    const key = keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES);
    const word = state.read(key);
    if (word !== undefined) words.set(word, known.count * WORD_BYTES);
    const to = word === undefined ? unknown : known;
    to.keys.set(key, to.count * SLOT_KEY_BYTES);
    to.kinds[to.count++] = kinds[i]!;
  }
  kernel.preload(known.count, known.keys, words, known.kinds);
  kernel.declare(unknown.count, unknown.keys, unknown.kinds);
}

export const createWasmEngine = (options?: WasmEngineOptions): WasmEngine => new WasmEngine(options);
