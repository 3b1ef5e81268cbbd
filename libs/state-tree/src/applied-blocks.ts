/**
 * The blocks that a store has applied: where the record of each lies in the log, the roots after the newest, and what
 * takes the last ones back.
 */
import type { EntryLog } from "./entry-log.ts";
import { StateError } from "./errors.ts";
import { ENTRY_BYTES, HASH_BYTES } from "./format.ts";
import {
  type BlockPart,
  decodeBlockMeta,
  decodeHeader,
  HEADER_BYTES,
  type RecordHeader,
} from "./log-record.ts";
import type { PartUndo } from "./part-undo.ts";
import type { Partition } from "./partition.ts";

/** A block that can still be taken back. */
export interface BlockUndo {
  readonly height: number;
  /** Log position before the block. */
  readonly logStart: number;
  readonly parts: readonly PartUndo[];
  /** Partition roots before the block. */
  readonly roots: Uint8Array;
}

export class AppliedBlocks {
  /** Root of each owned partition after the newest block, 32 bytes each. */
  roots: Uint8Array;
  private readonly log: EntryLog;
  /** Blocks that can be taken back, at most. */
  private readonly window: number;
  private undos: BlockUndo[] = [];
  /** Height of the first block, whose state cannot be taken back. */
  private first = -1;
  private last = -1;
  /** Log position of each block record by height - first, and its end. */
  private positions: number[] = [];
  private ends: number[] = [];
  /** Position at which the log begins, after segments were dropped. */
  private logStart = 0;

  constructor(log: EntryLog, owned: number, window: number) {
    this.log = log;
    this.window = window;
    this.roots = new Uint8Array(owned * HASH_BYTES);
  }

  /** Height of the newest block, or -1 before genesis. */
  get height(): number {
    return this.last;
  }

  /** Height of the newest block that survives a power cut, or -1. */
  get durableHeight(): number {
    let n = this.ends.length;
    while (n > 0 && this.ends[n - 1]! > this.log.durable) n--;
    return n === 0 ? -1 : this.first + n - 1;
  }

  /** Lowest height that can be gone back to. */
  get oldestHeight(): number {
    return this.last - this.undos.length;
  }

  /** The record that makes a first state count lies between two positions of the log. */
  begin(height: number, position: number, end: number): void {
    this.first = this.last = height;
    this.positions = [position];
    this.ends = [end];
  }

  /** What was before a position of the log is dropped; the record there is that of block `first`, which comes next. */
  beginAt(position: number, first: number): void {
    this.logStart = position;
    this.first = first;
    this.last = first - 1;
  }

  /**
   * Notes where the block's entries lie, which are in the log from `entriesPosition` on, and moves the undo window on.
   * `skips`: entries of each partition that are in the log but not applied.
   */
  add(
    undo: BlockUndo,
    parts: readonly Partition[],
    entriesPosition: number,
    skips?: readonly number[],
  ): void {
    let at = entriesPosition;
    for (let p = 0; p < parts.length; p++) {
      at += (skips?.[p] ?? 0) * ENTRY_BYTES;
      const { first, replaced } = undo.parts[p]!;
      if (replaced.length > 0) parts[p]!.locations.add(first, at);
      at += replaced.length * ENTRY_BYTES;
    }
    this.positions.push(undo.logStart);
    this.ends.push(this.log.end);
    this.last = undo.height;
    this.undos.push(undo);
    if (this.undos.length > this.window) this.undos.shift();
    for (let p = 0; p < parts.length; p++) parts[p]!.trim(this.undos[0]?.parts[p]);
  }

  /** Takes back all blocks above `height`, in the log as well. */
  rollbackTo(height: number, parts: readonly Partition[]): void {
    let cut = this.log.end;
    while (this.last > height) {
      const undo = this.undos.pop()!;
      for (let p = 0; p < parts.length; p++) parts[p]!.rollback(undo.parts[p]!);
      this.roots = undo.roots.slice();
      this.positions.pop();
      this.ends.pop();
      this.last--;
      cut = undo.logStart;
    }
    this.log.truncate(cut);
    for (let p = 0; p < parts.length; p++) parts[p]!.tree.updateRoot(this.roots, p * HASH_BYTES);
  }

  /** Nothing up to `height` is taken back any more. */
  forgetUndosTo(height: number): void {
    this.undos = this.undos.filter((undo) => undo.height > height);
  }

  /** Index of the first undo that must be taken back to see `height`, or null for the newest state. */
  undoAbove(height: number): number | null {
    if (height === this.last) return null;
    if (height > this.last || height < this.oldestHeight)
      throw new StateError(
        "height-out-of-window",
        `heights ${this.oldestHeight} to ${this.last} can be read, asked for ${height}`,
      );
    return this.undos.length - (this.last - height);
  }

  /** What a partition takes back, from the undo with an index on. */
  partUndos(above: number, place: number): PartUndo[] {
    const list: PartUndo[] = [];
    for (let b = above; b < this.undos.length; b++) list.push(this.undos[b]!.parts[place]!);
    return list;
  }

  /** Roots after the newest block, or before the one whose undo has an index. */
  rootsAt(undo: number | null): Uint8Array {
    return undo === null ? this.roots : this.undos[undo]!.roots;
  }

  /** Where the record of a block ends in the log. */
  endOf(height: number): number {
    const end = this.ends[height - this.first];
    if (end === undefined)
      throw new StateError("wrong-height", `no block ${height}; the newest is ${this.last}`);
    return end;
  }

  /** The payload of a block's record, or null when there is no such block. */
  payloadOf(height: number): Uint8Array | null {
    const position = this.positions[height - this.first];
    if (this.first < 0 || position === undefined) return null;
    const header = this.headerAt(position);
    if (header.height !== height) throw noRecord(position);
    return this.log.payload(header, position);
  }

  /** What the block record at a position says of each partition. */
  partsAt(position: number): BlockPart[] {
    return decodeBlockMeta(this.log.read(position + HEADER_BYTES, this.headerAt(position).metaBytes));
  }

  private headerAt(position: number): RecordHeader {
    const header = decodeHeader(this.log.read(position, HEADER_BYTES));
    if (header === null || header === "version") throw noRecord(position);
    return header;
  }

  /** Positions of the records of blocks behind the first, up to a height, ascending. */
  positionsTo(height: number): number[] {
    return this.positions.filter((_, i) => i > 0 && this.first + i <= height);
  }

  /** The block whose record is at a position. */
  heightAt(position: number): number {
    return this.first + this.positions.indexOf(position);
  }

  /** Drops the log in front of a block's record, and with it the blocks before. Returns the bytes freed. */
  dropBefore(position: number): number {
    this.log.dropBefore(position);
    const by = this.positions.indexOf(position);
    const freed = position - this.logStart;
    this.logStart = position;
    this.first += by;
    this.positions.splice(0, by);
    this.ends.splice(0, by);
    return freed;
  }
}

const noRecord = (position: number): StateError =>
  new StateError("corrupt-log", `no block record at position ${position} of the log`);
