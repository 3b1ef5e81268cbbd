/**
 * The framer as a state machine: messages and ticks in, messages out through `FramerEffects`. No clock, randomness,
 * I/O or promise inside; the same inputs give the same outputs.
 */
import { decode, encode, type Message } from "@velarium/columns";
import { AccessKind, Domain, fieldKey } from "@velarium/slots";
import {
  type Analyzed,
  BlockClose,
  type BlockCompleted,
  BlockOpen,
  type Committed,
  type EpochNotice,
  Frame,
  MAX_FRAME_BYTES,
  type Receipts,
  Shape,
} from "@velarium/wire";
import { AccountFlag } from "./account-table.ts";
import { BlockSealing } from "./block-sealing.ts";
import { BlockState, CLOSE_WORK, OPEN_WORK } from "./block-state.ts";
import { workAtClose, workAtOpen } from "./chain-work.ts";
import { FrameBuilder } from "./frame-builder.ts";
import { FrameReplay, type ReplayFrame } from "./frame-replay.ts";
import { type FramerConfig, type FramerEffects, type FramerStart, FramerStats } from "./framer-types.ts";
import { openingFields, weiOf } from "./header-fields.ts";
import { Intake } from "./intake.ts";
import { NonceQuestions } from "./nonce-questions.ts";
import { OpenFrames } from "./open-frames.ts";
import { FramerError, type FramerOptions } from "./options.ts";
import { Outcomes } from "./outcomes.ts";
import { Pool } from "./pool.ts";
import { ResolvedArrivals } from "./resolved-arrivals.ts";
import { tailFrames } from "./tail-selection.ts";
import type { Source } from "./transaction-slab.ts";

/** Part of a full frame below which one is small, and how many times the usual age it may reach. */
const SMALL_FRAME = 1 / 4;
const SMALL_FRAME_AGES = 3;
/** Span over which packed transactions are counted, to tell a trickle from a stream. */
const PACKING_SPAN_MS = 250;
/** A frame of which this part blocks later transactions of its senders gains more by leaving than by filling up. */
const BLOCKING_SHARE = 1 / 8;
/** So many full frames in flight keep every service busy: nothing is ejected for blocked senders' sake beyond. */
const BUSY_FRAMES = 6;

export class Framer {
  readonly pool: Pool;
  readonly stats = new FramerStats();
  /** Set by the shell while appends are behind: nothing is framed meanwhile. */
  congested = false;
  /** Set while the service drains: nothing new is taken in, no block is opened for lack of transactions. */
  draining = false;
  private readonly term: number;
  private readonly config: FramerConfig;
  private readonly options: FramerOptions;
  private readonly effects: FramerEffects;
  private readonly frames: OpenFrames;
  private readonly builder = new FrameBuilder();
  private readonly tracker: ResolvedArrivals;
  private readonly blocks = new Map<number, BlockState>();
  private readonly beneficiaryHi: number;
  private readonly beneficiaryLo: number;
  private block: BlockState | undefined;
  private lastNumber: number;
  private lastTime: number;
  private lastOpenedMs = Number.NEGATIVE_INFINITY;
  private nextSeq: number;
  private readonly sealing: BlockSealing;
  private readonly earlier: FrameReplay;
  private readonly intake: Intake;
  private readonly questions: NonceQuestions;
  private readonly outcomes: Outcomes;
  private nowMs = 0;
  /** Placed into frames in this span and in the one before. */
  private placed = 0;
  private placedBefore = 0;
  private spanFromMs = 0;
  private replaying = true;

  constructor(config: FramerConfig, start: FramerStart, effects: FramerEffects) {
    const { options } = config;
    if (options.tailGas > options.blockGasLimit || options.frameBytes > MAX_FRAME_BYTES / 2)
      throw new FramerError(
        "options",
        `tailGas must not exceed blockGasLimit, nor frameBytes ${MAX_FRAME_BYTES / 2}`,
      );
    this.config = config;
    this.options = options;
    this.effects = effects;
    this.term = start.term;
    this.lastNumber = start.height;
    this.lastTime = start.time;
    this.nextSeq = start.closeSeq + 1;
    this.tracker = new ResolvedArrivals(start.watermark, start.resolved);
    this.pool = new Pool(options);
    this.pool.announced = start.height;
    this.pool.baseFee = weiOf(start.baseFee);
    this.sealing = new BlockSealing(
      {
        config,
        effects,
        pool: this.pool,
        blocks: this.blocks,
        tracker: this.tracker,
        nowMs: () => this.nowMs,
        onAnnounced: () => this.pump(),
      },
      start,
    );
    const { pool, stats, tracker } = this;
    const { reorderMessages } = options;
    this.earlier = new FrameReplay(pool, this.blocks);
    this.intake = new Intake(
      { pool, tracker, earlier: this.earlier, stats, reorderMessages },
      start.watermark,
    );
    this.questions = new NonceQuestions(pool, stats, effects);
    this.outcomes = new Outcomes(pool, stats, options);
    this.frames = new OpenFrames(options);
    const hi = new Uint32Array(1);
    const lo = new Uint32Array(1);
    config.ids.idsOf(fieldKey(Domain.balance, config.beneficiary), 1, hi, lo);
    this.beneficiaryHi = hi[0]!;
    this.beneficiaryLo = lo[0]!;
  }

