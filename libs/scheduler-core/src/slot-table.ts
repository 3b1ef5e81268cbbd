/**
 * The slot table: what scheduling knows of a slot. Split into groups by partition, each with memory of its own, so that
 * groups can be computed apart.
 *
 * A group has dense rows and an index by open addressing with linear probing. An index entry is 8 bytes, row + 1 (0: free)
 * and idLo, so that the index of a hundred thousand rows fits a second-level cache and a slot without a row costs no other
 * miss. A row is one cache line of 64 bytes:
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
/** The sweep aims below the bound: it passes some 1 / (1 - 0.8) rows for each one it evicts. */
const SWEEP_LOAD = 0.8;
/** 2 MiB a group: a table of a few hundred thousand rows is reached without copying it ten times. */
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
  /** Rows there is memory for; the index has twice as many entries. */
  private capacity: number;
  private index: Uint32Array;
  private mask: number;
  private readonly maxCapacity: number;
  /** Rows from here on were never used; those before are, or are in the list of free ones (through GEN_COUNT). */
  private top = 0;
  private freeHead = -1;
  private hand = 0;
  /** Everything that was ever known of a slot without a row is complete up to here; by the low bits of idHi. */
  private readonly floors = new Float64Array(FLOORS);

  constructor(maxCapacity: number) {
    this.maxCapacity = maxCapacity;
    this.capacity = Math.min(INITIAL_ROWS, maxCapacity);
    this.mask = 2 * this.capacity - 1;
    this.index = new Uint32Array(4 * this.capacity);
    this.f64 = new Float64Array(this.capacity * ROW_WORDS);
    this.u32 = new Uint32Array(this.f64.buffer);
  }

  /** Reads the index entry where an id is most likely found, so that it is in the cache when `candidate` comes. */
  touch(lo: number): number {
    return this.index[(lo & this.mask) << 1]!;
  }

  /** Row of the first id with these low bits, -1 when there is none; it is not looked at itself: see `confirm`. */
  candidate(lo: number): number {
    const { index, mask } = this;
    for (let i = lo & mask; ; i = (i + 1) & mask) {
      const entry = index[i << 1]!;
      if (entry === 0) return -1;
      if (index[(i << 1) + 1] === lo) return (entry - 1) << ROW_SHIFT;
    }
  }

  /** Whether a candidate has these high bits, so is the id's row. */
  confirm(row: number, hi: number): boolean {
    const { u32 } = this;
    const w = row << 1;
    if (u32[w + ID_HI] !== hi) return false;
    u32[w + META] = u32[w + META]! | TOUCHED;
    return true;
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
    const { index, mask } = this;
    for (let i = lo & mask; ; i = (i + 1) & mask) {
      const entry = index[i << 1]!;
      if (entry === 0) return -1;
      if (index[(i << 1) + 1] === lo && this.confirm((entry - 1) << ROW_SHIFT, hi))
        return (entry - 1) << ROW_SHIFT;
    }
  }

  /** Row of an id; a new one says what `floorOf` said before. Room was made by `reserve`. */
  ensure(hi: number, lo: number): number {
    const found = this.find(hi, lo);
    if (found >= 0) return found;
    let at = this.freeHead;
    if (at >= 0) this.freeHead = (this.u32[(at << (ROW_SHIFT + 1)) + GEN_COUNT]! | 0) - 1;
    else at = this.top++;
    this.enter(at + 1, lo);
    const row = at << ROW_SHIFT;
    const w = row << 1;
    const { f64, u32 } = this;
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

  private enter(entry: number, lo: number): void {
    const { index, mask } = this;
    let i = lo & mask;
    while (index[i << 1] !== 0) i = (i + 1) & mask;
    index[i << 1] = entry;
    index[(i << 1) + 1] = lo;
  }

  setWriter(row: number, writer: number): void {
    const at = (row << 1) + META;
    this.u32[at] = (this.u32[at]! & ~255) | writer;
  }

  hasRoom(more: number): boolean {
    return this.rows + more <= this.capacity;
  }

  /** Makes room for `more` rows: grows up to the bound, then evicts, and only when nothing can go grows past it. */
  reserve(more: number, complete: number, durable: number): void {
    while (this.rows + more > this.capacity) {
      if (this.capacity < this.maxCapacity) {
        this.grow();
        continue;
      }
      const wanted = this.capacity * SWEEP_LOAD - more;
      // Two rounds: the first takes the second chance of rows touched lately.
      for (let left = 2 * this.top; left > 0 && this.rows > wanted; left--) this.sweep(complete, durable);
      if (this.rows + more > this.capacity) this.grow();
    }
  }

  /** One step of the clock hand. A row may go when its newest version is complete and no generation is open. */
  private sweep(complete: number, durable: number): void {
    const at = this.hand;
    this.hand = at + 1 < this.top ? at + 1 : 0;
    const row = at << ROW_SHIFT;
    const w = row << 1;
    const { f64, u32 } = this;
    const meta = u32[w + META]!;
    if ((meta & USED) === 0) return;
    if ((meta & TOUCHED) !== 0) {
      u32[w + META] = meta & ~TOUCHED;
      return;
    }
    const hasGeneration = f64[row + GEN_SEQ]! >= 0;
    if (f64[row + COMPLETE_AT]! > complete && f64[row + VERSION]! > durable) return;
    if (hasGeneration && f64[row + GEN_LAST]! > durable) return;
    const bucket = u32[w + ID_HI]! & (FLOORS - 1);
    const known = hasGeneration ? f64[row + GEN_LAST]! : f64[row + VERSION]!;
    if (known > this.floors[bucket]!) this.floors[bucket] = known;
    this.remove(at, u32[w + ID_LO]!);
    u32[w + META] = 0;
    u32[w + GEN_COUNT] = this.freeHead + 1;
    this.freeHead = at;
    this.rows--;
    this.evictions++;
  }

  /** Takes a row out of the index by shifting later entries of the probe run back, so that there are no tombstones. */
  private remove(at: number, lo: number): void {
    const { index, mask } = this;
    let hole = lo & mask;
    while (index[hole << 1] !== at + 1) hole = (hole + 1) & mask;
    for (let j = (hole + 1) & mask; index[j << 1] !== 0; j = (j + 1) & mask) {
      const home = index[(j << 1) + 1]! & mask;
      if (((j - home) & mask) >= ((j - hole) & mask)) {
        index[hole << 1] = index[j << 1]!;
        index[(hole << 1) + 1] = index[(j << 1) + 1]!;
        hole = j;
      }
    }
    index[hole << 1] = 0;
  }

  private grow(): void {
    if (this.capacity >= this.maxCapacity) this.growths++;
    this.capacity *= 2;
    const f64 = new Float64Array(this.capacity * ROW_WORDS);
    f64.set(this.f64);
    this.f64 = f64;
    this.u32 = new Uint32Array(f64.buffer);
    const old = this.index;
    this.mask = 2 * this.capacity - 1;
    this.index = new Uint32Array(4 * this.capacity);
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0) this.enter(old[i]!, old[i + 1]!);
  }
}

export interface SlotTableOptions {
  /** Bound on rows kept over all groups; 64 bytes each, and 16 of the index. Passed only when nothing can be evicted (`growths` counts that). */
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
