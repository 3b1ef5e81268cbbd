/**
 * The slot table: what scheduling knows of a slot. Rows stand where their id says (open addressing, linear probing), one
 * cache line of 64 bytes each:
 *   u32 idHi, idLo | f64 version, completeAt, genSeq, genLast | u32 genCount, meta, depth, genDepth, heat, -
 * `meta` holds the writer (bits 0-7) and "touched since the sweep came by" (bit 9).
 *
 * Beside them is a byte per row, its tag: 0 where there is none, else seven bits of the id. Half a million of them fit a
 * second-level cache, so a slot without a row (code that is only read: two of a transfer's five accesses) costs no access
 * to memory, and a slot with one costs exactly one. The first sixteen tags of a group stand again behind its last one, so
 * that sixteen can be compared at once without looking where the group ends.
 *
 * The table is split into groups of partitions, each with its own range of both arrays, its own count, sweep and floors, so
 * that groups can be computed apart.
 */
import type { Message } from "@velarium/columns";
import { AccessKind } from "@velarium/slots";
import type { Frame } from "@velarium/wire";
import {
  COMPLETE_AT,
  DEPTH,
  FLOORS,
  GEN_COUNT,
  GEN_DEPTH,
  GEN_LAST,
  GEN_SEQ,
  HEAT,
  ID_HI,
  ID_LO,
  META,
  NO_WRITER,
  ROW_SHIFT,
  TAG_LANES,
  TOUCHED,
  VERSION,
} from "../assembly/interface.ts";
import { RowMemory } from "./row-memory.ts";

export { COMPLETE_AT, HEAT, ID_HI, ID_LO, META, NO_WRITER, TOUCHED, VERSION } from "../assembly/interface.ts";

export const ROW_WORDS = 1 << ROW_SHIFT;

/** Rows of a group before it grows: at 0.6 a search looks at 1.75 tags if there is a row, at 3.6 if there is none. */
const GROW_LOAD = 0.6;
/** Rows of a group at its bound: some twelve tags, of one or two cache lines. */
const FULL_LOAD = 0.8;
/** The sweep aims below the bound: it passes some 1 / (1 - 0.8) rows for each one it evicts. */
const SWEEP_LOAD = 0.8;
/**
 * 17 MiB in all, of which only what is touched is there; a table of a million rows is copied three times as it grows, each
 * time twice as much.
 */
const INITIAL_ROWS = 1 << 18;
/** No fewer than tags that are compared at once. */
const MIN_GROUP_ROWS = TAG_LANES;

/** Never 0. The low bits of idHi are independent of idLo, which says the place. */
export const tagOf = (hi: number): number => (hi & 0xfe) + 1;

const needsRow = (kind: number): boolean =>
  kind === AccessKind.W || kind === AccessKind.D || kind === AccessKind.X;

export interface SlotTableOptions {
  /** Bound on places for rows over all groups, 65 bytes each; up to 0.8 of them are used. Passed only when nothing can be evicted (`growths` counts that). */
  readonly rows: number;
  /** Groups of partitions; a power of two. */
  readonly groups: number;
}

/** What the table has to know of a frame. */
export type FrameAccesses = Pick<
  Message<typeof Frame>,
  "accessHi" | "accessLo" | "accessKinds" | "accessEnds" | "shapes"
>;

/** Row numbers are f64 offsets; they hold until the next `reserve`. */
export class SlotTable {
  f64: Float64Array;
  u32: Uint32Array;
  tags: Uint8Array;
  /** Log2 of the places of a group. */
  groupShift: number;
  readonly groupMask: number;
  /** Rows in use. */
  rows = 0;
  evictions = 0;
  growths = 0;
  /** Another one when the table has grown. */
  memory: RowMemory;
  private readonly groups: number;
  private readonly maxShift: number;
  private readonly used: Int32Array;
  private readonly wanted: Int32Array;
  /** Of each group: where its sweep goes on. */
  private readonly hands: Int32Array;

  constructor(options: SlotTableOptions) {
    const { groups, rows } = options;
    const shiftOf = (places: number): number =>
      Math.floor(Math.log2(Math.max(MIN_GROUP_ROWS, places / groups)));
    this.groups = groups;
    this.groupMask = groups - 1;
    this.maxShift = shiftOf(rows);
    this.groupShift = Math.min(this.maxShift, shiftOf(INITIAL_ROWS));
    this.memory = new RowMemory(groups << this.groupShift, groups * this.tagSpan, groups);
    this.f64 = this.memory.f64;
    this.u32 = this.memory.u32;
    this.tags = this.memory.tags;
    this.used = new Int32Array(groups);
    this.wanted = new Int32Array(groups);
    this.hands = new Int32Array(groups);
  }

  groupOf(hi: number): number {
    return (hi >>> 24) & this.groupMask;
  }

  /** Version that a slot without a row is read at. */
  floorOf(hi: number): number {
    return this.memory.floors[this.groupOf(hi) * FLOORS + (hi & (FLOORS - 1))]!;
  }

  /** For a table without rows: everything through `seq` is complete. */
  startAt(seq: number): void {
    this.memory.floors.fill(seq);
  }

