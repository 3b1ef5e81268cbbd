/**
 * The total order, as it is appended to the `frames` stream: blocks are opened and closed, and between that frames get their
 * block and their seqs.
 */
import { decode, encode, type Message } from "@velarium/columns";
import { BlockClose, BlockOpen, Frame, Shape } from "@velarium/wire";
import { BlockState, CLOSE_WORK, OPEN_WORK } from "./block-state.ts";
import { workAtClose, workAtOpen } from "./chain-work.ts";
import { FrameBuilder } from "./frame-builder.ts";
import type { FramerConfig, FramerEffects, FramerStart, FramerStats } from "./framer-types.ts";
import { openingFields } from "./header-fields.ts";
import type { Pool } from "./pool.ts";
import { tailFrames } from "./tail-selection.ts";

export interface OrderParts {
  readonly config: FramerConfig;
  readonly effects: FramerEffects;
  readonly stats: FramerStats;
  readonly pool: Pool;
  /** Blocks opened and not yet announced, by number. */
  readonly blocks: Map<number, BlockState>;
  /** Slot id of the beneficiary's balance. */
  readonly beneficiary: Readonly<{ hi: number; lo: number }>;
  /** Stream seq below which everything has its outcome in an announced record. */
  readonly watermark: () => number;
}

export class TotalOrder {
  /** Set by the framer's ticks. */
  nowMs = 0;
  /** The open block. */
  block: BlockState | undefined;
  /** Newest block opened, its time, and when it was opened. */
  lastNumber: number;
  lastTime: number;
  lastOpenedMs = Number.NEGATIVE_INFINITY;
  nextSeq: number;
  private readonly parts: OrderParts;
  private readonly term: number;
  private readonly builder = new FrameBuilder();

  constructor(parts: OrderParts, start: FramerStart) {
    this.parts = parts;
    this.term = start.term;
    this.lastNumber = start.height;
    this.lastTime = start.time;
    this.nextSeq = start.closeSeq + 1;
  }

  /** Rows as a frame of the open block. `tail`: 1 for the marked tail. */
  appendFrame(rows: Int32Array, tail: number, openedMs: number): void {
    const block = this.block!;
    const { pool, stats } = this.parts;
    const { slab, accounts } = pool;
    pool.warmSenders(rows, 0, rows.length);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      this.builder.addRow(slab, accounts, row);
      block.add(row);
      block.gas += slab.gasLimit[row]!;
      block.bytes += slab.rawBytes(row);
    }
    const frame = this.appendBuilt(block, rows.length, tail, openedMs);
    stats.framedTransactions += rows.length;
    const source = slab.addSource(frame);
    for (let i = 0, keyFrom = 0; i < rows.length; i++) {
      const row = rows[i]!;
      slab.moveToFrame(row, source, frame, i, keyFrom);
      keyFrom += slab.keyCount(row);
    }
    slab.releaseSource(source);
    for (let i = 0; i < rows.length; i++) pool.framed(rows[i]!, block.number);
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
    this.parts.stats.frames++;
    const trace = this.parts.effects.traceFrame?.(head.block, head.frame, rows, tail, openedMs);
    const bytes = this.builder.finish(head, trace);
    const frame = decode(Frame, bytes);
    block.addFrame(frame);
    this.parts.effects.appendFrames(bytes);
    return frame;
  }

  openBlock(): void {
    const { config, effects, stats, blocks, beneficiary } = this.parts;
    const { options } = config;
    const number = this.lastNumber + 1;
    const time = Math.max(this.lastTime + 1, Math.floor(this.nowMs / 1000));
    const block = new BlockState(number, time, options.blockGasLimit, this.nextSeq, this.nowMs);
    this.block = block;
    blocks.set(number, block);
    this.lastNumber = number;
    this.lastTime = time;
    this.lastOpenedMs = this.nowMs;
    stats.blocks++;
    effects.appendFrames(
      encode(BlockOpen, {
        term: this.term,
        number,
        time,
        gasLimit: options.blockGasLimit,
        firstSeq: this.nextSeq,
        watermark: this.parts.watermark(),
        beneficiaryId: Uint32Array.of(beneficiary.hi, beneficiary.lo),
        ...openingFields(config, number, time),
      }),
    );
    this.appendOpenWork(block);
  }

  appendOpenWork(block: BlockState): void {
    const { config } = this.parts;
    const { number, time } = block;
    const work = workAtOpen(config.chain, config.chain.rulesAt(number, time), config.ids, number, time);
    if (!work) return;
    this.builder.addWork(Shape.blockOpen, work);
    block.add(OPEN_WORK);
    this.appendBuilt(block, 1, 0, this.nowMs);
  }

  /** Ends the open block, of which all frames but those of the tail are appended. */
  closeBlock(): void {
    const block = this.block!;
    const { pool, effects } = this.parts;
    // A block that an earlier life has left behind its close work lacks nothing but the end.
    if (block.rows[block.length - 1] !== CLOSE_WORK) {
      this.appendTail(block);
      this.appendCloseWork(block);
    }
    effects.appendFrames(
      encode(BlockClose, {
        term: this.term,
        number: block.number,
        lastSeq: block.lastSeq,
        transactions: block.transactions,
      }),
    );
    block.isClosed = true;
    block.rejections = pool.rejections.take();
    this.block = undefined;
  }

  private appendCloseWork(block: BlockState): void {
    const { config } = this.parts;
    const work = workAtClose(config.chain, config.chain.rulesAt(block.number, block.time), config.ids);
    if (!work) return;
    this.builder.addWork(Shape.blockClose, work);
    block.add(CLOSE_WORK);
    this.appendBuilt(block, 1, 1, this.nowMs);
  }

  /** The marked tail, where transactions run that were returned too often. */
  private appendTail(block: BlockState): void {
    const { pool, config, stats } = this.parts;
    for (const rows of tailFrames(pool, config.options, block.gasLimit - block.gas)) {
      stats.tailFrames++;
      this.appendFrame(rows, 1, this.nowMs);
    }
  }
}
