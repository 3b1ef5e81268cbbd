/** Frame messages out of slab rows; its columns are reused. */
import { BytesVector, encode, F64Vector, FixedVector, U8Vector, U32Vector } from "@velarium/columns";
import { SLOT_KEY_BYTES } from "@velarium/slots";
import { Frame, Shape } from "@velarium/wire";
import type { AccountTable } from "./account-table.ts";
import type { DeclaredWork } from "./chain-work.ts";
import type { TransactionSlab } from "./transaction-slab.ts";

const NO_SENDER = new Uint8Array(20);
const EMPTY = new Uint8Array(0);

export interface FrameHead {
  readonly term: number;
  readonly block: number;
  readonly frame: number;
  readonly firstSeq: number;
  readonly tail: number;
  readonly openedMs: number;
}

export class FrameBuilder {
  private readonly shapes = new U8Vector();
  private readonly gasLimits = new F64Vector();
  private readonly senders = new FixedVector(20);
  private readonly raw = new BytesVector();
  private readonly accessEnds = new U32Vector();
  private readonly accessHi = new U32Vector();
  private readonly accessLo = new U32Vector();
  private readonly accessKinds = new U8Vector();
  private readonly keys = new FixedVector(SLOT_KEY_BYTES);
  private readonly arrivals = new F64Vector();
  private readonly attempts = new U8Vector();
  private readonly verified = new U8Vector();

  addRow(slab: TransactionSlab, accounts: AccountTable, row: number): void {
    const source = slab.sourceOf(row);
    const shape = slab.shape[row]!;
    this.shapes.push(shape);
    this.gasLimits.push(slab.gasLimit[row]!);
    this.senders.push(accounts.addresses, accounts.addressAt(slab.account[row]!));
    this.raw.push(source.raw.blob, slab.rawFrom[row]!, slab.rawTo[row]!);
    const from = slab.accessFrom[row]!;
    const to = slab.accessTo[row]!;
    for (let i = from; i < to; i++) {
      this.accessHi.push(source.accessHi[i]!);
      this.accessLo.push(source.accessLo[i]!);
      this.accessKinds.push(source.accessKinds[i]!);
    }
    this.accessEnds.push(this.accessHi.length);
    if (shape !== Shape.transfer)
      for (let i = 0, at = slab.keyFrom[row]!; i < to - from; i++)
        this.keys.push(source.keys, (at + i) * SLOT_KEY_BYTES);
    this.arrivals.push(slab.arrival[row]!);
    this.attempts.push(slab.attempts[row]!);
    this.verified.push(slab.verified[row]!);
  }

  addWork(shape: number, work: DeclaredWork): void {
    this.shapes.push(shape);
    this.gasLimits.push(0);
    this.senders.push(NO_SENDER);
    this.raw.push(EMPTY);
    for (let i = 0; i < work.hi.length; i++) {
      this.accessHi.push(work.hi[i]!);
      this.accessLo.push(work.lo[i]!);
      this.accessKinds.push(work.kinds[i]!);
      this.keys.push(work.keys, i * SLOT_KEY_BYTES);
    }
    this.accessEnds.push(this.accessHi.length);
    this.arrivals.push(-1);
    this.attempts.push(0);
    this.verified.push(0);
  }

  /** The packed frame; the builder is empty then. */
  finish(head: FrameHead): Uint8Array {
    const bytes = encode(Frame, {
      ...head,
      shapes: this.shapes.view(),
      gasLimits: this.gasLimits.view(),
      senders: this.senders.view(),
      raw: this.raw.view(),
      accessEnds: this.accessEnds.view(),
      accessHi: this.accessHi.view(),
      accessLo: this.accessLo.view(),
      accessKinds: this.accessKinds.view(),
      keys: this.keys.view(),
      arrivals: this.arrivals.view(),
      attempts: this.attempts.view(),
      verified: this.verified.view(),
      trace: EMPTY,
    });
    for (const column of [
      this.shapes,
      this.gasLimits,
      this.senders,
      this.raw,
      this.accessEnds,
      this.accessHi,
      this.accessLo,
      this.accessKinds,
      this.keys,
      this.arrivals,
      this.attempts,
      this.verified,
    ])
      column.clear();
    return bytes;
  }
}