  /** Tags of a group, those that stand twice included. */
  private get tagSpan(): number {
    return (1 << this.groupShift) + TAG_LANES;
  }

  /** Lays transactions `from` to `to` of a frame before the kernel: accesses `firstAccess` to `lastAccess`. After `reserve`. */
  lay(frame: FrameAccesses, from: number, to: number, firstAccess: number, lastAccess: number): void {
    const { memory } = this;
    if (memory.reserveFrame(to, lastAccess)) this.look();
    const columns = memory.frame;
    const some = firstAccess > 0 || lastAccess < frame.accessHi.length;
    const part = <A extends Uint8Array | Uint32Array>(column: A): A =>
      some ? (column.subarray(firstAccess, lastAccess) as A) : column;
    columns.accessHi.set(part(frame.accessHi), firstAccess);
    columns.accessLo.set(part(frame.accessLo), firstAccess);
    columns.accessKinds.set(part(frame.accessKinds), firstAccess);
    const before = Math.max(0, from - 1);
    columns.accessEnds.set(frame.accessEnds.subarray(before, to), before);
    columns.shapes.set(frame.shapes.subarray(from, to), from);
  }

  /**
   * Rows of accesses `from` to `to` of the frame that was laid out (-1: none, the slot was only read so far); those whose
   * kind needs one get one. All of them are in the cache then: cache misses overlap, which they would not while grants are
   * computed in between.
   */
  ensureAll(from: number, to: number): void {
    const { kernel, tags, frame } = this.memory;
    const { accessHi, accessLo, accessKinds, rows } = frame;
    const missing = kernel.findRows(
      to - from,
      accessHi.byteOffset + 4 * from,
      accessLo.byteOffset + 4 * from,
      accessKinds.byteOffset + from,
      rows.byteOffset + 4 * from,
      tags.byteOffset,
      this.groupMask,
      this.groupShift,
    );
    if (missing === 0) return;
    const before = this.rows;
    for (let a = from; a < to; a++) {
      if (rows[a]! >= 0) continue;
      if (needsRow(accessKinds[a]!)) rows[a] = this.ensure(accessHi[a]!, accessLo[a]!);
      // It may be one of those just made.
      else if (this.rows > before) rows[a] = this.find(accessHi[a]!, accessLo[a]!);
    }
  }

  private look(): void {
    this.f64 = this.memory.f64;
    this.u32 = this.memory.u32;
    this.tags = this.memory.tags;
  }

  /** Whether a row is the id's. */
  private confirm(row: number, hi: number, lo: number): boolean {
    const { u32 } = this;
    const w = row << 1;
    if (u32[w + ID_LO] !== lo || u32[w + ID_HI] !== hi) return false;
    u32[w + META] = u32[w + META]! | TOUCHED;
    return true;
  }

  /** Row of an id, -1 when there is none. What is only ever read needs no row. */
  find(hi: number, lo: number): number {
    const { tags, groupShift } = this;
    const mask = (1 << groupShift) - 1;
    const group = this.groupOf(hi);
    const firstTag = group * this.tagSpan;
    const wanted = tagOf(hi);
    for (let i = lo & mask; ; i = (i + 1) & mask) {
      const tag = tags[firstTag + i]!;
      if (tag === 0) return -1;
      const row = ((group << groupShift) + i) << ROW_SHIFT;
      if (tag === wanted && this.confirm(row, hi, lo)) return row;
    }
  }

  /** Row of an id; a new one says what `floorOf` said before. Room was made by `reserve`. */
  ensure(hi: number, lo: number): number {
    const found = this.find(hi, lo);
    if (found >= 0) return found;
    const group = this.groupOf(hi);
    const place = this.freePlace(group, lo);
    this.setTag(group, place, tagOf(hi));
    this.used[group]!++;
    this.rows++;
    const row = ((group << this.groupShift) + place) << ROW_SHIFT;
    const w = row << 1;
    const { f64, u32 } = this;
    const floor = this.floorOf(hi);
    u32[w + ID_HI] = hi;
    u32[w + ID_LO] = lo;
    f64[row + VERSION] = floor;
    f64[row + COMPLETE_AT] = floor;
    f64[row + GEN_SEQ] = -1;
    f64[row + GEN_LAST] = -1;
    u32[w + GEN_COUNT] = 0;
    u32[w + META] = NO_WRITER | TOUCHED;
    u32[w + DEPTH] = 0;
    u32[w + GEN_DEPTH] = 0;
    u32[w + HEAT] = 0;
    return row;
  }

  private setTag(group: number, place: number, tag: number): void {
    const at = group * this.tagSpan + place;
    this.tags[at] = tag;
    if (place < TAG_LANES) this.tags[at + (1 << this.groupShift)] = tag;
  }

  /** First empty place of a group for an id, from its own on. */
  private freePlace(group: number, lo: number): number {
    const { tags } = this;
    const mask = (1 << this.groupShift) - 1;
    const firstTag = group * this.tagSpan;
    let i = lo & mask;
    while (tags[firstTag + i] !== 0) i = (i + 1) & mask;
    return i;
  }

