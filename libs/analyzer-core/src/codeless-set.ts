/**
 * Slot ids of code fields that were seen empty: recipients that need no look at state. Open addressing over typed
 * arrays, 8 bytes an entry, at most half full; emptied as a whole when full or too old, which bounds staleness. A stale
 * entry costs one return of a transaction, never a wrong result: the executor reads the code field itself.
 */
export class CodelessSet {
  readonly capacity: number;
  private readonly maxAgeMs: number;
  private readonly mask: number;
  /** Pairs of low and high half, side by side: a look-up in a large set costs one cache miss. */
  private readonly ids: Uint32Array;
  private filledSinceMs = 0;
  size = 0;

  /** `capacity`: entries; 2 Mi take 32 MiB of tables (4 Mi rows of 8 bytes). */
  constructor(capacity = 2 ** 21, maxAgeMs = 120_000) {
    const rows = 2 ** Math.ceil(Math.log2(Math.max(8, capacity) * 2));
    this.capacity = rows / 2;
    this.maxAgeMs = maxAgeMs;
    this.mask = rows - 1;
    this.ids = new Uint32Array(rows * 2);
  }

  /** Forgets everything when the oldest entry may be too old. */
  expire(nowMs: number): void {
    if (this.size > 0 && nowMs - this.filledSinceMs > this.maxAgeMs) this.clear();
  }

  clear(): void {
    this.ids.fill(0);
    this.size = 0;
  }

  has(hi: number, lo: number): boolean {
    const { ids, mask } = this;
    // Row (0, 0) marks a free place; the one id of that value is simply never known.
    for (let at = (lo ^ hi) & mask; ; at = (at + 1) & mask) {
      const low = ids[2 * at]!;
      const high = ids[2 * at + 1]!;
      if (low === lo && high === hi) return (hi | lo) !== 0;
      if (low === 0 && high === 0) return false;
    }
  }

  add(hi: number, lo: number, nowMs: number): void {
    if ((hi | lo) === 0) return;
    if (this.size >= this.capacity) this.clear();
    if (this.size === 0) this.filledSinceMs = nowMs;
    const { ids, mask } = this;
    let at = (lo ^ hi) & mask;
    while (ids[2 * at] !== 0 || ids[2 * at + 1] !== 0) {
      if (ids[2 * at] === lo && ids[2 * at + 1] === hi) return;
      at = (at + 1) & mask;
    }
    ids[2 * at] = lo;
    ids[2 * at + 1] = hi;
    this.size++;
  }
}
