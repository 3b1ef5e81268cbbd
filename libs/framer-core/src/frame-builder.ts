/**
 * Frame messages out of slab rows; its buffers are reused. Neighbours in a frame mostly are neighbours in the message they
 * came in, so bodies and accesses are copied by runs, not by rows.
 */
import { encode } from "@velarium/columns";
import { SLOT_KEY_BYTES } from "@velarium/slots";
import { Frame } from "@velarium/wire";
import type { AccountTable } from "./account-table.ts";
import type { DeclaredWork } from "./chain-work.ts";
import type { Source, TransactionSlab } from "./transaction-slab.ts";

/** Words of a sender's address. */
const SENDER_WORDS = 5;

export interface FrameHead {
  readonly term: number;
  readonly block: number;
  readonly frame: number;
  readonly firstSeq: number;
  readonly tail: number;
  readonly openedMs: number;
}

const EMPTY = new Uint8Array(0);

export class FrameBuilder {
  private rows = 0;
  private capacity = 0;
  private shapes = new Uint8Array(0);
  private gasLimits = new Float64Array(0);
  private senders = new Int32Array(0);
  private rawEnds = new Uint32Array(0);
  private accessEnds = new Uint32Array(0);
  private arrivals = new Float64Array(0);
  private attempts = new Uint8Array(0);
  private verified = new Uint8Array(0);
  private raw = new Uint8Array(1 << 16);
  private rawLength = 0;
  private accessHi = new Uint32Array(4096);
  private accessLo = new Uint32Array(4096);
  private accessKinds = new Uint8Array(4096);
  private accesses = 0;
  private keys = new Uint8Array(0);
  private keyLength = 0;
  /** Part of a source that is counted in `rawLength` and `accesses` and not copied yet. */
  private run: Source | undefined;
  private runRawFrom = 0;
  private runRawTo = 0;
  private runFrom = 0;
  private runTo = 0;

  constructor() {
    this.reserveRows(512);
  }

  private reserveRows(rows: number): void {
    if (rows <= this.capacity) return;
    this.capacity = Math.max(rows, 2 * this.capacity);
    const n = this.capacity;
    this.shapes = grown(this.shapes, new Uint8Array(n));
    this.gasLimits = grown(this.gasLimits, new Float64Array(n));
    this.senders = grown(this.senders, new Int32Array(n * SENDER_WORDS));
    this.rawEnds = grown(this.rawEnds, new Uint32Array(n));
    this.accessEnds = grown(this.accessEnds, new Uint32Array(n));
    this.arrivals = grown(this.arrivals, new Float64Array(n));
    this.attempts = grown(this.attempts, new Uint8Array(n));
    this.verified = grown(this.verified, new Uint8Array(n));
  }

  private reserveAccesses(accesses: number): void {
    if (accesses <= this.accessHi.length) return;
    const n = Math.max(accesses, 2 * this.accessHi.length);
    this.accessHi = grown(this.accessHi, new Uint32Array(n));
    this.accessLo = grown(this.accessLo, new Uint32Array(n));
    this.accessKinds = grown(this.accessKinds, new Uint8Array(n));
  }

  private addKeys(keys: Uint8Array): void {
    if (this.keyLength + keys.length > this.keys.length)
      this.keys = grown(
        this.keys,
        new Uint8Array(Math.max(2 * this.keys.length, this.keyLength + keys.length)),
      );
    this.keys.set(keys, this.keyLength);
    this.keyLength += keys.length;
  }

