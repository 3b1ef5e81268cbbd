/**
 * Slot ids of code fields that were seen empty: recipients that need no look at state. Open addressing over typed
 * arrays, 8 bytes an entry, at most half full; emptied as a whole when full or too old, which bounds staleness. A stale
 * entry costs one return of a transaction, never a wrong result: the executor reads the code field itself.
 */
export class CodelessSet {
  readonly capacity: number;
  private readonly maxAgeMs: number;
  private readonly mask: number;
  private readonly hi: Uint32Array;
  private readonly lo: Uint32Array;
  private filledSinceMs = 0;
  size = 0;

  /** `capacity`: entries; 2 Mi take 32 MiB of tables (4 Mi rows of 8 bytes). */
  constructor(capacity = 2 ** 21, maxAgeMs = 120_000) {
    const rows = 2 ** Math.ceil(Math.log2(Math.max(8, capacity) * 2));
    this.capacity = rows / 2;
    this.maxAgeMs = maxAgeMs;
    this.mask = rows - 1;
    this.hi = new Uint32Array(rows);
    this.lo = new Uint32Array(rows);
  }

  /** Forgets everything when the oldest entry may be too old. */
  expire(nowMs: number): void {
    if (this.size > 0 && nowMs - this.filledSinceMs > this.maxAgeMs) this.clear();
  }

  clear(): void {
    this.hi.fill(0);
    this.lo.fill(0);
    this.size = 0;
  }

  has(hi: number, lo: number): boolean {
    // Row (0, 0) marks a free place; the one id of that value is simply never known.
    for (let at = (lo ^ hi) & this.mask; ; at = (at + 1) & this.mask) {
      if (this.lo[at] === lo && this.hi[at] === hi) return (hi | lo) !== 0;
      if (this.lo[at] === 0 && this.hi[at] === 0) return false;
    }
  }

  add(hi: number, lo: number, nowMs: number): void {
    if ((hi | lo) === 0) return;
    if (this.size >= this.capacity) this.clear();
    if (this.size === 0) this.filledSinceMs = nowMs;
    let at = (lo ^ hi) & this.mask;
    while (this.lo[at] !== 0 || this.hi[at] !== 0) {
      if (this.lo[at] === lo && this.hi[at] === hi) return;
      at = (at + 1) & this.mask;
    }
    this.hi[at] = hi;
    this.lo[at] = lo;
    this.size++;
  }
}
