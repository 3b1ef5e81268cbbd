/**
 * The host's side of granting (assembly/grants.ts): what it needs to know of a frame, and what it has to say about it beside
 * the grants themselves - generations to observe, generations that closed without a reader, slots lost, and heat.
 */
import { F64Vector, U8Vector, U32Vector } from "@velarium/columns";
import { partitionOfId } from "@velarium/slots";
import {
  DEEPEST,
  DELTA_COUNTS,
  EVENT_ITEMS,
  EVENT_LOSS,
  EVENT_SEAL,
  EVENTS,
  GENERATION_ITEMS,
  GENERATIONS,
  VERSION_COUNTS,
} from "../assembly/interface.ts";
import { ConflictHistory, ParallelismMeter } from "./conflicts.ts";
import type { FrameMessage, PlacedColumns } from "./placed.ts";
import type { SlotTable } from "./slot-table.ts";

/** How far execution and commit are, as seqs. */
export interface Progress {
  /** Everything up to here is complete. */
  complete: number;
  /** Everything up to here is committed on every shard. */
  durable: number;
}

/** Delta generations that close without a reader, to be told to the shards. */
export interface SealSink {
  seal(hi: number, lo: number, mode: number, version: number, seq: number, count: number, last: number): void;
}

/** What the dispatcher needs of the block it is in. */
export interface DispatchBlock {
  readonly firstSeq: number;
  readonly beneficiaryHi: number;
  readonly beneficiaryLo: number;
  /** Versions and contributions to expect, per partition. */
  readonly versionCounts: Uint32Array;
  readonly deltaCounts: Uint32Array;
}

/** Slots that one executor loses in a frame. */
export class Losses {
  readonly hi = new U32Vector(64);
  readonly lo = new U32Vector(64);
  readonly versions = new F64Vector(64);
  readonly owners = new U8Vector(64);

  clear(): void {
    this.hi.clear();
    this.lo.clear();
    this.versions.clear();
    this.owners.clear();
  }
}

const MODES = 8;

export class Grants {
  readonly history = new ConflictHistory();
  readonly parallelism: ParallelismMeter;
  /** Grants by mode. */
  readonly counts = new Float64Array(MODES);
  ownershipMoves = 0;
  /** By executor. */
  readonly losses: Losses[] = [];
  private readonly table: SlotTable;
  private readonly progress: Progress;
  private readonly seals: SealSink;

  constructor(table: SlotTable, progress: Progress, seals: SealSink, tlpWindow: number) {
    this.table = table;
    this.progress = progress;
    this.seals = seals;
    this.parallelism = new ParallelismMeter(tlpWindow);
  }

  /** A frame is laid before the kernel. `feeRow`: the beneficiary's balance. */
  begin(frame: FrameMessage, block: DispatchBlock, feeRow: number): void {
    const { parallelism, progress } = this;
    const { kernel, counts } = this.table.memory;
    counts.fill(0);
    counts[DEEPEST] = parallelism.deepest;
    kernel.beginFrame(
      frame.firstSeq,
      block.firstSeq,
      progress.complete,
      progress.durable,
      feeRow,
      partitionOfId(block.beneficiaryHi),
      parallelism.base,
    );
  }

  /** Grants transactions `from` to `to`, of which rows and executors are known. */
  grant(frame: FrameMessage, from: number, to: number, placedOn: readonly PlacedColumns[]): void {
    this.table.memory.kernel.grant(from, to);
    this.parallelism.transactions += to - from;
    this.takeGenerations(placedOn);
    this.takeEvents(frame);
  }

  /** One transaction of the marked tail: everything before it is complete. */
  settle(frame: FrameMessage, index: number): void {
    this.table.memory.kernel.settle(index);
    this.parallelism.transactions++;
    this.takeEvents(frame);
  }

  /** After the last transaction of a frame. */
  finish(block: DispatchBlock): void {
    const { counts } = this.table.memory;
    const { versionCounts, deltaCounts } = block;
    for (let mode = 0; mode < MODES; mode++) this.counts[mode]! += counts[mode]!;
    for (let p = 0; p < versionCounts.length; p++) {
      versionCounts[p]! += counts[VERSION_COUNTS + p]!;
      deltaCounts[p]! += counts[DELTA_COUNTS + p]!;
    }
    this.parallelism.deepest = counts[DEEPEST]!;
    this.parallelism.roll();
  }

  /** An undeclared write of the marked tail; row as in the slot table. */
  recordWrite(row: number, seq: number, executor: number): void {
    this.table.memory.kernel.recordWrite(row, seq, executor, this.parallelism.deepest);
  }

  private takeGenerations(placedOn: readonly PlacedColumns[]): void {
    const { counts, frame } = this.table.memory;
    const { generations } = frame;
    const end = counts[GENERATIONS]! * GENERATION_ITEMS;
    for (let at = 0; at < end; at += GENERATION_ITEMS) {
      const out = placedOn[generations[at]!]!;
      out.genSeqs.push(generations[at + 1]!);
      out.genCounts.push(generations[at + 2]!);
      out.genLasts.push(generations[at + 3]!);
    }
    counts[GENERATIONS] = 0;
  }

  private takeEvents(frame: FrameMessage): void {
    const { counts, frame: columns } = this.table.memory;
    const { events } = columns;
    const end = counts[EVENTS]! * EVENT_ITEMS;
    for (let at = 0; at < end; at += EVENT_ITEMS) {
      const sort = events[at]!;
      if (sort === EVENT_SEAL)
        this.seals.seal(
          events[at + 1]!,
          events[at + 2]!,
          events[at + 3]!,
          events[at + 4]!,
          events[at + 5]!,
          events[at + 6]!,
          events[at + 7]!,
        );
      else if (sort === EVENT_LOSS) this.lose(frame, events[at + 1]!, events[at + 2]!, events[at + 3]!);
      else {
        const access = events[at + 1]!;
        this.history.note(frame.accessHi[access]!, frame.accessLo[access]!, events[at + 2]!);
      }
    }
    counts[EVENTS] = 0;
  }

  /** The transaction at `index` has made its executor the owner. */
  private lose(frame: FrameMessage, access: number, index: number, before: number): void {
    const losses = this.losses[before]!;
    losses.hi.push(frame.accessHi[access]!);
    losses.lo.push(frame.accessLo[access]!);
    losses.versions.push(frame.firstSeq + index);
    losses.owners.push(this.table.memory.frame.executors[index]!);
    this.ownershipMoves++;
  }
}
