/** Access sets of the rows of a message, one behind the other in columns that the next message uses again. */
import { type AccessKind, KEY_WORDS, SLOT_KEY_BYTES } from "@velarium/slots";

const FIRST_ACCESSES = 4096;
/** Accesses for which room is kept from message to message: 4 MiB. */
const MAX_KEPT = 1 << 16;
const MISSING = -1;

/** The set of one row by itself. */
export interface FoundAccesses {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly kinds: Uint8Array;
}

export class AccessArena {
  /** Keys of all sets, in words of 32 bits, and their kinds; other arrays once `begin` has made room. */
  keyWords = new Uint32Array(0);
  kinds = new Uint8Array(0);
  /** Number of accesses of all sets. */
  end = 0;
  private keys = new Uint8Array(0);
  private from = 0;
  /** By row: where its set begins, -1 without one, and how many accesses it has. */
  private starts = new Int32Array(0);
  private counts = new Int32Array(0);

  /** Forgets all sets; those to come are of so many rows. */
  open(rows: number): void {
    if (this.starts.length < rows) {
      this.starts = new Int32Array(rows);
      this.counts = new Int32Array(rows);
    }
    this.starts.fill(MISSING, 0, rows);
    this.end = this.from = 0;
    if (this.kinds.length > MAX_KEPT) this.resize(MAX_KEPT);
  }

  has(row: number): boolean {
    return this.starts[row] !== MISSING;
  }
  /** Number of the first access of a row. */
  startOf(row: number): number {
    return this.starts[row]!;
  }
  countOf(row: number): number {
    return this.counts[row]!;
  }
  forget(row: number): void {
    this.starts[row] = MISSING;
  }

  /** Begins a set of at most `most` accesses. */
  begin(most: number): void {
    this.from = this.end;
    if (this.end + most > this.kinds.length)
      this.resize(Math.max(FIRST_ACCESSES, this.kinds.length * 2, this.end + most));
  }

  /** Ends the set begun last: it is that of `row`. */
  finish(row: number): void {
    this.starts[row] = this.from;
    this.counts[row] = this.end - this.from;
  }

  put(row: number, { count, keys, kinds }: FoundAccesses): void {
    this.begin(count);
    for (let i = 0; i < count; i++) this.add(keys, i * SLOT_KEY_BYTES, kinds[i] as AccessKind);
    this.finish(row);
  }

  add(keys: Uint8Array, at: number, kind: AccessKind): void {
    const to = this.end * SLOT_KEY_BYTES;
    for (let i = 0; i < SLOT_KEY_BYTES; i++) this.keys[to + i] = keys[at + i]!;
    this.kinds[this.end++] = kind;
  }

  /** As `add`, of a key that stands in 14 words from `at` on. */
  addPieces(keys: Uint32Array, at: number, kind: AccessKind): void {
    const { keyWords } = this;
    const to = this.end * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) keyWords[to + i] = keys[at + i]!;
    this.kinds[this.end++] = kind;
  }

  /** Kind of access number `index` of the set under construction. */
  kindOf(index: number): AccessKind {
    return this.kinds[this.from + index] as AccessKind;
  }
  setKind(index: number, kind: AccessKind): void {
    this.kinds[this.from + index] = kind;
  }

  private resize(size: number): void {
    const keyWords = new Uint32Array(size * KEY_WORDS);
    keyWords.set(this.keyWords.subarray(0, this.end * KEY_WORDS));
    const kinds = new Uint8Array(size);
    kinds.set(this.kinds.subarray(0, this.end));
    this.keyWords = keyWords;
    this.keys = new Uint8Array(keyWords.buffer);
    this.kinds = kinds;
  }
}
