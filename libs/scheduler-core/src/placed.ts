/** Dispatch under construction for one executor: which transactions of a frame it gets, and their grants. */
import type { Message } from "@velarium/columns";
import { encode, F64Vector, U32Vector } from "@velarium/columns";
import { Dispatch, type Frame } from "@velarium/wire";

import type { FrameColumns } from "./frame-columns.ts";
import { GatheredColumns } from "./gathered-columns.ts";

export type FrameMessage = Message<typeof Frame>;

const EMPTY = new Uint8Array(0);

export class PlacedColumns {
  /** Transactions placed here. */
  count = 0;
  /** Index in the frame of each. */
  indexes = new Uint32Array(1024);
  /** Of every grant of an open generation, in order. */
  readonly genSeqs = new F64Vector();
  readonly genCounts = new U32Vector();
  readonly genLasts = new F64Vector();
  private seqs = new Float64Array(1024);
  private readonly gathered = new GatheredColumns();

  /** Empties the columns and makes room. */
  begin(transactions: number): void {
    this.count = 0;
    if (transactions > this.indexes.length) {
      this.indexes = new Uint32Array(2 * transactions);
      this.seqs = new Float64Array(2 * transactions);
    }
    this.genSeqs.clear();
    this.genCounts.clear();
    this.genLasts.clear();
  }

  /**
   * The Dispatch. Columns are copied as they are: whole when all of the frame is here, else by runs of neighbours.
   * `keyEnds[i]`: keys of the frame's transactions 0..i, in items.
   */
  pack(frame: FrameMessage, columns: FrameColumns, epoch: number, keyEnds: Uint32Array): Uint8Array {
    const { count, indexes, seqs } = this;
    const whole = count === frame.shapes.length;
    const body = whole ? frame : this.gathered.gather(frame, columns, indexes, count, keyEnds);
    const { feeGens, modes, versions } = whole ? columns : this.gathered;
    const accesses = body.accessKinds.length;
    for (let k = 0; k < count; k++) seqs[k] = frame.firstSeq + indexes[k]!;
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
      seqs: seqs.subarray(0, count),
      feeGens: feeGens.subarray(0, count),
      modes: modes.subarray(0, accesses),
      versions: versions.subarray(0, accesses),
      genSeqs: this.genSeqs.view(),
      genCounts: this.genCounts.view(),
      genLasts: this.genLasts.view(),
      trace: frame.trace.length > 0 ? frame.trace : EMPTY,
    });
  }
}
