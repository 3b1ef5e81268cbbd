import { RpcError } from "./error.ts";

export interface CreditGateOptions {
  /** Most items outstanding at once. */
  readonly maxItems: number;
  /** Most bytes outstanding at once; unlimited if left out. */
  readonly maxBytes?: number;
  /** Most callers waiting in `take`; 1024 if left out. */
  readonly maxWaiting?: number;
}

/**
 * Bounds what is in flight between two processes, in items and bytes: take before sending, give back
 * when the other side has acknowledged. Pure: no clock, no promise. Waiters are served first come,
 * first served. A request larger than the whole limit is admitted when nothing is outstanding, so that
 * it cannot wait for ever.
 */
export class CreditGate {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly #maxWaiting: number;
  #items = 0;
  #bytes = 0;
  #waiting: { items: number; bytes: number; granted: () => void }[] = [];

  constructor(options: CreditGateOptions) {
    this.maxItems = options.maxItems;
    this.maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
    this.#maxWaiting = options.maxWaiting ?? 1024;
  }

  get outstandingItems(): number {
    return this.#items;
  }

  get outstandingBytes(): number {
    return this.#bytes;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  #fits(items: number, bytes: number): boolean {
    if (this.#items === 0 && this.#bytes === 0) return true;
    return this.#items + items <= this.maxItems && this.#bytes + bytes <= this.maxBytes;
  }

  /** Takes credit if there is some and nobody waits for it; says whether it did. */
  tryTake(items: number, bytes = 0): boolean {
    if (this.#waiting.length > 0 || !this.#fits(items, bytes)) return false;
    this.#items += items;
    this.#bytes += bytes;
    return true;
  }

  /**
   * Takes credit and calls `granted`, at once or, in order of arrival, when enough was given back.
   * @throws RpcError `overloaded` when `maxWaiting` callers wait already
   */
  take(items: number, bytes: number, granted: () => void): void {
    if (this.tryTake(items, bytes)) {
      granted();
      return;
    }
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new RpcError(
        "overloaded",
        `${this.#waiting.length} callers wait for credit already (limit ${this.#maxWaiting})`,
      );
    }
    this.#waiting.push({ items, bytes, granted });
  }

  /** Gives credit back and serves who waits. More than is outstanding counts as all of it. */
  giveBack(items: number, bytes = 0): void {
    this.#items = Math.max(0, this.#items - items);
    this.#bytes = Math.max(0, this.#bytes - bytes);
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0]!;
      if (!this.#fits(next.items, next.bytes)) return;
      this.#waiting.shift();
      this.#items += next.items;
      this.#bytes += next.bytes;
      next.granted();
    }
  }

  /** Forgets what is outstanding and who waits: the connection is gone, nobody will give back. */
  reset(): void {
    this.#items = 0;
    this.#bytes = 0;
    this.#waiting = [];
  }
}
