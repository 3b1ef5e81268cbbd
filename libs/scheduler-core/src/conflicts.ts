/** What contention looked like: the hottest slots, and how much could run at once. Statistics, never semantics. */

export interface HotSlot {
  readonly hi: number;
  readonly lo: number;
  /** Waits seen on the slot so far. */
  readonly heat: number;
}

/** The hottest slots, at most `limit` of them. */
export class ConflictHistory {
  private readonly limit: number;
  private readonly slots = new Map<number, Map<number, number>>();
  private size = 0;

  constructor(limit = 1024) {
    this.limit = limit;
  }

  note(hi: number, lo: number, heat: number): void {
    let inner = this.slots.get(hi);
    if (!inner) this.slots.set(hi, (inner = new Map()));
    if (!inner.has(lo)) this.size++;
    inner.set(lo, heat);
    if (this.size > this.limit) this.keep(this.limit >> 1);
  }

  hottest(count: number): HotSlot[] {
    const all: HotSlot[] = [];
    for (const [hi, inner] of this.slots) for (const [lo, heat] of inner) all.push({ hi, lo, heat });
    return all.sort((a, b) => b.heat - a.heat || a.hi - b.hi || a.lo - b.lo).slice(0, count);
  }

  private keep(count: number): void {
    const kept = this.hottest(count);
    this.slots.clear();
    this.size = 0;
    for (const { hi, lo, heat } of kept) this.note(hi, lo, heat);
  }
}

/**
 * Exact transaction-level parallelism over windows: transactions / length of the longest chain of dependencies by
 * slot. Depths only grow; those from before a window count as its start.
 */
export class ParallelismMeter {
  /** Depth at the start of the window; deepest so far. Public for granting. */
  base = 0;
  deepest = 0;
  transactions = 0;
  private readonly window: number;
  private lastTlp = 0;
  private totalTransactions = 0;
  private totalLength = 0;

  constructor(window = 16384) {
    this.window = window;
  }

  /** Call between frames. */
  roll(): void {
    if (this.transactions < this.window) return;
    this.lastTlp = this.transactions / Math.max(1, this.deepest - this.base);
    this.totalTransactions += this.transactions;
    this.totalLength += this.deepest - this.base;
    this.base = this.deepest;
    this.transactions = 0;
  }

  /** Of the last full window, or of the running one when there is none yet. */
  get tlp(): number {
    return this.lastTlp || this.transactions / Math.max(1, this.deepest - this.base);
  }

  /** Over all windows so far. */
  get meanTlp(): number {
    const transactions = this.totalTransactions + this.transactions;
    return transactions / Math.max(1, this.totalLength + this.deepest - this.base);
  }
}
