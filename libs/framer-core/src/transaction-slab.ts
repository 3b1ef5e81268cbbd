/**
 * Transactions from admission to the record of their block: one row of columns each, with a free list. Bodies and
 * accesses stay in the message they came in (a source), which is counted and let go with its last row. A transaction
 * that will wait long gets a source of its own, so that it does not hold a whole message in memory.
 */
import type { BytesColumn } from "@velarium/columns";
import { SLOT_KEY_BYTES } from "@velarium/slots";
import { carriedKeys, Shape } from "@velarium/wire";

export const RowState = { free: 0, pending: 1, open: 2, framed: 3 } as const;

/** The columns of a message (Analyzed or Frame) that rows point into. */
export interface Source {
  readonly raw: BytesColumn;
  readonly accessHi: Uint32Array;
  readonly accessLo: Uint32Array;
  readonly accessKinds: Uint8Array;
  readonly keys: Uint8Array;
}

/** 65,536 rows are 8 MiB: what is in flight at tens of thousands of transactions a second, without growing there. */
const INITIAL = 1 << 16;

function grow<A extends Int32Array | Uint32Array | Float64Array | Uint8Array>(
  old: A,
  make: new (n: number) => A,
  n: number,
): A {
  const out = new make(n);
  out.set(old as never);
  return out;
}

export class TransactionSlab {
  /** Rows in use. */
  size = 0;
  private capacity = INITIAL;
  private rows = 0;
  private freeHead = -1;
  private readonly sources: (Source | undefined)[] = [];
  private readonly sourceRows: number[] = [];
  private readonly freeSources: number[] = [];
  state = new Uint8Array(INITIAL);
  account = new Int32Array(INITIAL);
  arrival = new Float64Array(INITIAL);
  nonce = new Float64Array(INITIAL);
  gasLimit = new Float64Array(INITIAL);
  feeCap = new Float64Array(INITIAL);
  tipCap = new Float64Array(INITIAL);
  addedMs = new Float64Array(INITIAL);
  shape = new Uint8Array(INITIAL);
  verified = new Uint8Array(INITIAL);
  attempts = new Uint8Array(INITIAL);
  /** 1: its return is of no interest, a later attempt is in the frames (replay). */
  superseded = new Uint8Array(INITIAL);
  hash = new Uint8Array(INITIAL * 32);
  source = new Int32Array(INITIAL);
  rawFrom = new Uint32Array(INITIAL);
  rawTo = new Uint32Array(INITIAL);
  accessFrom = new Uint32Array(INITIAL);
  accessTo = new Uint32Array(INITIAL);
  /** Index of its first key in the source. */
  keyFrom = new Uint32Array(INITIAL);
  /** Next pending transaction of the sender; the free list. */
  next = new Int32Array(INITIAL);
  /** All pending ones by age. */
  older = new Int32Array(INITIAL);
  younger = new Int32Array(INITIAL);

  allocate(): number {
    let row = this.freeHead;
    if (row >= 0) this.freeHead = this.next[row]!;
    else {
      if (this.rows === this.capacity) this.enlarge();
      row = this.rows++;
    }
    this.state[row] = RowState.pending;
    this.attempts[row] = this.superseded[row] = 0;
    this.next[row] = this.older[row] = this.younger[row] = -1;
    this.source[row] = -1;
    this.size++;
    return row;
  }

  free(row: number): void {
    this.dropSource(row);
    this.state[row] = RowState.free;
    this.next[row] = this.freeHead;
    this.freeHead = row;
    this.size--;
  }

  /** Keeps a source; `release` it once when the rows that need it are attached. */
  addSource(source: Source): number {
    const index = this.freeSources.pop() ?? this.sources.length;
    this.sources[index] = source;
    this.sourceRows[index] = 1;
    return index;
  }

  releaseSource(index: number): void {
    if (--this.sourceRows[index]! > 0) return;
    this.sources[index] = undefined;
    this.freeSources.push(index);
  }

  attach(row: number, source: number): void {
    this.sourceRows[source]!++;
    this.source[row] = source;
  }

  sourceOf(row: number): Source {
    return this.sources[this.source[row]!]!;
  }

