/** Analysed messages into the pool, strictly in the order of the `tx` stream; those that come early wait for their turn. */
import type { Message } from "@velarium/columns";
import { type Analyzed, arrivalOf, carriedKeys } from "@velarium/wire";
import type { FrameReplay } from "./frame-replay.ts";
import type { FramerStats } from "./framer-types.ts";
import type { Pool } from "./pool.ts";
import type { ResolvedArrivals } from "./resolved-arrivals.ts";

export interface IntakeParts {
  readonly pool: Pool;
  readonly tracker: ResolvedArrivals;
  /** What an earlier life has framed is not taken in again. */
  readonly earlier: FrameReplay;
  readonly stats: FramerStats;
  /** Messages that may arrive ahead of the one that is due. */
  readonly reorderMessages: number;
}

export class Intake {
  /** Next message of the `tx` stream that is due. */
  nextStreamSeq: number;
  private readonly parts: IntakeParts;
  private readonly early = new Map<number, Message<typeof Analyzed>>();

  constructor(parts: IntakeParts, firstStreamSeq: number) {
    this.parts = parts;
    this.nextStreamSeq = firstStreamSeq;
  }

  /** Takes the message, and those that waited for it; one that is out of bounds is dropped (false). */
  analyzed(message: Message<typeof Analyzed>): boolean {
    const seq = message.streamSeq;
    if (seq < this.nextStreamSeq || seq >= this.nextStreamSeq + this.parts.reorderMessages) return false;
    this.early.set(seq, message);
    for (let due = this.early.get(this.nextStreamSeq); due; due = this.early.get(this.nextStreamSeq)) {
      this.early.delete(this.nextStreamSeq++);
      this.take(due);
    }
    return true;
  }

  private take(message: Message<typeof Analyzed>): void {
    const { pool, tracker, earlier, stats } = this.parts;
    const n = message.indexes.length;
    stats.analyzedMessages++;
    stats.analyzedTransactions += n;
    let most = 0;
    for (let i = 0; i < n; i++) most = Math.max(most, message.indexes[i]! + 1);
    tracker.addMessage(message.streamSeq, most);
    const source = pool.slab.addSource(message);
    pool.accounts.warm(message.senders, n);
    pool.keyCursor = 0;
    const skip = earlier.size > 0 || tracker.hasInitial;
    for (let i = 0; i < n; i++) {
      const arrival = arrivalOf(message.streamSeq, message.indexes[i]!);
      if (!skip || !(earlier.has(arrival) || tracker.wasResolved(arrival)))
        pool.admit(message, i, arrival, source);
      const accesses = message.accessEnds[i]! - (i === 0 ? 0 : message.accessEnds[i - 1]!);
      pool.keyCursor += carriedKeys(message.shapes[i]!, accesses);
    }
    pool.slab.releaseSource(source);
  }
}
