/** The engine on the reference interpreter: the oracle, and the fallback for what other engines do not run. */
import { type BlockRules, SYSTEM_ADDRESS, SYSTEM_CALL_GAS, type SystemCall } from "@velarium/chain-rules";
import { NO_WORDS } from "./columns.ts";
import { DeclaredAccesses, diverges } from "./divergence.ts";
import { LearnedEnough, SlotMiss } from "./journaled-slots.ts";
import { encodeLogs, NO_LOGS } from "./logs.ts";
import { collectOutcome } from "./outcome.ts";
import { ReferenceTracer } from "./reference-tracer.ts";
import { addressOf, SlotEvm } from "./slot-evm.ts";
import { blockFor, runTransaction, type TransactionOutcome } from "./transaction.ts";
import {
  type BlockContext,
  type Engine,
  EngineError,
  type ExecutableTransaction,
  type ExecuteOptions,
  type ExecutionResult,
  type StateView,
} from "./types.ts";

export interface ReferenceEngineOptions {
  /**
   * The state may hold accounts that exist but are empty (chains with blocks before EIP-158). Then a touch of such an
   * account removes it, which costs a read of the code word of everything touched. Default false.
   */
  readonly keepsEmptyAccounts?: boolean;
}

/**
 * Misses that one execution may have, each of which starts it over; more means the state keeps forgetting. A
 * transaction of 16.7 Mgas can look at fewer than 7000 cold accounts.
 */
const MAX_RESTARTS = 10_000;

/** Restarts after which accounts are fetched whole. */
const PATIENT_RESTARTS = 8;

/** Idle interpreters kept per fork; as many run at once as callers ask for. */
const MAX_IDLE = 16;

const NOTHING: TransactionOutcome = {
  outcome: "included",
  status: 1,
  gasUsed: 0,
  refund: 0,
  logs: NO_LOGS,
  returnData: new Uint8Array(0),
  createdAddress: undefined,
  beneficiaryFee: 0n,
};

type Work = (evm: SlotEvm) => Promise<TransactionOutcome>;

class ReferenceEngine implements Engine {
  readonly name = "reference";
  private readonly keepsEmptyAccounts: boolean;
  private readonly idle = new Map<BlockRules, SlotEvm[]>();

  constructor(options: ReferenceEngineOptions) {
    this.keepsEmptyAccounts = options.keepsEmptyAccounts ?? false;
  }

  execute(context: BlockContext, tx: ExecutableTransaction, state: StateView, options: ExecuteOptions = {}) {
    return this.run(context, state, options, (evm) =>
      runTransaction(evm, context, tx, options, this.keepsEmptyAccounts),
    );
  }

  systemCall(context: BlockContext, call: SystemCall, state: StateView): Promise<ExecutionResult> {
    return this.run(context, state, {}, async (evm) => {
      const to = addressOf(call.address);
      evm.journal.cleanJournal();
      evm.transientStorage.clear();
      if ((await evm.slots.getCode(to)).length === 0) return NOTHING;
      const caller = addressOf(SYSTEM_ADDRESS);
      const { execResult: result } = await evm.runCall({
        block: blockFor(context, addressOf(context.beneficiary)),
        caller,
        to,
        data: call.data,
        gasLimit: BigInt(SYSTEM_CALL_GAS),
        skipNonceIncrement: true,
      });
      if (evm.slots.stopped !== undefined) throw evm.slots.stopped;
      return {
        ...NOTHING,
        status: result.exceptionError === undefined ? 1 : 0,
        gasUsed: Number(result.executionGasUsed),
        logs: encodeLogs((result.logs ?? []).map(([address, topics, data]) => ({ address, topics, data }))),
        returnData: result.returnValue,
      };
    });
  }

  private acquire(rules: BlockRules): SlotEvm {
    return this.idle.get(rules)?.pop() ?? new SlotEvm(rules);
  }

  private release(rules: BlockRules, evm: SlotEvm): void {
    let idle = this.idle.get(rules);
    if (idle === undefined) this.idle.set(rules, (idle = []));
    if (idle.length < MAX_IDLE) idle.push(evm);
  }

  private async run(
    context: BlockContext,
    state: StateView,
    options: ExecuteOptions,
    work: Work,
  ): Promise<ExecutionResult> {
    const { rules } = context;
    const declared = options.declared === undefined ? undefined : new DeclaredAccesses(options.declared);
    const evm = this.acquire(rules);
    const { slots } = evm;
    slots.open(state, rules, declared);
    const tracer = options.trace === undefined ? undefined : new ReferenceTracer(options.trace);
    const detach = tracer?.attach(evm);
    for (let restarts = 0; restarts <= MAX_RESTARTS; restarts++) {
      try {
        tracer?.begin();
        const outcome = await work(evm);
        if (tracer?.failure !== undefined)
          throw new EngineError("TRACE_LIMIT", tracer.failure.message, tracer.failure);
        tracer?.finish();
        detach?.();
        const result = this.finish(evm, rules, outcome, options, declared);
        this.release(rules, evm);
        return result;
      } catch (thrown) {
        const cause = slots.stopped ?? thrown;
        if (cause instanceof LearnedEnough) {
          const { accesses } = collectOutcome(slots, rules.eip158, true);
          detach?.();
          this.release(rules, evm);
          return {
            ...NOTHING,
            outcome: "returned",
            reason: "diverged",
            status: 0,
            accesses,
            writes: NO_WORDS,
            deltas: NO_WORDS,
            codes: [],
          };
        }
        if (cause instanceof EngineError) throw cause;
        if (!(cause instanceof SlotMiss))
          throw new EngineError("INTERNAL", `the interpreter failed: ${String(cause)}`, cause);
        await slots.resolve(cause);
        slots.restart();
        slots.eager ||= restarts >= PATIENT_RESTARTS;
      }
    }
    throw new EngineError("TOO_MANY_RESTARTS", `state was missing ${MAX_RESTARTS} times in one execution`);
  }

  private finish(
    evm: SlotEvm,
    rules: BlockRules,
    outcome: TransactionOutcome,
    options: ExecuteOptions,
    declared: DeclaredAccesses | undefined,
  ): ExecutionResult {
    const state = collectOutcome(evm.slots, rules.eip158, options.reportAttemptedWrites === true);
    if (declared !== undefined && diverges(declared, state.accesses))
      return {
        ...NOTHING,
        outcome: "returned",
        reason: "diverged",
        status: 0,
        accesses: state.accesses,
        writes: NO_WORDS,
        deltas: NO_WORDS,
        codes: [],
      };
    if (outcome.outcome !== "included")
      return { ...outcome, accesses: state.accesses, writes: NO_WORDS, deltas: NO_WORDS, codes: [] };
    return { ...outcome, ...state };
  }
}

export function createReferenceEngine(options: ReferenceEngineOptions = {}): Engine {
  return new ReferenceEngine(options);
}
