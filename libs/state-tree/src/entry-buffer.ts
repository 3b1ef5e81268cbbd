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

  /** Appends `count` entries. */
  append(entries: Uint32Array, count: number): void {
    const at = this.count * ENTRY_WORDS;
    this.count += count;
    if (this.count * ENTRY_WORDS > this.words.length) {
      const larger = new Uint32Array(Math.max(this.words.length * 2, this.count * ENTRY_WORDS));
      larger.set(this.words.subarray(0, at));
      this.words = larger;
    }
    this.words.set(entries, at);
  }

  /** Entries from `first` on as bytes, a view. */
  bytes(first: number, count: number): Uint8Array {
    return new Uint8Array(this.words.buffer, first * ENTRY_BYTES, count * ENTRY_BYTES);
  }
}