  addRow(slab: TransactionSlab, accounts: AccountTable, row: number): void {
    const source = slab.sourceOf(row);
    const shape = slab.shape[row]!;
    this.reserveRows(this.rows + 1);
    const i = this.rows++;
    this.shapes[i] = shape;
    this.gasLimits[i] = slab.gasLimit[row]!;
    this.arrivals[i] = slab.arrival[row]!;
    this.attempts[i] = slab.attempts[row]!;
    this.verified[i] = slab.verified[row]!;
    const { i32 } = accounts;
    const from = slab.account[row]! << 4;
    const to = i * SENDER_WORDS;
    for (let k = 0; k < SENDER_WORDS; k++) this.senders[to + k] = i32[from + k]!;
    const rawFrom = slab.rawFrom[row]!;
    const accessFrom = slab.accessFrom[row]!;
    if (this.run !== source || this.runRawTo !== rawFrom || this.runTo !== accessFrom) {
      this.copyRun();
      this.run = source;
      this.runRawFrom = rawFrom;
      this.runFrom = accessFrom;
    }
    this.runRawTo = slab.rawTo[row]!;
    this.runTo = slab.accessTo[row]!;
    this.rawLength += this.runRawTo - rawFrom;
    this.accesses += this.runTo - accessFrom;
    this.rawEnds[i] = this.rawLength;
    this.accessEnds[i] = this.accesses;
    const keys = slab.keyCount(row);
    if (keys > 0) {
      const at = slab.keyFrom[row]! * SLOT_KEY_BYTES;
      this.addKeys(source.keys.subarray(at, at + keys * SLOT_KEY_BYTES));
    }
  }

  private copyRun(): void {
    const source = this.run;
    if (source === undefined) return;
    this.run = undefined;
    const { runRawFrom, runRawTo, runFrom, runTo } = this;
    const rawAt = this.rawLength - (runRawTo - runRawFrom);
    if (this.rawLength > this.raw.length)
      this.raw = grown(this.raw, new Uint8Array(Math.max(this.rawLength, 2 * this.raw.length)));
    this.raw.set(source.raw.blob.subarray(runRawFrom, runRawTo), rawAt);
    const at = this.accesses - (runTo - runFrom);
    this.reserveAccesses(this.accesses);
    this.accessHi.set(source.accessHi.subarray(runFrom, runTo), at);
    this.accessLo.set(source.accessLo.subarray(runFrom, runTo), at);
    this.accessKinds.set(source.accessKinds.subarray(runFrom, runTo), at);
  }

  addWork(shape: number, work: DeclaredWork): void {
    this.copyRun();
    this.reserveRows(this.rows + 1);
    const i = this.rows++;
    this.shapes[i] = shape;
    this.gasLimits[i] = 0;
    this.arrivals[i] = -1;
    this.attempts[i] = 0;
    this.verified[i] = 0;
    this.senders.fill(0, i * SENDER_WORDS, (i + 1) * SENDER_WORDS);
    this.rawEnds[i] = this.rawLength;
    const at = this.accesses;
    this.accesses += work.hi.length;
    this.reserveAccesses(this.accesses);
    this.accessHi.set(work.hi, at);
    this.accessLo.set(work.lo, at);
    this.accessKinds.set(work.kinds, at);
    this.accessEnds[i] = this.accesses;
    this.addKeys(work.keys);
  }

  /** The packed frame; the builder is empty then. `trace`: its traceparent, empty when it is not traced. */
  finish(head: FrameHead, trace: Uint8Array = EMPTY): Uint8Array {
    this.copyRun();
    const { rows, accesses, rawLength } = this;
    const bytes = encode(Frame, {
      ...head,
      shapes: this.shapes.subarray(0, rows),
      gasLimits: this.gasLimits.subarray(0, rows),
      senders: new Uint8Array(this.senders.buffer, 0, rows * SENDER_WORDS * 4),
      raw: { ends: this.rawEnds.subarray(0, rows), blob: this.raw.subarray(0, rawLength) },
      accessEnds: this.accessEnds.subarray(0, rows),
      accessHi: this.accessHi.subarray(0, accesses),
      accessLo: this.accessLo.subarray(0, accesses),
      accessKinds: this.accessKinds.subarray(0, accesses),
      keys: this.keys.subarray(0, this.keyLength),
      arrivals: this.arrivals.subarray(0, rows),
      attempts: this.attempts.subarray(0, rows),
      verified: this.verified.subarray(0, rows),
      trace,
    });
    this.rows = this.accesses = this.rawLength = this.keyLength = 0;
    return bytes;
  }
}

function grown<A extends Uint8Array | Int32Array | Uint32Array | Float64Array>(old: A, larger: A): A {
  larger.set(old as never);
  return larger;
}
