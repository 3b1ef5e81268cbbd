/** A StateView over maps in memory, and the application of results to it: for tests, replays and small tools. */
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { codeHash } from "./journaled-slots.ts";
import type { ExecutionResult, StateView } from "./types.ts";
import { bigIntToWord, bytesToMapKey, wordToBigInt } from "./words.ts";

const ZERO_WORD = new Uint8Array(WORD_BYTES);

export class MemoryState implements StateView {
  readonly words = new Map<string, Uint8Array>();
  readonly codes = new Map<string, Uint8Array>();

  read(key: Uint8Array): Uint8Array {
    return this.words.get(bytesToMapKey(key)) ?? ZERO_WORD;
  }
  fetch(key: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(this.read(key));
  }
  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined {
    return this.codes.get(bytesToMapKey(prefix, 0, 28));
  }
  fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    const code = this.codeByPrefix(prefix);
    return code === undefined ? Promise.reject(new Error("no code has that hash")) : Promise.resolve(code);
  }

  set(key: Uint8Array, word: Uint8Array): void {
    this.words.set(bytesToMapKey(key), word);
  }
  addCode(code: Uint8Array): void {
    this.codes.set(bytesToMapKey(codeHash(code), 0, 28), code);
  }

  /** Applies writes, deltas and codes of an included transaction. */
  apply(result: Pick<ExecutionResult, "writes" | "deltas" | "codes">): void {
    const { writes, deltas, codes } = result;
    for (let i = 0; i < writes.count; i++)
      this.words.set(
        bytesToMapKey(writes.keys, i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES),
        writes.words.slice(i * WORD_BYTES, (i + 1) * WORD_BYTES),
      );
    for (let i = 0; i < deltas.count; i++) {
      const name = bytesToMapKey(deltas.keys, i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES);
      const sum =
        wordToBigInt(this.words.get(name) ?? ZERO_WORD) + wordToBigInt(deltas.words, i * WORD_BYTES);
      this.words.set(name, bigIntToWord(sum));
    }
    for (const { bytes } of codes) this.addCode(bytes);
  }
}