  /** Next message of the `tx` stream that is due. */
  get nextStreamSeq(): number {
    return this.intake.nextStreamSeq;
  }

  /** How far analyzers may go: bounded by the reorder buffer and by what the pool can take. */
  get throughStreamSeq(): number {
    if (this.draining) return this.nextStreamSeq - 1;
    const room = this.options.intakeTransactions - this.pool.executable - this.frames.size;
    return (
      this.nextStreamSeq - 1 + Math.max(0, Math.min(this.options.reorderMessages, Math.ceil(room / 256)))
    );
  }

  /** Blocks opened and not yet announced. */
  get blocksInFlight(): number {
    return this.lastNumber - this.announced;
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
    return this.frames.size;
  }

  /** True when nothing is framed that is not announced, and nothing is open. */
  get isQuiet(): boolean {
    return this.blocksInFlight === 0 && this.frames.size === 0;
  }

  // ---- intake

  /** Takes an analysed message; those that come early wait for their turn. */
  analyzed(message: Message<typeof Analyzed>): void {
    if (!this.intake.analyzed(message)) return;
    this.questions.flush();
    this.pump();
  }

  /** Committed nonces of the accounts asked for, 32 bytes each; undefined: no answer, to be asked again. */
  noncesRead(accounts: Int32Array, values: Uint8Array | undefined): void {
    this.questions.answered(accounts, values);
    this.pump();
  }

  // ---- time

  tick(nowMs: number): void {
    this.nowMs = this.earlier.nowMs = nowMs;
    // The wait for an empty block begins with the first tick.
    if (this.lastOpenedMs === Number.NEGATIVE_INFINITY) this.lastOpenedMs = nowMs;
    if (nowMs - this.spanFromMs >= PACKING_SPAN_MS) {
      this.placedBefore = nowMs - this.spanFromMs < 2 * PACKING_SPAN_MS ? this.placed : 0;
      this.placed = 0;
      this.spanFromMs = nowMs;
    }
    this.pool.tick(nowMs);
    this.questions.flush();
    if (this.replaying) return;
    this.pump();
    const { options, frames } = this;
    if (!this.congested && frames.size > 0) this.ejectAged();
    const work = this.block !== undefined || this.pool.rejections.length > 0;
    if (this.block && !this.congested) {
      if (nowMs - this.block.openedMs >= options.blockIntervalMs || this.draining) this.closeBlock();
    } else if (!this.congested && this.mayOpen()) {
      if (this.pool.tailQueue.size > 0 || work) {
        if (nowMs - this.lastOpenedMs >= options.blockIntervalMs || this.draining) this.openBlock();
      } else if (
        !this.draining &&
        options.emptyBlockMs > 0 &&
        nowMs - this.lastOpenedMs >= options.emptyBlockMs
      ) {
        this.openBlock();
        this.stats.emptyBlocks++;
        this.closeBlock();
      }
    }
    this.pump();
  }

  // ---- packing

  private mayOpen(): boolean {
    return !this.replaying && this.blocksInFlight < this.options.blocksInFlight;
  }

  /** Gas kept for tail transactions that wait. */
  private get tailReserve(): number {
    return this.pool.tailQueue.size > 0 ? this.options.tailGas : 0;
  }

  private fits(row: number): boolean {
    const block = this.block!;
    const { slab } = this.pool;
    const { frames, options } = this;
    if (block.transactions + frames.size >= options.blockTransactions) return false;
    if (this.pool.rejections.length >= options.blockRejections) return false;
    const used = block.gas + frames.gas;
    const empty = block.transactions + frames.size === 0;
    const gas = slab.gasLimit[row]!;
    // A transaction that fits no block with a tail gets one without.
    if (used + gas + this.tailReserve > options.blockGasLimit && !(empty && gas <= options.blockGasLimit))
      return false;
    return empty || block.bytes + frames.totalBytes + slab.rawBytes(row) <= options.blockBytes;
  }

