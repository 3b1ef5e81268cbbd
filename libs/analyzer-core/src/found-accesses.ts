/** Access sets of the rows of a message, one behind the other in arenas that are let go with the message. */
import { type AccessKind, KEY_WORDS, SLOT_KEY_BYTES } from "@velarium/slots";

const CHUNK_ACCESSES = 4096;

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
  private from = 0;
  private end = 0;

  /** Begins a set of at most `most` accesses. */
  begin(most: number): void {
    this.from = this.end;
    if (this.end + most <= this.kinds.length) return;
    const size = Math.max(CHUNK_ACCESSES, most);
    this.keys = new Uint8Array(size * SLOT_KEY_BYTES);
    this.keyWords = new Uint32Array(this.keys.buffer);
    this.kinds = new Uint8Array(size);
    this.from = this.end = 0;
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
