/**
 * Access sets one transaction at a time: strategies are asked in turn until one knows everything. What a strategy throws
 * concerns the transaction it was asked about, and the next one is asked; only state that does not answer fails the message.
 */
import { bytesAt } from "@velarium/columns";
import { type BlockContext, type ExecutableTransaction, toExecutable } from "@velarium/engine";
import { AccessKind, Domain, SLOT_KEY_BYTES } from "@velarium/slots";
import { decodeTransaction } from "@velarium/tx-codec";
import { SENDER_ACCESSES } from "@velarium/wire";
import { AccessSet } from "./access-set.ts";
import type { AnalysisErrors } from "./analysis-errors.ts";
import type { BatchDraft } from "./batch-draft.ts";
import type { CommittedView } from "./committed-view.ts";
import type { AccessStrategy, SimulationStrategy } from "./strategies.ts";

/** A row that is no transfer, with its access set once it is known. */
interface GeneralRow {
  readonly row: number;
  readonly transaction: ExecutableTransaction;
  readonly accesses: AccessSet;
}

/** Most accesses that one transaction, and all of a message, may declare. */
export interface DeclarationLimits {
  readonly transaction: number;
  readonly message: number;
}

export interface GeneralAnalysisParts {
  readonly strategies: readonly AccessStrategy[];
  readonly simulation: SimulationStrategy;
  readonly view: CommittedView;
  readonly errors: AnalysisErrors;
  readonly limits: DeclarationLimits;
  /** Simulations of one message at a time. */
  readonly atOnce: number;
  /** Told of every strategy that contributed. */
  readonly contributed: (name: AccessStrategy["name"]) => void;
  /** Whether the event loop should have a turn, and gives it one. */
  readonly isTurnOver: () => boolean;
  readonly yieldTurn: () => Promise<void>;
}

export class GeneralAnalysis {
  private readonly parts: GeneralAnalysisParts;

  constructor(parts: GeneralAnalysisParts) {
    this.parts = parts;
  }

  /** Accesses of each of `rows`, in order. Rejects when the state does not answer. */
  async find(draft: BatchDraft, rows: readonly number[], context: BlockContext): Promise<AccessSet[]> {
    const { errors, limits, atOnce, simulation, isTurnOver, yieldTurn } = this.parts;
    const general: GeneralRow[] = [];
    const sets = rows.map((row) => {
      const accesses = accessesOfSender(draft, row);
      try {
        general.push({ row, transaction: executableOf(draft, row), accesses });
      } catch (error) {
        errors.note("decoding", error);
      }
      return accesses;
    });
    await this.prefetch(general);
    let next = 0;
    let declared = 0;
    const work = async (): Promise<void> => {
      while (next < general.length) {
        const { transaction, accesses } = general[next++]!;
        if (isTurnOver()) await yieldTurn();
        await this.askStrategies(transaction, accesses, context);
        if (accesses.count > limits.transaction || declared + accesses.count > limits.message) {
          // Too much to foresee: it will diverge, and ends in the marked tail, which needs no declaration.
          accesses.keepFirst(SENDER_ACCESSES);
          simulation.failures++;
        }
        declared += accesses.count;
      }
    };
    await Promise.all(Array.from({ length: Math.min(general.length, atOnce) }, work));
    return sets;
  }

  private async askStrategies(
    transaction: ExecutableTransaction,
    accesses: AccessSet,
    context: BlockContext,
  ): Promise<void> {
    const { strategies, view, errors, contributed } = this.parts;
    for (const strategy of strategies) {
      const failuresBefore = view.failures;
      const countBefore = accesses.count;
      try {
        const knowledge = await strategy.contribute({ transaction, context, view }, accesses);
        if (knowledge !== "none") contributed(strategy.name);
        if (knowledge === "complete") return;
      } catch (error) {
        if (view.failures !== failuresBefore) throw view.lastFailure;
        errors.note(strategy.name, error);
        accesses.keepFirst(countBefore);
      }
    }
  }

  /** One request per shard for what the message will certainly or probably need. */
  private async prefetch(rows: readonly GeneralRow[]): Promise<void> {
    const wanted = new AccessSet();
    for (const { transaction } of rows) {
      const { sender, to } = transaction;
      wanted.addField(Domain.balance, sender, AccessKind.R);
      wanted.addField(Domain.nonce, sender, AccessKind.R);
      wanted.addField(Domain.code, sender, AccessKind.R);
      if (to !== undefined) wanted.addField(Domain.code, to, AccessKind.R);
      if (to !== undefined && transaction.value > 0n) wanted.addField(Domain.balance, to, AccessKind.R);
      const expected = this.parts.simulation.expected(transaction);
      if (expected === undefined) continue;
      for (let at = 0; at < expected.length; at += SLOT_KEY_BYTES) {
        // Hashes of blocks move on with the chain.
        if (expected[at] !== Domain.blockHash) wanted.add(expected, at, AccessKind.R);
      }
    }
    await this.parts.view.prefetch(wanted.keys, wanted.count);
  }
}

function executableOf(draft: BatchDraft, row: number): ExecutableTransaction {
  const sender = draft.senders.slice(row * 20, row * 20 + 20);
  return toExecutable(decodeTransaction(bytesAt(draft.raw, row)), sender);
}

/** Whatever becomes of it: the sender pays, its nonce moves, and its code decides whether it may send. */
function accessesOfSender({ senders }: BatchDraft, row: number): AccessSet {
  const accesses = new AccessSet();
  accesses.addField(Domain.balance, senders, AccessKind.W, row * 20);
  accesses.addField(Domain.nonce, senders, AccessKind.W, row * 20);
  accesses.addField(Domain.code, senders, AccessKind.R, row * 20);
  return accesses;
}
