/** Dispatch under construction for one executor: which transactions of a frame it gets, and their grants. */
import type { Message } from "@velarium/columns";
import { BytesVector, encode, F64Vector, FixedVector, U8Vector, U32Vector } from "@velarium/columns";
import { Dispatch, type Frame, Shape } from "@velarium/wire";

export type FrameMessage = Message<typeof Frame>;

const SENDER_BYTES = 20;
const KEY_BYTES = 56;
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
  private readonly shapes = new U8Vector();
  private readonly gasLimits = new F64Vector();
  private readonly senders = new FixedVector(SENDER_BYTES);
  private readonly raw = new BytesVector();
  private readonly accessEnds = new U32Vector();
  private readonly accessHi = new U32Vector();
  private readonly accessLo = new U32Vector();
  private readonly accessKinds = new U8Vector();
  private keys = new Uint8Array(4096);

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
    const body = whole ? frame : this.gather(frame, keyEnds);
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

  private gather(frame: FrameMessage, keyEnds: Uint32Array) {
    const { shapes, gasLimits, senders, raw, accessEnds, accessHi, accessLo, accessKinds } = this;
    for (const v of [shapes, gasLimits, senders, raw, accessEnds, accessHi, accessLo, accessKinds]) v.clear();
    let keyBytes = 0;
    const { count, indexes } = this;
    for (let k = 0; k < count; k++) {
      const i = indexes[k]!;
      shapes.push(frame.shapes[i]!);
      gasLimits.push(frame.gasLimits[i]!);
      senders.push(frame.senders, i * SENDER_BYTES);
      raw.push(frame.raw.blob, i === 0 ? 0 : frame.raw.ends[i - 1]!, frame.raw.ends[i]!);
      const end = frame.accessEnds[i]!;
      for (let a = i === 0 ? 0 : frame.accessEnds[i - 1]!; a < end; a++) {
        accessHi.push(frame.accessHi[a]!);
        accessLo.push(frame.accessLo[a]!);
        accessKinds.push(frame.accessKinds[a]!);
      }
      accessEnds.push(accessHi.length);
      if (frame.shapes[i] === Shape.transfer) continue;
      const from = (i === 0 ? 0 : keyEnds[i - 1]!) * KEY_BYTES;
      const to = keyEnds[i]! * KEY_BYTES;
      if (keyBytes + to - from > this.keys.length) {
        const grown = new Uint8Array(Math.max(2 * this.keys.length, keyBytes + to - from));
        grown.set(this.keys);
        this.keys = grown;
      }
      this.keys.set(frame.keys.subarray(from, to), keyBytes);
      keyBytes += to - from;
    }
    return {
      shapes: shapes.view(),
      gasLimits: gasLimits.view(),
      senders: senders.view(),
      raw: raw.view(),
      accessEnds: accessEnds.view(),
      accessHi: accessHi.view(),
      accessLo: accessLo.view(),
      accessKinds: accessKinds.view(),
      keys: this.keys.subarray(0, keyBytes),
    };
  }
}
