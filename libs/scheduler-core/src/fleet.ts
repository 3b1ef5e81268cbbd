/** The executors of an epoch: how many, how busy, how much they take. */
import { MAX_EXECUTORS } from "./options.ts";
import type { ExecutorLoads } from "./placement.ts";

export class Fleet implements ExecutorLoads {
  count = 0;
  readonly inFlight = new Int32Array(MAX_EXECUTORS);
  readonly capacity = new Int32Array(MAX_EXECUTORS);
  totalInFlight = 0;
  totalCapacity = 0;

  add(capacity: number): number {
    this.capacity[this.count] = Math.max(1, capacity);
    this.totalCapacity += Math.max(1, capacity);
    return this.count++;
  }

  /** Room for `count` transactions within `window`; one frame always fits an idle fleet, however large. */
  hasRoom(count: number, window: number): boolean {
    if (this.totalInFlight === 0) return true;
    return this.totalInFlight + count <= Math.min(window, this.totalCapacity);
  }
}
