/** Where a transaction runs. A policy sees what its slots' owners are and who is how busy; nothing else. */

/** Transactions in flight and taken at most, per executor. */
export interface ExecutorLoads {
  readonly count: number;
  readonly inFlight: Int32Array;
  readonly capacity: Int32Array;
}

export interface PlacementPolicy {
  /**
   * Chooses an executor with room (inFlight < capacity), or the least busy one when none has. `owners[0..owned)` are
   * the executors that own something the transaction needs, `weights[executor]` how much.
   */
  place(loads: ExecutorLoads, owners: Uint8Array, owned: number, weights: Int32Array): number;
}

/** How much an owned slot counts: one that is still in flight would have to be waited for elsewhere. */
export const OWNED_WEIGHT = 1;
export const IN_FLIGHT_WEIGHT = 4;
/** Slots with this many waits behind them count more, so that the chain of a hot slot stays in one place. */
export const HOT_HEAT = 16;
export const HOT_WEIGHT = 8;

/**
 * The owner of most of what a transaction needs, unless it is busier than the least busy one by more than its weight
 * in slack: one unit of weight is worth `slack` transactions of queue.
 */
export class OwnershipPlacement implements PlacementPolicy {
  private readonly slack: number;
  private next = 0;

  constructor(slack = 64) {
    this.slack = slack;
  }

  place(loads: ExecutorLoads, owners: Uint8Array, owned: number, weights: Int32Array): number {
    const { count, inFlight, capacity } = loads;
    let least = -1;
    let leastLoad = Number.POSITIVE_INFINITY;
    // Starting at a moving place spreads ties.
    for (let k = 0, e = this.next; k < count; k++) {
      const load = inFlight[e]!;
      if (load < leastLoad && load < capacity[e]!) {
        least = e;
        leastLoad = load;
      }
      if (++e >= count) e = 0;
    }
    if (least < 0) {
      least = 0;
      for (let e = 1; e < count; e++)
        if (inFlight[e]! / capacity[e]! < inFlight[least]! / capacity[least]!) least = e;
      return least;
    }
    let best = least;
    let bestGain = weights[least]! * this.slack - leastLoad;
    for (let k = 0; k < owned; k++) {
      const e = owners[k]!;
      if (inFlight[e]! >= capacity[e]!) continue;
      const gain = weights[e]! * this.slack - inFlight[e]!;
      if (gain > bestGain) {
        best = e;
        bestGain = gain;
      }
    }
    if (best === least && ++this.next >= count) this.next = 0;
    return best;
  }
}
