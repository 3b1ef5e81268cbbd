/**
 * The framer as a state machine: messages and ticks in, messages out through `FramerEffects`. No clock, randomness,
 * I/O or promise inside; the same inputs give the same outputs. This file is its outside, and when blocks open and close;
 * what is done with transactions on their way is in intake.ts, packing.ts, total-order.ts, outcomes.ts and block-sealing.ts.
 */
import type { Message } from "@velarium/columns";
import { Domain, fieldKey } from "@velarium/slots";
import {
  type Analyzed,
  type BlockCompleted,
  type Committed,
  type EpochNotice,
  MAX_FRAME_BYTES,
  type Receipts,
} from "@velarium/wire";
import { BlockSealing } from "./block-sealing.ts";
import type { BlockState } from "./block-state.ts";
import { FrameReplay, type ReplayFrame } from "./frame-replay.ts";
import { type FramerConfig, type FramerEffects, type FramerStart, FramerStats } from "./framer-types.ts";
import { weiOf } from "./header-fields.ts";
import { Intake } from "./intake.ts";
import { NonceQuestions } from "./nonce-questions.ts";
import { FramerError, type FramerOptions } from "./options.ts";
import { Outcomes } from "./outcomes.ts";
import { Packing } from "./packing.ts";
import { Pool } from "./pool.ts";
import { ResolvedArrivals } from "./resolved-arrivals.ts";
import { TotalOrder } from "./total-order.ts";
import type { Source } from "./transaction-slab.ts";

export class Framer {
  readonly pool: Pool;
  readonly stats = new FramerStats();
  private readonly options: FramerOptions;
  private readonly blocks = new Map<number, BlockState>();
  private readonly order: TotalOrder;
  private readonly packing: Packing;
  private readonly sealing: BlockSealing;
  private readonly earlier: FrameReplay;
  private readonly intake: Intake;
  private readonly questions: NonceQuestions;
  private readonly outcomes: Outcomes;

  constructor(config: FramerConfig, start: FramerStart, effects: FramerEffects) {
    const { options } = config;
    if (options.tailGas > options.blockGasLimit || options.frameBytes > MAX_FRAME_BYTES / 2)
      throw new FramerError(
        "options",
        `tailGas must not exceed blockGasLimit, nor frameBytes ${MAX_FRAME_BYTES / 2}`,
      );
    this.options = options;
    const tracker = new ResolvedArrivals(start.watermark, start.resolved);
    this.pool = new Pool(options);
    this.pool.announced = start.height;
    this.pool.senders.baseFee = weiOf(start.baseFee);
    const { pool, stats, blocks } = this;
    const beneficiary = beneficiaryId(config);
    this.order = new TotalOrder(
      { config, effects, stats, pool, blocks, beneficiary, watermark: () => this.sealing.watermark },
      start,
    );
    this.packing = new Packing({
      options,
      pool,
      stats,
      beneficiary,
      order: this.order,
      onClosed: () => this.sealing.assemble(),
    });
    this.sealing = new BlockSealing(
      {
        config,
        effects,
        pool,
        blocks,
        tracker,
        nowMs: () => this.order.nowMs,
        onAnnounced: () => this.packing.pump(),
      },
      start,
    );
    const { reorderMessages } = options;
    this.earlier = new FrameReplay(pool, blocks);
    this.intake = new Intake(
      { pool, tracker, earlier: this.earlier, stats, reorderMessages },
      start.watermark,
    );
    this.questions = new NonceQuestions(pool, stats, effects);
    this.outcomes = new Outcomes(pool, stats, options);
  }

  /** Set by the shell while appends are behind: nothing is framed meanwhile. */
  set congested(congested: boolean) {
    this.packing.congested = congested;
  }

  /** Set while the service drains: nothing new is taken in, no block is opened for lack of transactions. */
  set draining(draining: boolean) {
    this.packing.draining = draining;
  }

  /** Next message of the `tx` stream that is due. */
  get nextStreamSeq(): number {
    return this.intake.nextStreamSeq;
  }

  /** How far analyzers may go: bounded by the reorder buffer and by what the pool can take. */
  get throughStreamSeq(): number {
    if (this.packing.draining) return this.nextStreamSeq - 1;
    const room = this.options.intakeTransactions - this.pool.executable - this.openTransactions;
    return (
      this.nextStreamSeq - 1 + Math.max(0, Math.min(this.options.reorderMessages, Math.ceil(room / 256)))
    );
  }

  /** Blocks opened and not yet announced. */
  get blocksInFlight(): number {
    return this.packing.blocksInFlight;
  }

  /** Stream seq below which everything has its outcome in an announced record: `tx` may be trimmed to here. */
  get watermark(): number {
    return this.sealing.watermark;
  }

  /** Height of the newest announced block. */
  get announced(): number {
    return this.sealing.announced;
  }

  get epoch(): number {
    return this.sealing.epoch;
  }

  get openTransactions(): number {
    return this.packing.frames.size;
  }

