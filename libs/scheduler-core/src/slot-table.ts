/**
 * The slot table: what scheduling knows of a slot. Open addressing with linear probing, split into groups by
 * partition, each with memory of its own, so that groups can be computed apart.
 *
 * A row is one cache line of 64 bytes, because a lookup costs about one cache miss and nothing else:
 *   u32 idHi, idLo | f64 version, completeAt, genSeq, genLast | u32 genCount, meta, depth, genDepth, heat, -
 * `meta` holds the writer (bits 0-7), "used" (bit 8) and "touched since the sweep came by" (bit 9).
 */
export const ROW_WORDS = 8;
const ROW_SHIFT = 3;

/** f64 offsets in a row. */
export const VERSION = 1;
/** Seq whose completion makes the newest version known to be at its home shard; Infinity: only when its block is durable. */
export const COMPLETE_AT = 2;
/** First seq of the open delta generation, -1 when there is none. */
export const GEN_SEQ = 3;
export const GEN_LAST = 4;
/** u32 offsets in a row. */
export const ID_HI = 0;
export const ID_LO = 1;
export const GEN_COUNT = 10;
export const META = 11;
/** Length of the longest dependency chain that ends in the newest version, and in the open generation. */
export const DEPTH = 12;
export const GEN_DEPTH = 13;
/** How often a reader met a version still in flight. */
export const HEAT = 14;

export const NO_WRITER = 255;
const USED = 256;
const TOUCHED = 512;
/** Longest probes stay short below this load (linear probing: about 2.5 rows per hit, 8.5 per miss at 0.75). */
const MAX_LOAD = 0.75;
/** The sweep aims lower: it passes about 2 / (0.75 - 0.6) rows for each one it evicts. */
const SWEEP_LOAD = 0.6;
/** 2 MiB a group: a table of a few hundred thousand rows is reached without copying it nine times. */
const INITIAL_ROWS = 1 << 15;
/** Floors per group; an eviction raises one of them, so that other slots keep what executors have cached. */
const FLOORS = 512;

/** Rows of some partitions. Row numbers are f64 offsets; they hold until the next `reserve`. */
export class SlotGroup {
  f64: Float64Array;
  u32: Uint32Array;
  rows = 0;
  evictions = 0;
  growths = 0;
  private capacity: number;
  private mask: number;
  private readonly maxCapacity: number;
  private hand = 0;
  /** Everything that was ever known of a slot without a row is complete up to here; by the low bits of idHi. */
  private readonly floors = new Float64Array(FLOORS);

  constructor(maxCapacity: number) {
    this.maxCapacity = maxCapacity;
    this.capacity = Math.min(INITIAL_ROWS, maxCapacity);
    this.mask = this.capacity - 1;
    this.f64 = new Float64Array(this.capacity * ROW_WORDS);
    this.u32 = new Uint32Array(this.f64.buffer);
  }

  /** Reads a word of the row where an id is most likely found, so that it is in the cache when `ensure` comes. */
  touch(lo: number): number {
    return this.u32[((lo & this.mask) << (ROW_SHIFT + 1)) + ID_LO]!;
  }

  /** Version that a slot without a row is read at. */
  floorOf(hi: number): number {
    return this.floors[hi & (FLOORS - 1)]!;
  }

  /** For a table without rows: everything through `seq` is complete. */
  startAt(seq: number): void {
    this.floors.fill(seq);
  }

  /** Row of an id, -1 when there is none. What is only ever read needs no row. */
  find(hi: number, lo: number): number {
    const u32 = this.u32;
    const mask = this.mask;
    for (let i = lo & mask; ; i = (i + 1) & mask) {
      const w = i << (ROW_SHIFT + 1);
      const meta = u32[w + META]!;
      if ((meta & USED) === 0) return -1;
      if (u32[w + ID_LO] === lo && u32[w + ID_HI] === hi) {
        u32[w + META] = meta | TOUCHED;
        return i << ROW_SHIFT;
      }
    }
  }

  /** Row of an id; a new one says what `floorOf` said before. Room was made by `reserve`. */
  ensure(hi: number, lo: number): number {
    const u32 = this.u32;
    const mask = this.mask;
    let i = lo & mask;
    for (; ; i = (i + 1) & mask) {
      const w = i << (ROW_SHIFT + 1);
      const meta = u32[w + META]!;
      if ((meta & USED) === 0) break;
      if (u32[w + ID_LO] === lo && u32[w + ID_HI] === hi) {
        u32[w + META] = meta | TOUCHED;
        return i << ROW_SHIFT;
      }
    }
    const row = i << ROW_SHIFT;
    const w = row << 1;
    const f64 = this.f64;
    const floor = this.floors[hi & (FLOORS - 1)]!;
    u32[w + ID_HI] = hi;
    u32[w + ID_LO] = lo;
    f64[row + VERSION] = floor;
    f64[row + COMPLETE_AT] = floor;
    f64[row + GEN_SEQ] = -1;
    f64[row + GEN_LAST] = -1;
    u32[w + GEN_COUNT] = 0;
    u32[w + META] = USED | NO_WRITER;
    u32[w + DEPTH] = 0;
    u32[w + GEN_DEPTH] = 0;
    u32[w + HEAT] = 0;
    this.rows++;
    return row;
  }

  writer(row: number): number {
    return this.u32[(row << 1) + META]! & 255;
  }

  setWriter(row: number, writer: number): void {
    const at = (row << 1) + META;
    this.u32[at] = (this.u32[at]! & ~255) | writer;
  }

