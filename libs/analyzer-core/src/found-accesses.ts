/** Access sets of the rows of a message, one behind the other in an arena that the next message uses again. */
import { type AccessKind, KEY_WORDS, SLOT_KEY_BYTES } from "@velarium/slots";

const CHUNK_ACCESSES = 4096;
/** Accesses of a chunk that is kept from message to message: 4 MiB. */
const MAX_KEPT = 1 << 16;

export interface FoundAccesses {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly kinds: Uint8Array;
}

export class AccessArena {
  private keys = new Uint8Array(0);
  /** The same, in words of 32 bits. */
  private keyWords = new Uint32Array(0);
  private kinds = new Uint8Array(0);
  /** Accesses in chunks that were full. */
  private earlier = 0;
  private from = 0;
  private end = 0;

  /** Begins a set of at most `most` accesses. */
  begin(most: number): void {
    this.from = this.end;
    if (this.end + most <= this.kinds.length) return;
    this.earlier += this.end;
    this.reserve(Math.max(CHUNK_ACCESSES, most));
    this.from = this.end = 0;
  }

  /** Takes back all sets; the next ones have room in one chunk for as many accesses as there were. */
  reset(): void {
    const used = this.earlier + this.end;
    if (used > this.kinds.length && used <= MAX_KEPT) this.reserve(Math.min(MAX_KEPT, used + (used >> 2)));
    this.earlier = this.from = this.end = 0;
  }

  private reserve(size: number): void {
    this.keys = new Uint8Array(size * SLOT_KEY_BYTES);
    this.keyWords = new Uint32Array(this.keys.buffer);
    this.kinds = new Uint8Array(size);
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

  /** Kind of the set's access number `index`. */
  kindOf(index: number): AccessKind {
    return this.kinds[this.from + index] as AccessKind;
  }
  setKind(index: number, kind: AccessKind): void {
    this.kinds[this.from + index] = kind;
  }

  finish(): FoundAccesses {
    const { from, end } = this;
    return {
      count: end - from,
      keys: this.keys.subarray(from * SLOT_KEY_BYTES, end * SLOT_KEY_BYTES),
      kinds: this.kinds.subarray(from, end),
    };
  }
}
