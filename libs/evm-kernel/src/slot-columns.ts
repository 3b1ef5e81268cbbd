/** Hands columns of slots to the kernel: their values, or what is declared of them, or both. */
import { AccessKind, KEY_WORDS, SLOT_KEY_BYTES, VALUE_WORDS, WORD_BYTES } from "@velarium/slots";
import type { LinearMemory } from "./linear-memory.ts";
import { KernelError, type KernelExports } from "./wasm.ts";

export class SlotColumns {
  private readonly exports: KernelExports;
  private readonly linear: LinearMemory;
  private readonly inputEnd: number;

  constructor(exports: KernelExports, linear: LinearMemory) {
    this.exports = exports;
    this.linear = linear;
    this.inputEnd = exports.inputEnd();
  }

  /** Columns of bytes. */
  put(count: number, keys: Uint8Array, words: Uint8Array | undefined, kinds: Uint8Array | undefined): void {
    if (count === 0) return;
    const keysAt = this.exports.scratch();
    const wordsAt = keysAt + count * SLOT_KEY_BYTES;
    const kindsAt = wordsAt + count * WORD_BYTES;
    this.checkScratch(count, kindsAt + count);
    const { bytes } = this.linear.heap;
    bytes.set(keys.subarray(0, count * SLOT_KEY_BYTES), keysAt);
    if (words !== undefined) bytes.set(words.subarray(0, count * WORD_BYTES), wordsAt);
    if (kinds !== undefined) bytes.set(kinds.subarray(0, count), kindsAt);
    this.exports.preload(count, keysAt, words === undefined ? 0 : wordsAt, kinds === undefined ? 0 : kindsAt);
  }

  /** Rows `first` to before `end` of columns of 32-bit words. */
  putWords(
    first: number,
    end: number,
    keyWords: Uint32Array,
    valueWords: Uint32Array | undefined,
    kinds: Uint8Array,
  ): void {
    const count = end - first;
    const keysAt = this.exports.scratch();
    const wordsAt = keysAt + count * SLOT_KEY_BYTES;
    const kindsAt = wordsAt + (valueWords === undefined ? 0 : count * WORD_BYTES);
    this.checkScratch(count, kindsAt + count);
    const { words, bytes } = this.linear.heap;
    let to = keysAt >> 2;
    for (let i = first * KEY_WORDS, last = end * KEY_WORDS; i < last; i++) words[to++] = keyWords[i]!;
    if (valueWords !== undefined)
      for (let i = first * VALUE_WORDS, last = end * VALUE_WORDS; i < last; i++) words[to++] = valueWords[i]!;
    for (let i = 0; i < count; i++) {
      const kind = kinds[first + i]!;
      bytes[kindsAt + i] = kind === AccessKind.H ? AccessKind.R : kind;
    }
    this.exports.preload(count, keysAt, valueWords === undefined ? 0 : wordsAt, kindsAt);
  }

  private checkScratch(count: number, end: number): void {
    if (end > this.inputEnd)
      throw new KernelError("memory", `${count} slots at once do not fit the kernel's input`);
  }
}
