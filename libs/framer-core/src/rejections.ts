/** Final refusals that wait for the next block record. */
import { F64Vector, FixedVector, U8Vector } from "@velarium/columns";

export class Rejections {
  readonly arrivals = new F64Vector();
  readonly hashes = new FixedVector(32);
  readonly senders = new FixedVector(20);
  readonly reasons = new U8Vector();

  get length(): number {
    return this.arrivals.length;
  }

  add(
    arrival: number,
    hashes: Uint8Array,
    hashAt: number,
    senders: Uint8Array,
    senderAt: number,
    reason: number,
  ): void {
    this.arrivals.push(arrival);
    this.hashes.push(hashes, hashAt);
    this.senders.push(senders, senderAt);
    this.reasons.push(reason);
  }

  /** Everything so far, copied; starts anew. */
  take(): TakenRejections {
    const taken = {
      arrivals: this.arrivals.view().slice(),
      hashes: this.hashes.view().slice(),
      senders: this.senders.view().slice(),
      reasons: this.reasons.view().slice(),
    };
    this.arrivals.clear();
    this.hashes.clear();
    this.senders.clear();
    this.reasons.clear();
    return taken;
  }
}

export interface TakenRejections {
  readonly arrivals: Float64Array;
  readonly hashes: Uint8Array;
  readonly senders: Uint8Array;
  readonly reasons: Uint8Array;
}