  /** True when nothing is framed that is not announced, and nothing is open. */
  get isQuiet(): boolean {
    return this.blocksInFlight === 0 && this.openTransactions === 0;
  }

  // ---- intake

  /** Takes an analysed message; those that come early wait for their turn. */
  analyzed(message: Message<typeof Analyzed>): void {
    if (!this.intake.analyzed(message)) return;
    this.questions.flush();
    this.packing.pump();
  }

  /** Committed nonces of the accounts asked for, 32 bytes each; undefined: no answer, to be asked again. */
  noncesRead(accounts: Int32Array, values: Uint8Array | undefined): void {
    this.questions.answered(accounts, values);
    this.packing.pump();
  }

  // ---- time

  tick(nowMs: number): void {
    const { order, packing, pool } = this;
    order.nowMs = this.earlier.nowMs = nowMs;
    // The wait for an empty block begins with the first tick.
    if (order.lastOpenedMs === Number.NEGATIVE_INFINITY) order.lastOpenedMs = nowMs;
    packing.tick(nowMs);
    pool.tick(nowMs);
    this.questions.flush();
    if (packing.replaying) return;
    packing.pump();
    if (!packing.congested && this.openTransactions > 0) packing.ejectAged();
    if (!packing.congested) this.openOrClose(nowMs);
    packing.pump();
  }

  /** Whether it is time to close the open block, or to open one. */
  private openOrClose(nowMs: number): void {
    const { order, packing, pool, options } = this;
    const isDue = (sinceMs: number): boolean =>
      nowMs - sinceMs >= options.blockIntervalMs || packing.draining;
    if (order.block) {
      if (isDue(order.block.openedMs)) packing.closeBlock();
    } else if (packing.mayOpen()) {
      if (pool.senders.tailQueue.size > 0 || pool.rejections.length > 0) {
        if (isDue(order.lastOpenedMs)) order.openBlock();
      } else if (
        !packing.draining &&
        options.emptyBlockMs > 0 &&
        nowMs - order.lastOpenedMs >= options.emptyBlockMs
      ) {
        order.openBlock();
        this.stats.emptyBlocks++;
        packing.closeBlock();
      }
    }
  }

  // ---- outcomes

  receipts(message: Message<typeof Receipts>): void {
    if (message.epoch < this.epoch) return;
    const block = this.blocks.get(message.block);
    if (!block) return;
    this.outcomes.take(block, message);
    this.questions.flush();
    this.sealing.assemble();
    this.packing.pump();
  }

  // ---- completion, commit, announcement

  blockCompleted(message: Message<typeof BlockCompleted>): void {
    if (message.epoch < this.epoch) return;
    const block = this.blocks.get(message.number);
    if (!block || block.completed) return;
    block.completed = message;
    this.pool.senders.setBaseFee(weiOf(message.baseFee));
    this.sealing.assemble();
    this.packing.pump();
  }

  committed(message: Message<typeof Committed>): void {
    this.sealing.committed(message);
  }

  /** Partition roots of a block that is durable on the shard that sent them. */
  rootsRead(number: number, partitions: Uint8Array, roots: Uint8Array): void {
    this.sealing.rootsRead(number, partitions, roots);
  }

  epochNotice(message: Message<typeof EpochNotice>): void {
    this.sealing.epochNotice(message);
  }

  // ---- replay

  /** A BlockOpen or BlockClose of `frames` from an earlier life, in stream order; `finishReplay` comes after the last. */
  replay(id: number, bytes: Uint8Array): void {
    this.earlier.boundary(id, bytes);
  }

  /** A TermMarker of an earlier life: messages of older terms after it are void. */
  replayTermMarker(term: number): void {
    this.earlier.termMarker(term);
  }

  /** A Frame of an earlier life (decoded, so that its columns can stay in use). */
  replayFrame(frame: Source & ReplayFrame): void {
    this.earlier.frame(frame);
  }

  /** Begins the new life: a block left open is closed under this term. The shell has appended the TermMarker. */
  finishReplay(): void {
    const { order, packing } = this;
    packing.replaying = false;
    const { block, lastNumber, lastTime, nextSeq } = this.earlier;
    if (lastNumber !== undefined) {
      order.lastNumber = lastNumber;
      order.lastTime = lastTime;
      order.lastOpenedMs = order.nowMs;
    }
    if (nextSeq !== undefined) order.nextSeq = nextSeq;
    order.block = block;
    if (block) {
      // Its open work may not have been stored behind the opening.
      if (block.length === 0) order.appendOpenWork(block);
      packing.closeBlock();
    }
    packing.pump();
  }
}

/** Slot id of the balance of whoever gets the fees. */
function beneficiaryId({ ids, beneficiary }: FramerConfig): Readonly<{ hi: number; lo: number }> {
  const hi = new Uint32Array(1);
  const lo = new Uint32Array(1);
  ids.idsOf(fieldKey(Domain.balance, beneficiary), 1, hi, lo);
  return { hi: hi[0]!, lo: lo[0]! };
}
