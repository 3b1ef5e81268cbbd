/** `TxBatch` to `Analyzed`: transfers in columns, the rest by strategies, state asked for in few requests. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ChainRules } from "@velarium/chain-rules";
import { encode, type Message } from "@velarium/columns";
import { type BlockContext, createReferenceEngine, type Engine } from "@velarium/engine";
import { hasCode, partitionOfId, SLOT_KEY_BYTES, type SlotIds, WORD_BYTES } from "@velarium/slots";
import type { RecoveredColumn } from "@velarium/tx-codec";
import { Analyzed, Reason, Shape, TRANSFER_ACCESSES, type TxBatch } from "@velarium/wire";
import { type AnalysisErrorListener, AnalysisErrors } from "./analysis-errors.ts";
import { BatchDraft, KeyScratch, TransferAccess } from "./batch-draft.ts";
import { CallAccesses } from "./call-accesses.ts";
import { CodelessSet } from "./codeless-set.ts";
import { CodeCache, CommittedView } from "./committed-view.ts";
import { AccessArena } from "./found-accesses.ts";
import { GeneralAnalysis } from "./general-analysis.ts";
import { PackedAnalysis } from "./packed-analysis.ts";
import { PackedProfiles } from "./packed-profiles.ts";
import { ProfileStrategy } from "./profile-strategy.ts";
import { recoverHere, type SenderRecovery } from "./sender-recovery.ts";
import type { SlotSource } from "./slot-source.ts";
import { type AccessStrategy, declaredAccesses, SimulationStrategy } from "./strategies.ts";
import { type AccessColumns, TransferAccesses } from "./transfer-accesses.ts";

/**
 * Accesses declared for one transaction, at 65 bytes each in a frame: with 128 KiB of raw transaction and a frame that
 * is nearly full already (112 KiB), that stays below the 900 KiB of a stream message.
 */
const MAX_TRANSACTION_ACCESSES = 8192;
/** Accesses declared for the transactions of one message: some 17 MiB, a quarter of what a stream takes at once. */
const MAX_MESSAGE_ACCESSES = 1 << 18;
/** Emptied arenas kept for the messages that follow, one for each that is under analysis at once. */
const KEPT_ARENAS = 8;

export interface BatchAnalyzerOptions {
  readonly slotIds: SlotIds;
  readonly rules: ChainRules;
  readonly source: SlotSource;
  /** 20 bytes. */
  readonly beneficiary: Uint8Array;
  /** Gas limit of a block, for simulations. */
  readonly gasLimit: number;
  readonly engine?: Engine;
  /** Recipients remembered as having no code; 2 Mi. */
  readonly knownRecipients?: number;
  /** How long they are remembered at most, ms. */
  readonly knownRecipientsMaxAgeMs?: number;
  /** Simulations of one message at a time; 32, so that their misses share requests. */
  readonly simulationsAtOnce?: number;
  /** Time for which simulations hold the event loop, ms; 4. */
  readonly sliceMs?: number;
  /** Who recovers senders; this thread if left out. */
  readonly recovery?: SenderRecovery;
  /** Asked between the declared list and the simulation; profiles and evaluation when left out. */
  readonly profiles?: AccessStrategy;
  /** Calls of a function after which it is profiled; 16. */
  readonly callsBeforeProfile?: number;
  /** Told of every error of a way to find access sets. */
  readonly onError?: AnalysisErrorListener;
  readonly now?: () => number;
}

export interface AnalyzerCounters {
  transactions: number;
  transfers: number;
  refused: number;
  /** Recipients that had to be looked up. */
  lookups: number;
  /** Transactions to which each strategy contributed. */
  declared: number;
  profile: number;
  simulation: number;
}

export class BatchAnalyzer {
  readonly counters: AnalyzerCounters = {
    transactions: 0,
    transfers: 0,
    refused: 0,
    lookups: 0,
    declared: 0,
    profile: 0,
    simulation: 0,
  };
  readonly recipients: CodelessSet;
  private readonly profiles: AccessStrategy;
  readonly simulation: SimulationStrategy;
  /** What ways to find access sets threw. */
  readonly errors: AnalysisErrors;
  /** Code loaded so far, for other views of the same chain. */
  readonly codes = new CodeCache();
  private readonly options: BatchAnalyzerOptions;
  private readonly view: CommittedView;
  private readonly now: () => number;
  private readonly keyScratch = new KeyScratch();
  private readonly transfers = new TransferAccesses();
  private readonly calls = new CallAccesses();
  private readonly arenas: AccessArena[] = [];
  private readonly packed: PackedAnalysis | undefined;
  private readonly general: GeneralAnalysis;
  private sliceEndMs = 0;