  /** Makes room for the ids in `hi` from `from` to `to`, and `spare` more in each group. */
  reserve(hi: Uint32Array, from: number, to: number, spare: number, complete: number, durable: number): void {
    const { wanted, used, groups } = this;
    // Mostly all of them would fit into each group; then nobody has to count.
    let most = 0;
    for (let g = 0; g < groups; g++) if (used[g]! > most) most = used[g]!;
    if (most + to - from + spare <= this.limit) return;
    wanted.fill(spare);
    for (let a = from; a < to; a++) wanted[this.groupOf(hi[a]!)]!++;
    for (let g = 0; g < groups; g++) this.reserveIn(g, wanted[g]!, complete, durable);
  }

  /** Rows that a group may have as it is. */
  private get limit(): number {
    return (1 << this.groupShift) * (this.groupShift < this.maxShift ? GROW_LOAD : FULL_LOAD);
  }

  /** Grows up to the bound, then evicts, and only when nothing can go grows past it. */
  private reserveIn(group: number, more: number, complete: number, durable: number): void {
    const { used } = this;
    while (used[group]! + more > this.limit) {
      if (this.groupShift >= this.maxShift) {
        const wanted = this.limit * SWEEP_LOAD - more;
        // Two rounds: the first takes the second chance of rows touched lately.
        for (let left = 2 << this.groupShift; left > 0 && used[group]! > wanted; left--)
          this.sweep(group, complete, durable);
        if (used[group]! + more <= this.limit) return;
        this.growths++;
      }
      this.grow();
    }
  }

  /** One step of the clock hand. A row may go when its newest version is complete and no generation is open. */
  private sweep(group: number, complete: number, durable: number): void {
    const { f64, u32, tags, hands } = this;
    const mask = (1 << this.groupShift) - 1;
    const hand = hands[group]! & mask;
    hands[group] = hand + 1;
    if (tags[group * this.tagSpan + hand] === 0) return;
    const row = ((group << this.groupShift) + hand) << ROW_SHIFT;
    const w = row << 1;
    const meta = u32[w + META]!;
    if ((meta & TOUCHED) !== 0) {
      u32[w + META] = meta & ~TOUCHED;
      return;
    }
    const hasGeneration = f64[row + GEN_SEQ]! >= 0;
    if (f64[row + COMPLETE_AT]! > complete && f64[row + VERSION]! > durable) return;
    if (hasGeneration && f64[row + GEN_LAST]! > durable) return;
    const floor = group * FLOORS + (u32[w + ID_HI]! & (FLOORS - 1));
    const known = hasGeneration ? f64[row + GEN_LAST]! : f64[row + VERSION]!;
    const { floors } = this.memory;
    if (known > floors[floor]!) floors[floor] = known;
    this.remove(group, hand);
    // Another row may stand here now.
    hands[group] = hand;
    this.used[group]!--;
    this.rows--;
    this.evictions++;
  }

  /** Takes out a row by shifting later ones of the probe run back, so that there are no tombstones. */
  private remove(group: number, place: number): void {
    const { tags, u32, f64, groupShift } = this;
    const mask = (1 << groupShift) - 1;
    const base = group << groupShift;
    const firstTag = group * this.tagSpan;
    let hole = place;
    for (let j = (hole + 1) & mask; tags[firstTag + j] !== 0; j = (j + 1) & mask) {
      const row = (base + j) << ROW_SHIFT;
      const home = u32[(row << 1) + ID_LO]! & mask;
      if (((j - home) & mask) < ((j - hole) & mask)) continue;
      this.setTag(group, hole, tags[firstTag + j]!);
      f64.copyWithin((base + hole) << ROW_SHIFT, row, row + ROW_WORDS);
      hole = j;
    }
    this.setTag(group, hole, 0);
  }

  /** Twice the places in every group. */
  private grow(): void {
    const { tags: oldTags, u32: oldWords, groups, groupShift: oldShift, tagSpan: oldSpan } = this;
    const { floors } = this.memory;
    this.groupShift++;
    this.memory = new RowMemory(groups << this.groupShift, groups * this.tagSpan, groups);
    this.memory.floors.set(floors);
    this.look();
    for (let group = 0; group < groups; group++) {
      const firstTag = group * oldSpan;
      const firstRow = group << oldShift;
      for (let place = 0; place < 1 << oldShift; place++) {
        const tag = oldTags[firstTag + place]!;
        if (tag !== 0) this.moveHere(group, tag, oldWords, (firstRow + place) * 2 * ROW_WORDS);
      }
    }
  }

  /** Puts a row of a smaller table, at `from` of its words, where it belongs in this one. */
  private moveHere(group: number, tag: number, words: Uint32Array, from: number): void {
    const { u32 } = this;
    const place = this.freePlace(group, words[from + ID_LO]!);
    this.setTag(group, place, tag);
    const to = ((group << this.groupShift) + place) * 2 * ROW_WORDS;
    for (let k = 0; k < 2 * ROW_WORDS; k++) u32[to + k] = words[from + k]!;
  }
}
