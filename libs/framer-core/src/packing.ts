/**
 * From the pool into open frames, and out of them into the total order: what is ready is placed as far as block and pipeline
 * allow, and a frame leaves when it is full, in the way, old, worth more to its senders outside, or when its block ends.
 */
import { AccessKind } from "@velarium/slots";
import { MAX_FRAME_BYTES } from "@velarium/wire";
import { AccountFlag } from "./account-table.ts";
import type { FramerStats } from "./framer-types.ts";
import { OpenFrames } from "./open-frames.ts";
import type { FramerOptions } from "./options.ts";
import type { Pool } from "./pool.ts";
import type { TotalOrder } from "./total-order.ts";

/** Part of a full frame below which one is small, and how many times the usual age it may reach. */
const SMALL_FRAME = 1 / 4;
const SMALL_FRAME_AGES = 3;
/** Span over which packed transactions are counted, to tell a trickle from a stream. */
const PACKING_SPAN_MS = 250;
/** A frame of which this part blocks later transactions of its senders gains more by leaving than by filling up. */
const BLOCKING_SHARE = 1 / 8;
/** So many full frames in flight keep every service busy: nothing is ejected for blocked senders' sake beyond. */
const BUSY_FRAMES = 6;

export interface PackingParts {
  readonly options: FramerOptions;
  readonly pool: Pool;
  readonly order: TotalOrder;
  readonly stats: FramerStats;
  /** Slot id of the beneficiary's balance. */
  readonly beneficiary: Readonly<{ hi: number; lo: number }>;
  /** A block has been closed. */
  readonly onClosed: () => void;
}

export class Packing {
  readonly frames: OpenFrames;
  /** Nothing is framed while appends are behind. */
  congested = false;
  /** Nothing new is framed while the service drains. */
  draining = false;
  /** Nothing happens before the frames of an earlier life are in. */
  replaying = true;
  private readonly pool: Pool;
  private readonly order: TotalOrder;
  private readonly stats: FramerStats;
  private readonly options: FramerOptions;
  private readonly beneficiaryHi: number;
  private readonly beneficiaryLo: number;
  private readonly onClosed: () => void;
  /** Placed into frames in this span and in the one before. */
  private placed = 0;
  private placedBefore = 0;
  private spanFromMs = 0;

  constructor(parts: PackingParts) {
    this.pool = parts.pool;
    this.order = parts.order;
    this.stats = parts.stats;
    this.options = parts.options;
    this.beneficiaryHi = parts.beneficiary.hi;
    this.beneficiaryLo = parts.beneficiary.lo;
    this.onClosed = parts.onClosed;
    this.frames = new OpenFrames(parts.options);
  }

  /** Blocks opened and not yet announced. */
  get blocksInFlight(): number {
    return this.order.lastNumber - this.pool.announced;
  }

  /** Counts the placed by spans of time. */
  tick(nowMs: number): void {
    if (nowMs - this.spanFromMs < PACKING_SPAN_MS) return;
    this.placedBefore = nowMs - this.spanFromMs < 2 * PACKING_SPAN_MS ? this.placed : 0;
    this.placed = 0;
    this.spanFromMs = nowMs;
  }

  mayOpen(): boolean {
    return !this.replaying && this.blocksInFlight < this.options.blocksInFlight;
  }

  /** Gas kept for tail transactions that wait. */
  private get tailReserve(): number {
    return this.pool.senders.tailQueue.size > 0 ? this.options.tailGas : 0;
  }

  private fits(row: number): boolean {
    const block = this.order.block!;
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
  pump(): void {
    if (this.replaying) return;
    const { pool, frames } = this;
    for (;;) {
      while (pool.senders.order.size > 0 && !this.congested && !this.draining) {
        const account = pool.senders.order.peek();
        const row = pool.senders.nextOf(account, AccountFlag.ready);
        if (row < 0) {
          pool.senders.popReady();
          pool.senders.refresh(account);
          continue;
        }
        if (!this.order.block) {
          if (!this.mayOpen()) return;
          this.order.openBlock();
        }
        if (!this.fits(row)) {
          this.closeBlock();
          continue;
        }
        pool.senders.popReady();
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
      pool.rows.blockedSenders > 0 &&
      pool.rows.blockedSenders >= frames.size * BLOCKING_SHARE &&
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
      this.order.appendFrame(Int32Array.of(row), 0, this.order.nowMs);
      return;
    }
    let frame = frames.tryPlace(pool.slab, row, this.order.nowMs);
    if (frame < 0) {
      this.stats.ejectedConflict++;
      this.eject(frames.packer.largest());
      frame = frames.tryPlace(pool.slab, row, this.order.nowMs);
    }
    if (frames.lengthOf(frame) >= options.frameTransactions || frames.bytes[frame]! >= options.frameBytes) {
      this.stats.ejectedFull++;
      this.eject(frame);
    }
  }

  /** What did not fit into the first frame makes small ones: those get more time to fill. */
  ejectAged(): void {
    const { frames, options } = this;
    const { nowMs } = this.order;
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
    this.order.appendFrame(this.frames.eject(frame, this.pool.slab).slice(), 0, openedMs);
  }

  /** Ends the open block: its open frames leave, and its tail follows. */
  closeBlock(): void {
    const { frames } = this;
    for (let f = 0; f < frames.count; f++)
      if (frames.lengthOf(f) > 0) {
        this.stats.ejectedBoundary++;
        this.eject(f);
      }
    this.order.closeBlock();
    this.onClosed();
  }
}
