/** Builders of the packed results of an execution. */
import { type AccessKind, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import type { AccessColumns, WordColumns } from "./types.ts";

export const NO_ACCESSES: AccessColumns = { count: 0, keys: new Uint8Array(0), kinds: new Uint8Array(0) };
export const NO_WORDS: WordColumns = { count: 0, keys: new Uint8Array(0), words: new Uint8Array(0) };

function grown(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.length * 2);
  out.set(bytes);
  return out;
}

export class AccessBuilder {
  private keys = new Uint8Array(16 * SLOT_KEY_BYTES);
  private kinds = new Uint8Array(16);
  private count = 0;

  add(key: Uint8Array, kind: AccessKind): void {
    if (this.count === this.kinds.length) {
      this.keys = grown(this.keys);
      this.kinds = grown(this.kinds);
    }
    this.keys.set(key, this.count * SLOT_KEY_BYTES);
    this.kinds[this.count++] = kind;
  }

  finish(): AccessColumns {
    const { count } = this;
    return { count, keys: this.keys.slice(0, count * SLOT_KEY_BYTES), kinds: this.kinds.slice(0, count) };
  }
}

export class WordBuilder {
  private keys = new Uint8Array(8 * SLOT_KEY_BYTES);
  private words = new Uint8Array(8 * WORD_BYTES);
  private count = 0;

  add(key: Uint8Array, word: Uint8Array): void {
    if (this.count * WORD_BYTES === this.words.length) {
      this.keys = grown(this.keys);
      this.words = grown(this.words);
    }
    this.keys.set(key, this.count * SLOT_KEY_BYTES);
    this.words.set(word, this.count++ * WORD_BYTES);
  }

  finish(): WordColumns {
    const { count } = this;
    return {
      count,
      keys: this.keys.slice(0, count * SLOT_KEY_BYTES),
      words: this.words.slice(0, count * WORD_BYTES),
    };
  }
}
