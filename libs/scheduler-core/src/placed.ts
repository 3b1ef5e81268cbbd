/** Dispatch under construction for one executor: which transactions of a frame it gets, and their grants. */
import type { Message } from "@velarium/columns";
import { encode, F64Vector, U32Vector } from "@velarium/columns";
import { Dispatch, type Frame } from "@velarium/wire";

import { GatheredBodies } from "./gathered-bodies.ts";

export type FrameMessage = Message<typeof Frame>;

const EMPTY = new Uint8Array(0);

/** The columns up to `count` and `accesses` are filled by the dispatch loop itself, which has no calls to spare. */
export class PlacedColumns {
  /** Transactions placed here. */
  count = 0;
  /** Index in the frame of each. */
  indexes = new Uint32Array(1024);
  seqs = new Float64Array(1024);
  feeGens = new Float64Array(1024);
  /** Accesses granted here. */
  accesses = 0;
  modes = new Uint8Array(4096);
  versions = new Float64Array(4096);
  readonly genSeqs = new F64Vector();
  readonly genCounts = new U32Vector();
  readonly genLasts = new F64Vector();
  private readonly bodies = new GatheredBodies();

  /** Empties the columns and makes room. */
  begin(transactions: number, accesses: number): void {
    this.count = this.accesses = 0;
    if (transactions > this.indexes.length) {
      this.indexes = new Uint32Array(2 * transactions);
      this.seqs = new Float64Array(2 * transactions);
      this.feeGens = new Float64Array(2 * transactions);
    }
    if (accesses > this.modes.length) {
      this.modes = new Uint8Array(2 * accesses);
      this.versions = new Float64Array(2 * accesses);
    }
    this.genSeqs.clear();
    this.genCounts.clear();
    this.genLasts.clear();
  }

  /**
   * The Dispatch. Body columns are copied as they are: whole when all of the frame is here, else by runs of
   * neighbours. `keyEnds[i]`: keys of the frame's transactions 0..i, in items.
   */
  pack(frame: FrameMessage, epoch: number, keyEnds: Uint32Array): Uint8Array {
    const { count, accesses } = this;
    const whole = count === frame.shapes.length;
    const body = whole ? frame : this.bodies.gather(frame, this.indexes, count, keyEnds);
    return encode(Dispatch, {
      epoch,
      block: frame.block,
      frame: frame.frame,
      tail: frame.tail,
      shapes: body.shapes,
      gasLimits: body.gasLimits,
      senders: body.senders,
      raw: body.raw,
      accessEnds: body.accessEnds,
      accessHi: body.accessHi,
      accessLo: body.accessLo,
      accessKinds: body.accessKinds,
      keys: body.keys,
      seqs: this.seqs.subarray(0, count),
      feeGens: this.feeGens.subarray(0, count),
      modes: this.modes.subarray(0, accesses),
      versions: this.versions.subarray(0, accesses),
      genSeqs: this.genSeqs.view(),
      genCounts: this.genCounts.view(),
      genLasts: this.genLasts.view(),
      trace: frame.trace.length > 0 ? frame.trace : EMPTY,
    });
  }
}
