/**
 * Columns of the frame at hand in the kernel's memory: what it has to know of a frame, and the grants. Accesses and
 * transactions have the numbers that they have in the frame.
 */
import { EVENT_ITEMS, GENERATION_ITEMS } from "../assembly/interface.ts";

/** Transactions of one run of the kernel at most; its accesses may be as many as one transaction has. */
export const RUN_TRANSACTIONS = 256;

export interface FrameRoom {
  readonly transactions: number;
  readonly accesses: number;
}

/** Views of memory; they hold until it grows. */
export class FrameColumns {
  readonly room: FrameRoom;
  /** Where the columns end. */
  readonly end: number;
  readonly accessHi: Uint32Array;
  readonly accessLo: Uint32Array;
  readonly accessKinds: Uint8Array;
  /** Row of the slot table of each access, -1 where the slot has none; with room for one more. */
  readonly rows: Int32Array;
  readonly modes: Uint8Array;
  readonly versions: Float64Array;
  readonly accessEnds: Uint32Array;
  readonly shapes: Uint8Array;
  readonly executors: Uint8Array;
  /** Delta generation that takes a transaction's fee, -1 where it has none. */
  readonly feeGens: Float64Array;
  /** Lists of the last run; see assembly/grants.ts. */
  readonly generations: Float64Array;
  readonly events: Float64Array;

  /** `buffer`: undefined to learn how much memory is needed. */
  constructor(buffer: ArrayBuffer | undefined, start: number, room: FrameRoom) {
    this.room = room;
    const { transactions, accesses } = room;
    let at = start;
    const take = <A>(
      make: new (buffer: ArrayBuffer, offset: number, length: number) => A,
      bytes: number,
      items: number,
    ): A => {
      const offset = at;
      at = (at + items * bytes + 63) & ~63;
      return buffer ? new make(buffer, offset, items) : (undefined as A);
    };
    this.accessHi = take(Uint32Array, 4, accesses);
    this.accessLo = take(Uint32Array, 4, accesses);
    this.accessKinds = take(Uint8Array, 1, accesses);
    this.rows = take(Int32Array, 4, accesses + 1);
    this.modes = take(Uint8Array, 1, accesses);
    this.versions = take(Float64Array, 8, accesses);
    this.accessEnds = take(Uint32Array, 4, transactions);
    this.shapes = take(Uint8Array, 1, transactions);
    this.executors = take(Uint8Array, 1, transactions);
    this.feeGens = take(Float64Array, 8, transactions);
    // Of an access at most a generation, and a seal, or a heat and a loss; of a transaction a seal of fees.
    this.generations = take(Float64Array, 8, GENERATION_ITEMS * accesses);
    this.events = take(Float64Array, 8, EVENT_ITEMS * (2 * accesses + RUN_TRANSACTIONS));
    this.end = at;
  }
}
