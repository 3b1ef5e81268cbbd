/**
 * Slots that have anything uncommitted or anyone waiting: a chained hash table by slot id. A row holds the heads of its
 * lists; -1 is an empty list. All of a row stands in 32 aligned bytes, half a cache line, for it is nearly always wanted
 * together; a row is named by its first word.
 */
import { alignedBuffer } from "@velarium/columns";

/** Words of a row. */
export const R = {
  hi: 0,
  lo: 1,
  /** Newest version. */
  versions: 2,
  /** Newest delta generation. */
  generations: 3,
  /** Oldest parked read, and the newest, so that order of arrival is kept. */
  parked: 4,
  parkedTail: 5,
  /** For a walk that meets rows more than once: what it has noted, 0 when it is over. */
  marks: 6,
  /** Next row of the bucket, or of the free ones. */
  next: 7,
} as const;
const ROW_WORDS = 8;
const INITIAL_ROWS = 1024;

const allocate = (rows: number): Int32Array<ArrayBuffer> =>
  new Int32Array(alignedBuffer(rows * ROW_WORDS * 4), 0, rows * ROW_WORDS);

export class SlotRows {
  /** All rows. The array is another one when `ensure` has grown it. */
  words = allocate(INITIAL_ROWS);
  size = 0;
  private buckets = new Int32Array(INITIAL_ROWS * 2).fill(-1);
  private free = -1;
  /** Keeps the loads of `approach` from being left out. */
  protected touched = 0;
  /** End of the rows that were ever used. */
  private top = 0;

  find(hi: number, lo: number): number {
    const { words } = this;
    const high = hi | 0;
    const low = lo | 0;
    let row = this.buckets[this.bucketOf(high, low)]!;
    while (row >= 0 && (words[row + R.lo] !== low || words[row + R.hi] !== high)) row = words[row + R.next]!;
    return row;
  }

  /**
   * Brings rows that are about to be looked for near the processor, first all buckets, then the rows they name; `first`
   * then has those rows, -1 without one.
   */
  approach(hi: Uint32Array, lo: Uint32Array, from: number, to: number, first: Int32Array): void {
    const { words, buckets } = this;
    for (let i = from; i < to; i++) first[i - from] = buckets[this.bucketOf(hi[i]! | 0, lo[i]! | 0)]!;
    let touched = 0;
    for (let i = 0; i < to - from; i++) {
      const row = first[i]!;
      if (row >= 0) touched ^= words[row]!;
    }
    this.touched = touched;
  }

  /** Likewise the buckets of rows that are known; the result has no meaning. */
  approachBuckets(known: Int32Array, from: number, to: number): number {
    const { words, buckets } = this;
    let touched = 0;
    for (let i = from; i < to; i++) {
      const row = known[i]!;
      touched ^= buckets[this.bucketOf(words[row + R.hi]!, words[row + R.lo]!)]!;
    }
    return touched;
  }

  private bucketOf(hi: number, lo: number): number {
    return (lo ^ Math.imul(hi, 0x9e3779b1)) & (this.buckets.length - 1);
  }

  ensure(hi: number, lo: number): number {
    const found = this.find(hi, lo);
    if (found >= 0) return found;
    if (this.free < 0 && this.top === this.words.length) this.grow();
    const { words } = this;
    let row = this.free;
    if (row >= 0) this.free = words[row + R.next]!;
    else {
      row = this.top;
      this.top += ROW_WORDS;
    }
    words[row + R.hi] = hi;
    words[row + R.lo] = lo;
    words[row + R.versions] = -1;
    words[row + R.generations] = -1;
    words[row + R.parked] = -1;
    words[row + R.parkedTail] = -1;
    words[row + R.marks] = 0;
    const bucket = this.bucketOf(hi, lo);
    words[row + R.next] = this.buckets[bucket]!;
    this.buckets[bucket] = row;
    this.size++;
    return row;
  }

  /** Frees a row whose lists are all empty. */
  releaseIfEmpty(row: number): void {
    const { words, buckets } = this;
    if ((words[row + R.versions]! & words[row + R.generations]! & words[row + R.parked]!) !== -1) return;
    const bucket = this.bucketOf(words[row + R.hi]!, words[row + R.lo]!);
    const next = words[row + R.next]!;
    let at = buckets[bucket]!;
    if (at === row) buckets[bucket] = next;
    else {
      while (words[at + R.next] !== row) at = words[at + R.next]!;
      words[at + R.next] = next;
    }
    words[row + R.next] = this.free;
    this.free = row;
    this.size--;
  }

  clear(): void {
    this.buckets.fill(-1);
    this.free = -1;
    this.top = 0;
    this.size = 0;
  }

  /** Only with every row in use. */
  private grow(): void {
    const rows = (this.words.length / ROW_WORDS) * 2;
    const words = allocate(rows);
    words.set(this.words);
    this.words = words;
    this.buckets = new Int32Array(rows * 2).fill(-1);
    for (let row = 0; row < this.top; row += ROW_WORDS) {
      const bucket = this.bucketOf(words[row + R.hi]!, words[row + R.lo]!);
      words[row + R.next] = this.buckets[bucket]!;
      this.buckets[bucket] = row;
    }
  }
}