  constructor(options: BatchAnalyzerOptions) {
    this.options = options;
    this.now = options.now ?? Date.now;
    this.recipients = new CodelessSet(options.knownRecipients, options.knownRecipientsMaxAgeMs);
    this.view = new CommittedView({ source: options.source, codes: this.codes, now: this.now });
    this.profiles = options.profiles ?? new ProfileStrategy();
    this.simulation = new SimulationStrategy(options.engine ?? createReferenceEngine());
    this.errors = new AnalysisErrors(options.onError);
    const { errors } = this;
    const isTurnOver = () => this.isTurnOver();
    const yieldTurn = () => this.yieldTurn();
    this.general = new GeneralAnalysis({
      strategies: [declaredAccesses, this.profiles, this.simulation],
      simulation: this.simulation,
      view: this.view,
      errors,
      limits: { transaction: MAX_TRANSACTION_ACCESSES, message: MAX_MESSAGE_ACCESSES },
      atOnce: options.simulationsAtOnce ?? 32,
      contributed: (name) => {
        this.counters[name]++;
      },
      isTurnOver,
      yieldTurn,
    });
    const { engine, source } = options;
    if (engine?.simulation !== undefined) {
      const { simulation } = engine;
      const { view, now } = this;
      this.packed = new PackedAnalysis({
        profiles:
          this.profiles instanceof ProfileStrategy
            ? new PackedProfiles(this.profiles, options.callsBeforeProfile)
            : undefined,
        simulation,
        source,
        view,
        now,
        errors,
        isTurnOver,
        yieldTurn,
        profiled: () => {
          this.counters.profile++;
        },
        simulated: (gas) => {
          this.counters.simulation++;
          this.simulation.gas += gas;
        },
      });
    }
  }

  /**
   * Analyses one message; gives a packed `Analyzed`. Batches may be analysed side by side. Rejects when the state does not
   * answer: then the whole message is to be analysed again. Whatever else fails concerns single transactions (`errors`).
   */
  async analyzeBatch(batch: Message<typeof TxBatch>, term: number, streamSeq: number): Promise<Uint8Array> {
    const { rules, beneficiary, slotIds } = this.options;
    const recovered = allVerified(batch) ? undefined : await this.recover(batch);
    const draft = new BatchDraft(batch, this.keyScratch);
    draft.fill(batch, recovered, rules.chainId, beneficiary, slotIds);
    const unknown = this.unknownRecipients(draft);
    if (unknown.length > 0) await this.resolveRecipients(draft, unknown);
    const rows = this.generalRows(draft);
    const arena = this.arenas.pop() ?? new AccessArena();
    arena.open(draft.rows);
    await this.findPacked(draft, rows, arena);
    const others = rows.filter((row) => !arena.has(row));
    const sets = others.length === 0 ? [] : await this.general.find(draft, others, this.context());
    this.count(draft, rows.length);
    for (const [i, row] of others.entries()) arena.put(row, sets[i]!);
    const analyzed = encode(Analyzed, this.finish(draft, rows, arena, term, streamSeq));
    if (this.arenas.length < KEPT_ARENAS) this.arenas.push(arena);
    return analyzed;
  }

  private async recover(batch: Message<typeof TxBatch>): Promise<RecoveredColumn> {
    return (this.options.recovery ?? recoverHere)(batch.raw, batch.verified);
  }

  private unknownRecipients(draft: BatchDraft): number[] {
    const { recipients } = this;
    recipients.expire(this.now());
    const unknown: number[] = [];
    for (let c = 0; c < draft.candidateCount; c++) {
      const at = c * TRANSFER_ACCESSES + TransferAccess.recipientCode;
      if (!recipients.has(draft.hi[at]!, draft.lo[at]!)) unknown.push(c);
    }
    return unknown;
  }