  /** Puts what is ready into frames, as far as block and pipeline allow. */
  private pump(): void {
    if (this.replaying) return;
    const { pool, frames } = this;
    for (;;) {
      while (pool.order.size > 0 && !this.congested && !this.draining) {
        const account = pool.order.peek();
        const row = pool.nextOf(account, AccountFlag.ready);
        if (row < 0) {
          pool.popReady();
          pool.refresh(account);
          continue;
        }
        if (!this.block) {
          if (!this.mayOpen()) return;
          this.openBlock();
        }
        if (!this.fits(row)) {
          this.closeBlock();
          continue;
        }
        pool.popReady();
        pool.take(row);
        this.placed++;
        this.place(row);
      }
      if (this.congested || frames.size === 0) return;
      if (this.isIdle) this.ejectIdle();
      else if (this.isBlocked) {
        this.stats.ejectedBlocked++;
        this.eject(frames.packer.largest());
      } else return;
    }
  }

  /** The pipeline is idle, and few come: waiting would only add latency. */
  private get isIdle(): boolean {
    const { idleTransactions } = this.options;
    // Where many come, frames fill soon, and a message costs everybody the same whatever is in it.
    return this.pool.inFlight < idleTransactions && this.placed + this.placedBefore < idleTransactions;
  }

  private ejectIdle(): void {
    const { frames } = this;
    for (let f = 0; f < frames.count; f++)
      if (frames.lengthOf(f) > 0) {
        this.stats.ejectedIdle++;
        this.eject(f);
      }
  }

  /** A frame holds one transaction of a sender: busy senders advance by as many as frames are ejected. */
  private get isBlocked(): boolean {
    const { pool, options, frames } = this;
    return (
      pool.blockedSenders > 0 &&
      pool.blockedSenders >= frames.size * BLOCKING_SHARE &&
      pool.inFlight < options.frameTransactions * BUSY_FRAMES
    );
  }

  private touchesBeneficiary(row: number): boolean {
    const { slab } = this.pool;
    const { accessHi, accessLo, accessKinds } = slab.sourceOf(row);
    for (let i = slab.accessFrom[row]!; i < slab.accessTo[row]!; i++)
      if (
        accessLo[i] === this.beneficiaryLo &&
        accessHi[i] === this.beneficiaryHi &&
        accessKinds[i] !== AccessKind.D
      )
        return true;
    return false;
  }

  private place(row: number): void {
    const { frames, options, pool } = this;
    // A large one would not fit beside others below MAX_FRAME_BYTES.
    if (this.touchesBeneficiary(row) || pool.slab.frameBytes(row) > MAX_FRAME_BYTES / 4) {
      this.stats.soloFrames++;
      this.appendFrame(Int32Array.of(row), 0, this.nowMs);
      return;
    }
    let frame = frames.tryPlace(pool.slab, row, this.nowMs);
    if (frame < 0) {
      this.stats.ejectedConflict++;
      this.eject(frames.packer.largest());
      frame = frames.tryPlace(pool.slab, row, this.nowMs);
    }
    if (frames.lengthOf(frame) >= options.frameTransactions || frames.bytes[frame]! >= options.frameBytes) {
      this.stats.ejectedFull++;
      this.eject(frame);
    }
  }

  /** What did not fit into the first frame makes small ones: those get more time to fill. */
  private ejectAged(): void {
    const { frames, options, nowMs } = this;
    const small = options.frameTransactions * SMALL_FRAME;
    for (let f = 0; f < frames.count; f++) {
      const length = frames.lengthOf(f);
      if (length === 0) continue;
      const limit = length < small ? SMALL_FRAME_AGES * options.frameAgeMs : options.frameAgeMs;
      if (nowMs - frames.openedMs[f]! < limit) continue;
      this.stats.ejectedAge++;
      this.eject(f);
    }
  }

  private eject(frame: number): void {
    const openedMs = this.frames.openedMs[frame]!;
    // A copy: framing a row may let its sender's next one into this very frame.
    this.appendFrame(this.frames.eject(frame, this.pool.slab).slice(), 0, openedMs);
  }