  /** Row `row` is entry `i` of a frame: from here on it points into that, so that its first message can go. */
  moveToFrame(
    row: number,
    source: number,
    frame: Source & { accessEnds: Uint32Array },
    i: number,
    keyFrom: number,
  ): void {
    this.dropSource(row);
    this.attach(row, source);
    this.rawFrom[row] = i === 0 ? 0 : frame.raw.ends[i - 1]!;
    this.rawTo[row] = frame.raw.ends[i]!;
    this.accessFrom[row] = i === 0 ? 0 : frame.accessEnds[i - 1]!;
    this.accessTo[row] = frame.accessEnds[i]!;
    this.keyFrom[row] = keyFrom;
  }

  private dropSource(row: number): void {
    if (this.source[row]! >= 0) this.releaseSource(this.source[row]!);
    this.source[row] = -1;
  }

  rawBytes(row: number): number {
    return this.rawTo[row]! - this.rawFrom[row]!;
  }

  /** Bytes that the row takes in a frame. */
  frameBytes(row: number): number {
    const accesses = this.accessTo[row]! - this.accessFrom[row]!;
    return 60 + this.rawBytes(row) + accesses * 9 + this.keyCount(row) * SLOT_KEY_BYTES;
  }

  /** Keys that the row has in its source. */
  keyCount(row: number): number {
    return carriedKeys(this.shape[row]!, this.accessTo[row]! - this.accessFrom[row]!);
  }

  /** Copies what the row needs out of its message. `accesses`, when given, replace the ones it has (with their keys). */
  detach(row: number, accesses?: Pick<Source, "accessHi" | "accessLo" | "accessKinds" | "keys">): void {
    const source = this.sourceOf(row);
    const blob = source.raw.blob.slice(this.rawFrom[row]!, this.rawTo[row]!);
    const from = this.accessFrom[row]!;
    const to = this.accessTo[row]!;
    const keyAt = this.keyFrom[row]! * SLOT_KEY_BYTES;
    const own: Source = {
      raw: { ends: Uint32Array.of(blob.length), blob },
      accessHi: accesses?.accessHi ?? source.accessHi.slice(from, to),
      accessLo: accesses?.accessLo ?? source.accessLo.slice(from, to),
      accessKinds: accesses?.accessKinds ?? source.accessKinds.slice(from, to),
      keys: accesses?.keys ?? source.keys.slice(keyAt, keyAt + this.keyCount(row) * SLOT_KEY_BYTES),
    };
    this.dropSource(row);
    const index = this.addSource(own);
    this.source[row] = index;
    if (accesses) this.shape[row] = Shape.general;
    this.rawFrom[row] = 0;
    this.rawTo[row] = blob.length;
    this.accessFrom[row] = this.keyFrom[row] = 0;
    this.accessTo[row] = own.accessHi.length;
  }

  private enlarge(): void {
    const n = this.capacity * 2;
    this.state = grow(this.state, Uint8Array, n);
    this.account = grow(this.account, Int32Array, n);
    this.arrival = grow(this.arrival, Float64Array, n);
    this.nonce = grow(this.nonce, Float64Array, n);
    this.gasLimit = grow(this.gasLimit, Float64Array, n);
    this.feeCap = grow(this.feeCap, Float64Array, n);
    this.tipCap = grow(this.tipCap, Float64Array, n);
    this.addedMs = grow(this.addedMs, Float64Array, n);
    this.shape = grow(this.shape, Uint8Array, n);
    this.verified = grow(this.verified, Uint8Array, n);
    this.attempts = grow(this.attempts, Uint8Array, n);
    this.superseded = grow(this.superseded, Uint8Array, n);
    this.hash = grow(this.hash, Uint8Array, n * 32);
    this.source = grow(this.source, Int32Array, n);
    this.rawFrom = grow(this.rawFrom, Uint32Array, n);
    this.rawTo = grow(this.rawTo, Uint32Array, n);
    this.accessFrom = grow(this.accessFrom, Uint32Array, n);
    this.accessTo = grow(this.accessTo, Uint32Array, n);
    this.keyFrom = grow(this.keyFrom, Uint32Array, n);
    this.next = grow(this.next, Int32Array, n);
    this.older = grow(this.older, Int32Array, n);
    this.younger = grow(this.younger, Int32Array, n);
    this.capacity = n;
  }
}
