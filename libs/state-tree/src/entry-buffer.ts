/** Growing buffer of the entries that a block appends. */
import { ENTRY_BYTES, ENTRY_WORDS } from "./format.ts";

export class EntryBuffer {
  words: Uint32Array<ArrayBuffer>;
  count = 0;

  constructor(words = new Uint32Array(ENTRY_WORDS * 1024)) {
    this.words = words;
  }

  /** Makes room for one more entry and returns its first word. */
  next(): number {
    const at = this.count++ * ENTRY_WORDS;
    if (at + ENTRY_WORDS > this.words.length) {
      const larger = new Uint32Array(this.words.length * 2);
      larger.set(this.words);
      this.words = larger;
    }
    return at;
  }

  /** Entries from `first` on as bytes, a view. */
  bytes(first: number, count: number): Uint8Array {
    return new Uint8Array(this.words.buffer, first * ENTRY_BYTES, count * ENTRY_BYTES);
  }
}