  private appendFrame(rows: Int32Array, tail: number, openedMs: number): void {
    const block = this.block!;
    const { slab, accounts } = this.pool;
    this.pool.warmSenders(rows, 0, rows.length);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      this.builder.addRow(slab, accounts, row);
      block.add(row);
      block.gas += slab.gasLimit[row]!;
      block.bytes += slab.rawBytes(row);
    }
    const frame = this.appendBuilt(block, rows.length, tail, openedMs);
    this.stats.framedTransactions += rows.length;
    const source = slab.addSource(frame);
    for (let i = 0, keyFrom = 0; i < rows.length; i++) {
      const row = rows[i]!;
      slab.moveToFrame(row, source, frame, i, keyFrom);
      keyFrom += slab.keyCount(row);
    }
    slab.releaseSource(source);
    for (let i = 0; i < rows.length; i++) this.pool.framed(rows[i]!, block.number);
  }

  private appendBuilt(
    block: BlockState,
    rows: number,
    tail: number,
    openedMs: number,
  ): Message<typeof Frame> {
    const head = {
      term: this.term,
      block: block.number,
      frame: block.frames++,
      firstSeq: this.nextSeq,
      tail,
      openedMs,
    };
    this.nextSeq += rows;
    this.stats.frames++;
    const trace = this.effects.traceFrame?.(head.block, head.frame, rows, tail, openedMs);
    const bytes = this.builder.finish(head, trace);
    const frame = decode(Frame, bytes);
    block.addFrame(frame);
    this.effects.appendFrames(bytes);
    return frame;
  }

  // ---- block boundaries

  private openBlock(): void {
    const { config, options } = this;
    const number = this.lastNumber + 1;
    const time = Math.max(this.lastTime + 1, Math.floor(this.nowMs / 1000));
    const block = new BlockState(number, time, options.blockGasLimit, this.nextSeq, this.nowMs);
    this.block = block;
    this.blocks.set(number, block);
    this.lastNumber = number;
    this.lastTime = time;
    this.lastOpenedMs = this.nowMs;
    this.stats.blocks++;
    this.effects.appendFrames(
      encode(BlockOpen, {
        term: this.term,
        number,
        time,
        gasLimit: options.blockGasLimit,
        firstSeq: this.nextSeq,
        watermark: this.sealing.watermark,
        beneficiaryId: Uint32Array.of(this.beneficiaryHi, this.beneficiaryLo),
        ...openingFields(config, number, time),
      }),
    );
    this.appendOpenWork(block);
  }

  private appendOpenWork(block: BlockState): void {
    const { config } = this;
    const { number, time } = block;
    const work = workAtOpen(config.chain, config.chain.rulesAt(number, time), config.ids, number, time);
    if (!work) return;
    this.builder.addWork(Shape.blockOpen, work);
    block.add(OPEN_WORK);
    this.appendBuilt(block, 1, 0, this.nowMs);
  }

  private closeBlock(): void {
    const { frames } = this;
    const block = this.block!;
    for (let f = 0; f < frames.count; f++)
      if (frames.lengthOf(f) > 0) {
        this.stats.ejectedBoundary++;
        this.eject(f);
      }
    // A block that an earlier life has left behind its close work lacks nothing but the end.
    if (block.rows[block.length - 1] !== CLOSE_WORK) {
      this.appendTail(block);
      this.appendCloseWork(block);
    }
    this.effects.appendFrames(
      encode(BlockClose, {
        term: this.term,
        number: block.number,
        lastSeq: block.lastSeq,
        transactions: block.transactions,
      }),
    );
    block.isClosed = true;
    block.rejections = this.pool.rejections.take();
    this.block = undefined;
    this.sealing.assemble();
  }

  private appendCloseWork(block: BlockState): void {
    const { config } = this;
    const work = workAtClose(config.chain, config.chain.rulesAt(block.number, block.time), config.ids);
    if (!work) return;
    this.builder.addWork(Shape.blockClose, work);
    block.add(CLOSE_WORK);
    this.appendBuilt(block, 1, 1, this.nowMs);
  }

  /** The marked tail, where transactions run that were returned too often. */
  private appendTail(block: BlockState): void {
    for (const rows of tailFrames(this.pool, this.options, block.gasLimit - block.gas)) {
      this.stats.tailFrames++;
      this.appendFrame(rows, 1, this.nowMs);
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
    this.pump();
  }

  // ---- completion, commit, announcement

  blockCompleted(message: Message<typeof BlockCompleted>): void {
    if (message.epoch < this.epoch) return;
    const block = this.blocks.get(message.number);
    if (!block || block.completed) return;
    block.completed = message;
    this.pool.setBaseFee(weiOf(message.baseFee));
    this.sealing.assemble();
    this.pump();
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
    this.replaying = false;
    const { block, lastNumber, lastTime, nextSeq } = this.earlier;
    if (lastNumber !== undefined) {
      this.lastNumber = lastNumber;
      this.lastTime = lastTime;
      this.lastOpenedMs = this.nowMs;
    }
    if (nextSeq !== undefined) this.nextSeq = nextSeq;
    this.block = block;
    if (block) {
      // Its open work may not have been stored behind the opening.
      if (block.length === 0) this.appendOpenWork(block);
      this.closeBlock();
    }
    this.pump();
  }
}
