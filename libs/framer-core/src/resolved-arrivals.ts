/**
 * Which transactions of the `tx` stream have their outcome in a block record: a watermark below which all have, and
 * ranges above it. Recovery starts from exactly this.
 */
import { MAX_BATCH_TRANSACTIONS } from "@velarium/wire";

interface MessageOutcomes {
  readonly count: number;
  left: number;
  readonly bits: Uint8Array;
}

export class ResolvedArrivals {
  /** Everything of messages below this stream seq is resolved. */
  watermark: number;
  private readonly messages = new Map<number, MessageOutcomes>();
  /** Resolved before their message was seen: transactions of replayed frames. */
  private readonly early = new Set<number>();
  /** The message asked for last: arrivals come mostly in order. */
  private lastSeq = -1;
  private lastEntry: MessageOutcomes | undefined;
  /** Given by the record that recovery started from: sorted [from, to) pairs. */
  private readonly initial: Float64Array;

  constructor(watermark: number, initial: Float64Array = new Float64Array(0)) {
    this.watermark = watermark;
    this.initial = initial;
  }

  /** Whether `wasResolved` can be true. */
  get hasInitial(): boolean {
    return this.initial.length > 0;
  }

  /** True when an earlier life has already recorded the outcome. */
  wasResolved(arrival: number): boolean {
    let low = 0;
    let high = this.initial.length >> 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.initial[2 * middle + 1]! <= arrival) low = middle + 1;
      else high = middle;
    }
    return 2 * low < this.initial.length && this.initial[2 * low]! <= arrival;
  }

  /** A message of the stream is known: so many transactions. */
  addMessage(streamSeq: number, count: number): void {
    if (streamSeq < this.watermark || this.messages.has(streamSeq)) return;
    const entry: MessageOutcomes = { count, left: count, bits: new Uint8Array((count + 7) >> 3) };
    this.messages.set(streamSeq, entry);
    const base = streamSeq * MAX_BATCH_TRANSACTIONS;
    if (this.initial.length > 0)
      for (let i = 0; i < count; i++) if (this.wasResolved(base + i)) this.mark(entry, i);
    if (this.early.size > 0)
      for (let i = 0; i < count; i++) if (this.early.delete(base + i)) this.mark(entry, i);
  }

  private mark(entry: MessageOutcomes, index: number): void {
    const bit = 1 << (index & 7);
    if (index >= entry.count || (entry.bits[index >> 3]! & bit) !== 0) return;
    entry.bits[index >> 3]! |= bit;
    entry.left--;
  }

  resolve(arrival: number): void {
    const streamSeq = Math.floor(arrival / MAX_BATCH_TRANSACTIONS);
    if (streamSeq !== this.lastSeq || this.lastEntry === undefined) {
      this.lastSeq = streamSeq;
      this.lastEntry = this.messages.get(streamSeq);
    }
    const entry = this.lastEntry;
    if (entry) this.mark(entry, arrival - streamSeq * MAX_BATCH_TRANSACTIONS);
    else if (streamSeq >= this.watermark) this.early.add(arrival);
  }

  /** Moves the watermark past messages that are resolved whole. */
  advance(): number {
    for (let entry = this.messages.get(this.watermark); entry !== undefined && entry.left === 0; ) {
      if (this.watermark === this.lastSeq) this.lastEntry = undefined;
      this.messages.delete(this.watermark++);
      entry = this.messages.get(this.watermark);
    }
    return this.watermark;
  }

  /** Resolved arrivals at or above the watermark, as sorted [from, to) pairs. */
  ranges(): Float64Array {
    const out: number[] = [];
    const push = (from: number, to: number): void => {
      if (out.length > 0 && out.at(-1) === from) out[out.length - 1] = to;
      else out.push(from, to);
    };
    const seqs = [...this.messages.keys()].sort((a, b) => a - b);
    for (const seq of seqs) {
      const entry = this.messages.get(seq)!;
      if (entry.left === entry.count) continue;
      const base = seq * MAX_BATCH_TRANSACTIONS;
      if (entry.left === 0) push(base, base + entry.count);
      else
        for (let i = 0; i < entry.count; i++)
          if ((entry.bits[i >> 3]! & (1 << (i & 7))) !== 0) push(base + i, base + i + 1);
      // A message that is resolved whole joins its neighbour's range.
      if (entry.left === 0 && out.at(-1) === base + entry.count)
        out[out.length - 1] = base + MAX_BATCH_TRANSACTIONS;
    }
    // What recovery was told of messages that were not seen again yet is still true.
    const beyond = seqs.length === 0 ? this.watermark : Math.max(this.watermark, seqs.at(-1)! + 1);
    const unseen: [number, number][] = [...this.early].map((arrival) => [arrival, arrival + 1]);
    for (let i = 0; i < this.initial.length; i += 2) {
      const to = this.initial[i + 1]!;
      const from = Math.max(this.initial[i]!, beyond * MAX_BATCH_TRANSACTIONS);
      if (from < to) unseen.push([from, to]);
    }
    unseen.sort((a, b) => a[0] - b[0]);
    for (const [from, to] of unseen) push(from, to);
    return Float64Array.from(out);
  }
}
