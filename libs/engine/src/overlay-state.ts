/** A StateView over another, with the results of transactions on top: what runs later in the same block sees. */
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { codeHash } from "./journaled-slots.ts";
import type { ExecutionResult, StateView } from "./types.ts";
import { bigIntToWord, bytesToMapKey, wordToBigInt } from "./words.ts";

export class OverlayState implements StateView {
  private readonly base: StateView;
  private readonly words = new Map<string, Uint8Array>();
  private readonly codes = new Map<string, Uint8Array>();

  constructor(base: StateView) {
    this.base = base;
  }

  read(key: Uint8Array): Uint8Array | undefined {
    return this.words.get(bytesToMapKey(key)) ?? this.base.read(key);
  }

  fetch(key: Uint8Array): Promise<Uint8Array> {
    const word = this.words.get(bytesToMapKey(key));
    return word === undefined ? this.base.fetch(key) : Promise.resolve(word);
  }

  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined {
    return this.codes.get(bytesToMapKey(prefix, 0, 28)) ?? this.base.codeByPrefix(prefix);
  }

  fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    const code = this.codeByPrefix(prefix);
    return code === undefined ? this.base.fetchCode(prefix) : Promise.resolve(code);
  }

  set(key: Uint8Array, word: Uint8Array): void {
    this.words.set(bytesToMapKey(key), word);
  }

  /** Applies writes, deltas and codes of an included transaction; waits where a delta's base is not at hand. */
  async apply(result: Pick<ExecutionResult, "writes" | "deltas" | "codes">): Promise<void> {
    const { writes, deltas, codes } = result;
    for (let i = 0; i < writes.count; i++)
      this.set(keyAt(writes.keys, i), writes.words.slice(i * WORD_BYTES, (i + 1) * WORD_BYTES));
    for (let i = 0; i < deltas.count; i++) {
      const key = keyAt(deltas.keys, i);
      const base = this.read(key) ?? (await this.fetch(key));
      this.set(key, bigIntToWord(wordToBigInt(base) + wordToBigInt(deltas.words, i * WORD_BYTES)));
    }
    for (const { bytes } of codes) this.codes.set(bytesToMapKey(codeHash(bytes), 0, 28), bytes);
  }
}

const keyAt = (keys: Uint8Array, i: number): Uint8Array =>
  keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES);
