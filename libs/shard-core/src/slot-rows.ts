/**
 * Slots that have anything uncommitted or anyone waiting: a chained hash table by slot id. A row holds the heads of
 * its lists; -1 is an empty list.
 */
const INITIAL = 1024;

export class SlotRows {
  hi = new Uint32Array(INITIAL);
  lo = new Uint32Array(INITIAL);
  /** Newest version. */
  versions = new Int32Array(INITIAL);
  /** Newest delta generation. */
  generations = new Int32Array(INITIAL);
  /** Oldest parked read, and the newest, so that order of arrival is kept. */
  parked = new Int32Array(INITIAL);
  parkedTail = new Int32Array(INITIAL);
  /** Pass in which the row was last looked at, for walks that meet a row more than once. */
  marks = new Uint32Array(INITIAL);
  size = 0;
  private next = new Int32Array(INITIAL);
  private buckets = new Int32Array(INITIAL * 2).fill(-1);
  private free = -1;
  private top = 0;

  find(hi: number, lo: number): number {
    const { next } = this;
    let row = this.buckets[(lo ^ (hi * 0x9e3779b1)) & (this.buckets.length - 1)]!;
    while (row >= 0 && (this.lo[row] !== lo || this.hi[row] !== hi)) row = next[row]!;
    return row;
  }

  ensure(hi: number, lo: number): number {
    const found = this.find(hi, lo);
    if (found >= 0) return found;
    if (this.free < 0 && this.top === this.hi.length) this.grow();
    let row = this.free;
    if (row >= 0) this.free = this.next[row]!;
    else row = this.top++;
    this.hi[row] = hi;
    this.lo[row] = lo;
    this.versions[row] = this.generations[row] = this.parked[row] = this.parkedTail[row] = -1;
    this.marks[row] = 0;
    const bucket = (lo ^ (hi * 0x9e3779b1)) & (this.buckets.length - 1);
    this.next[row] = this.buckets[bucket]!;
    this.buckets[bucket] = row;
    this.size++;
    return row;
  }

  /** Frees a row whose lists are all empty. */
  releaseIfEmpty(row: number): void {
    if (this.versions[row]! >= 0 || this.generations[row]! >= 0 || this.parked[row]! >= 0) return;
    const bucket = (this.lo[row]! ^ (this.hi[row]! * 0x9e3779b1)) & (this.buckets.length - 1);
    let at = this.buckets[bucket]!;
    if (at === row) this.buckets[bucket] = this.next[row]!;
    else {
      while (this.next[at] !== row) at = this.next[at]!;
      this.next[at] = this.next[row]!;
    }
    this.next[row] = this.free;
    this.free = row;
    this.size--;
  }

  clear(): void {
    this.buckets.fill(-1);
    this.free = -1;
    this.top = 0;
    this.size = 0;
  }

  private grow(): void {
    const rows = this.hi.length * 2;
    const u32 = (a: Uint32Array): Uint32Array<ArrayBuffer> => {
      const b = new Uint32Array(rows);
      b.set(a);
      return b;
    };
    const i32 = (a: Int32Array): Int32Array<ArrayBuffer> => {
      const b = new Int32Array(rows);
      b.set(a);
      return b;
    };
    this.hi = u32(this.hi);
    this.lo = u32(this.lo);
    this.marks = u32(this.marks);
    this.versions = i32(this.versions);
    this.generations = i32(this.generations);
    this.parked = i32(this.parked);
    this.parkedTail = i32(this.parkedTail);
    this.next = i32(this.next);
    this.buckets = new Int32Array(rows * 2).fill(-1);
    for (let row = 0; row < this.top; row++) {
      const bucket = (this.lo[row]! ^ (this.hi[row]! * 0x9e3779b1)) & (this.buckets.length - 1);
      this.next[row] = this.buckets[bucket]!;
      this.buckets[bucket] = row;
    }
  }
}