  /** Looks the code fields up; candidates whose recipient has code become general rows. */
  private async resolveRecipients(draft: BatchDraft, unknown: readonly number[]): Promise<void> {
    const count = unknown.length;
    const keys = new Uint8Array(count * SLOT_KEY_BYTES);
    const partitions = new Uint8Array(count);
    for (let i = 0, to = 0; i < count; i++) {
      const access = unknown[i]! * TRANSFER_ACCESSES + TransferAccess.recipientCode;
      partitions[i] = partitionOfId(draft.hi[access]!);
      const from = access * SLOT_KEY_BYTES;
      for (let j = 0; j < SLOT_KEY_BYTES; j++) keys[to++] = draft.keys[from + j]!;
    }
    this.counters.lookups += count;
    const words = await this.options.source.read(keys, count, -1, partitions);
    const now = this.now();
    for (let i = 0; i < count; i++) {
      const c = unknown[i]!;
      const at = c * TRANSFER_ACCESSES + TransferAccess.recipientCode;
      if (hasCode(words, i * WORD_BYTES)) draft.shapes[draft.candidates[c]!] = Shape.general;
      else this.recipients.add(draft.hi[at]!, draft.lo[at]!, now);
    }
  }

  /** Rows that are valid and no transfers, ascending. */
  private generalRows(draft: BatchDraft): number[] {
    const rows: number[] = [];
    for (let row = 0; row < draft.rows; row++)
      if (draft.verdicts[row] === Reason.none && draft.shapes[row] !== Shape.transfer) rows.push(row);
    return rows;
  }

  /** Access sets of the rows that need no object: from profiles, or from simulation. */
  private async findPacked(draft: BatchDraft, rows: readonly number[], arena: AccessArena): Promise<void> {
    const { packed } = this;
    if (packed === undefined || rows.length === 0) return;
    await packed.find(draft, rows, this.context(), arena);
    let declared = 0;
    for (const row of rows) {
      if (!arena.has(row)) continue;
      const count = arena.countOf(row);
      // Too much to declare: found out once more, and dealt with, on the other way.
      if (count > MAX_TRANSACTION_ACCESSES || declared + count > MAX_MESSAGE_ACCESSES) arena.forget(row);
      else declared += count;
    }
  }

  private context(): BlockContext {
    const { rules, beneficiary, gasLimit, source } = this.options;
    const number = source.height + 1;
    const timestamp = Math.floor(this.now() / 1000);
    return simulationContext(rules.rulesAt(number, timestamp), number, timestamp, beneficiary, gasLimit);
  }

  /** Simulations are synchronous once values are at hand: give the event loop a turn now and then. */
  private isTurnOver(): boolean {
    return this.now() >= this.sliceEndMs;
  }

  private async yieldTurn(): Promise<void> {
    await nextTurn();
    this.sliceEndMs = this.now() + (this.options.sliceMs ?? 4);
  }

  private count(draft: BatchDraft, general: number): void {
    const { counters } = this;
    let refused = 0;
    for (let row = 0; row < draft.rows; row++) if (draft.verdicts[row] !== Reason.none) refused++;
    counters.transactions += draft.rows;
    counters.refused += refused;
    counters.transfers += draft.rows - refused - general;
  }

  private finish(
    draft: BatchDraft,
    general: readonly number[],
    arena: AccessArena,
    term: number,
    streamSeq: number,
  ): Message<typeof Analyzed> {
    const { verified, verdicts, shapes, types, nonces, gasLimits, feeCaps, tipCaps, senders, hashes, raw } =
      draft;
    const columns = {
      verified,
      verdicts,
      shapes,
      types,
      nonces,
      gasLimits,
      feeCaps,
      tipCaps,
      senders,
      hashes,
      raw,
    };
    const packed =
      general.length === 0 && draft.candidateCount === draft.rows
        ? this.transfers.of(draft)
        : this.joined(draft, general, arena);
    return { term, streamSeq, ...columns, ...packed };
  }

  /** Accesses of transfers and others in the order of the rows. */
  private joined(draft: BatchDraft, general: readonly number[], arena: AccessArena): AccessColumns {
    for (const row of general) draft.shapes[row] = Shape.call;
    return this.calls.join(draft, general, arena, this.options.slotIds);
  }
}

function allVerified(batch: Message<typeof TxBatch>): boolean {
  const { verified, raw } = batch;
  for (let row = 0; row < raw.ends.length; row++) if (verified[row] !== 1) return false;
  return true;
}

/** A block for runs that change nothing: no base fee, so that whoever offers no price pays none. */
export function simulationContext(
  rules: BlockContext["rules"],
  number: number,
  timestamp: number,
  beneficiary: Uint8Array,
  gasLimit: number,
): BlockContext {
  const blobBaseFee = rules.blobs === undefined ? 0n : 1n;
  return {
    rules,
    number,
    timestamp,
    beneficiary,
    gasLimit,
    baseFee: 0n,
    prevRandao: new Uint8Array(32),
    difficulty: 0n,
    blobBaseFee,
  };
}