  hasRoom(more: number): boolean {
    return this.rows + more <= this.capacity * MAX_LOAD;
  }

  /** Makes room for `more` rows: grows up to the bound, then evicts, and only when nothing can go grows past it. */
  reserve(more: number, complete: number, durable: number): void {
    while (this.rows + more > this.capacity * MAX_LOAD) {
      if (this.capacity < this.maxCapacity) {
        this.grow();
        continue;
      }
      const wanted = this.capacity * SWEEP_LOAD - more;
      // Two rounds: the first takes the second chance of rows touched lately.
      for (let left = 2 * this.capacity; left > 0 && this.rows > wanted; left--)
        this.sweep(complete, durable);
      if (this.rows + more > this.capacity * MAX_LOAD) this.grow();
    }
  }

  /** One step of the clock hand. A row may go when its newest version is complete and no generation is open. */
  private sweep(complete: number, durable: number): void {
    const i = this.hand;
    const row = i << ROW_SHIFT;
    const at = (row << 1) + META;
    const meta = this.u32[at]!;
    if ((meta & USED) !== 0) {
      const f64 = this.f64;
      if ((meta & TOUCHED) !== 0) this.u32[at] = meta & ~TOUCHED;
      else if (
        (f64[row + COMPLETE_AT]! <= complete || f64[row + VERSION]! <= durable) &&
        (f64[row + GEN_SEQ]! < 0 || f64[row + GEN_LAST]! <= durable)
      ) {
        const bucket = this.u32[(row << 1) + ID_HI]! & (FLOORS - 1);
        const known = f64[row + GEN_SEQ]! < 0 ? f64[row + VERSION]! : f64[row + GEN_LAST]!;
        if (known > this.floors[bucket]!) this.floors[bucket] = known;
        this.remove(i);
        this.evictions++;
        return; // the row after it may have moved here
      }
    }
    this.hand = (i + 1) & this.mask;
  }

  /** Deletion by shifting back, so that there are no tombstones. */
  private remove(index: number): void {
    const u32 = this.u32;
    const mask = this.mask;
    let hole = index;
    for (let j = (index + 1) & mask; ; j = (j + 1) & mask) {
      const w = j << (ROW_SHIFT + 1);
      if ((u32[w + META]! & USED) === 0) break;
      const home = u32[w + ID_LO]! & mask;
      if (((j - home) & mask) >= ((j - hole) & mask)) {
        u32.copyWithin(hole << (ROW_SHIFT + 1), w, w + 2 * ROW_WORDS);
        hole = j;
      }
    }
    u32[(hole << (ROW_SHIFT + 1)) + META] = 0;
    this.rows--;
  }

  private grow(): void {
    if (this.capacity >= this.maxCapacity) this.growths++;
    const old = this.u32;
    this.capacity *= 2;
    this.mask = this.capacity - 1;
    this.f64 = new Float64Array(this.capacity * ROW_WORDS);
    this.u32 = new Uint32Array(this.f64.buffer);
    this.hand = 0;
    const u32 = this.u32;
    for (let from = 0; from < old.length; from += 2 * ROW_WORDS) {
      if ((old[from + META]! & USED) === 0) continue;
      let i = old[from + ID_LO]! & this.mask;
      while ((u32[(i << (ROW_SHIFT + 1)) + META]! & USED) !== 0) i = (i + 1) & this.mask;
      const to = i << (ROW_SHIFT + 1);
      for (let k = 0; k < 2 * ROW_WORDS; k++) u32[to + k] = old[from + k]!;
    }
  }
}

export interface SlotTableOptions {
  /** Bound on rows kept over all groups; 64 bytes each. Passed only when nothing can be evicted (`growths` counts that). */
  readonly rows: number;
  /** Groups of partitions; a power of two. */
  readonly groups: number;
}

export class SlotTable {
  readonly groups: SlotGroup[];
  readonly groupMask: number;
  private readonly wanted: Uint32Array;

  constructor(options: SlotTableOptions) {
    const perGroup = 2 ** Math.max(4, Math.floor(Math.log2(options.rows / options.groups)));
    this.groups = Array.from({ length: options.groups }, () => new SlotGroup(perGroup));
    this.groupMask = options.groups - 1;
    this.wanted = new Uint32Array(options.groups);
  }

  groupOf(hi: number): SlotGroup {
    return this.groups[(hi >>> 24) & this.groupMask]!;
  }

  /** For a table without rows: everything through `seq` is complete. */
  startAt(seq: number): void {
    for (const group of this.groups) group.startAt(seq);
  }

  /** Makes room for the ids in `hi` from `from` to `to`, and `spare` more in each group. */
  reserve(hi: Uint32Array, from: number, to: number, spare: number, complete: number, durable: number): void {
    const { wanted, groupMask, groups } = this;
    // Mostly all of them would fit into each group; then nobody has to count.
    let fits = true;
    for (let g = 0; g < groups.length; g++) fits &&= groups[g]!.hasRoom(to - from + spare);
    if (fits) return;
    wanted.fill(spare);
    for (let i = from; i < to; i++) wanted[(hi[i]! >>> 24) & groupMask]!++;
    for (let g = 0; g < groups.length; g++) groups[g]!.reserve(wanted[g]!, complete, durable);
  }

  get rows(): number {
    return this.groups.reduce((n, g) => n + g.rows, 0);
  }
  get evictions(): number {
    return this.groups.reduce((n, g) => n + g.evictions, 0);
  }
  get growths(): number {
    return this.groups.reduce((n, g) => n + g.growths, 0);
  }
}
