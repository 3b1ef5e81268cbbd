/**
 * Rebuilds pool and blocks from the `frames` stream of an earlier life, message by message in stream order: what was framed
 * and has no announced outcome is in flight again.
 */
import { decode } from "@velarium/columns";
import { keccak256 } from "@velarium/hash-kernel";
import { scanTransaction, TxScan } from "@velarium/tx-codec";
import { BlockClose, BlockOpen, carriedKeys, Shape } from "@velarium/wire";
import { AccountFlag, FLAGS } from "./account-table.ts";
import { BlockState, CLOSE_WORK, OPEN_WORK } from "./block-state.ts";
import { weiOf } from "./header-fields.ts";
import { FramerError } from "./options.ts";
import type { Pool } from "./pool.ts";
import type { Source } from "./transaction-slab.ts";

/** What replay needs of a decoded Frame besides its source columns. */
export interface ReplayFrame {
  readonly term: number;
  readonly block: number;
  readonly frame: number;
  readonly firstSeq: number;
  readonly shapes: Uint8Array;
  readonly senders: Uint8Array;
  readonly accessEnds: Uint32Array;
  readonly arrivals: Float64Array;
  readonly attempts: Uint8Array;
  readonly verified: Uint8Array;
}

export class FrameReplay {
  /** Set by the framer's ticks. */
  nowMs = 0;
  /** The block that was left open, if any. */
  block: BlockState | undefined;
  /** Newest block opened, its time, and the seq after the last one given: undefined while nothing was replayed. */
  lastNumber: number | undefined;
  lastTime = 0;
  nextSeq: number | undefined;
  private readonly pool: Pool;
  private readonly blocks: Map<number, BlockState>;
  private readonly rows = new Map<number, number>();
  private readonly scan = new TxScan();
  private term = 0;

  constructor(pool: Pool, blocks: Map<number, BlockState>) {
    this.pool = pool;
    this.blocks = blocks;
  }

  /** Transactions that came back. */
  get size(): number {
    return this.rows.size;
  }

  has(arrival: number): boolean {
    return this.rows.has(arrival);
  }

  /** BlockOpen or BlockClose of an earlier life. */
  boundary(id: number, bytes: Uint8Array): void {
    if (id === BlockOpen.id) {
      const open = decode(BlockOpen, bytes);
      if (open.term < this.term || open.number <= this.pool.announced) return;
      this.term = open.term;
      this.block = new BlockState(open.number, open.time, open.gasLimit, open.firstSeq, this.nowMs);
      this.blocks.set(open.number, this.block);
      this.lastNumber = open.number;
      this.lastTime = open.time;
    } else if (id === BlockClose.id) {
      const close = decode(BlockClose, bytes);
      if (close.term < this.term || close.number !== this.block?.number) return;
      this.block.isClosed = true;
      this.block = undefined;
    }
  }

  /** A TermMarker of an earlier life: messages of older terms after it are void. */
  termMarker(term: number): void {
    if (term > this.term) this.term = term;
  }

  /** A Frame of an earlier life (decoded, so that its columns can stay in use). */
  frame(frame: Source & ReplayFrame): void {
    const block = this.block;
    if (frame.term < this.term || !block || frame.block !== block.number) return;
    const { slab } = this.pool;
    const source = slab.addSource(frame);
    let keyAt = 0;
    for (let i = 0; i < frame.shapes.length; i++) {
      const shape = frame.shapes[i]!;
      const accessFrom = i === 0 ? 0 : frame.accessEnds[i - 1]!;
      const accesses = frame.accessEnds[i]! - accessFrom;
      if (shape === Shape.blockOpen) block.add(OPEN_WORK);
      else if (shape === Shape.blockClose) block.add(CLOSE_WORK);
      else this.addRow(frame, i, accessFrom, keyAt, source, block);
      keyAt += carriedKeys(shape, accesses);
    }
    slab.releaseSource(source);
    block.addFrame(frame);
    block.frames = frame.frame + 1;
    this.nextSeq = frame.firstSeq + frame.shapes.length;
  }

  private addRow(
    frame: Source & ReplayFrame,
    i: number,
    accessFrom: number,
    keyAt: number,
    source: number,
    block: BlockState,
  ): void {
    const { pool, scan } = this;
    const { slab, accounts } = pool;
    const from = i === 0 ? 0 : frame.raw.ends[i - 1]!;
    const to = frame.raw.ends[i]!;
    scanTransaction(frame.raw.blob, from, to - from, scan);
    const account = accounts.findOrAdd(frame.senders, i * 20, this.pool.announced);
    if (account < 0)
      throw new FramerError("state", "the account table is too small for the frames to replay");
    const row = slab.allocate();
    slab.account[row] = account;
    slab.arrival[row] = frame.arrivals[i]!;
    slab.nonce[row] = scan.nonce;
    slab.gasLimit[row] = scan.gasLimit;
    slab.feeCap[row] = weiOf(frame.raw.blob.subarray(scan.feeOffset, scan.feeOffset + scan.feeSize));
    slab.tipCap[row] = weiOf(frame.raw.blob.subarray(scan.tipOffset, scan.tipOffset + scan.tipSize));
    slab.addedMs[row] = this.nowMs;
    slab.shape[row] = frame.shapes[i]!;
    slab.verified[row] = frame.verified[i]!;
    slab.attempts[row] = frame.attempts[i]!;
    slab.hash.set(keccak256(frame.raw.blob.subarray(from, to)), row * 32);
    slab.attach(row, source);
    slab.rawFrom[row] = from;
    slab.rawTo[row] = to;
    slab.accessFrom[row] = accessFrom;
    slab.accessTo[row] = frame.accessEnds[i]!;
    slab.keyFrom[row] = keyAt;
    const earlier = this.rows.get(frame.arrivals[i]!);
    if (earlier !== undefined) {
      slab.superseded[earlier] = 1;
      pool.hashes.remove(earlier);
    }
    this.rows.set(frame.arrivals[i]!, row);
    pool.hashes.add(row);
    accounts.i32[(account << 4) + FLAGS]! |= AccountFlag.known;
    block.add(row);
    block.gas += scan.gasLimit;
    block.bytes += to - from;
    pool.framed(row, block.number);
  }
}
