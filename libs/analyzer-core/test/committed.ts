/** Committed state over maps in memory, as a source that counts its requests. */
import { bytesToMapKey, codeHash, MemoryState } from "@velarium/engine";
import { Domain, encodeCodeWord, fieldKey, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import type { SlotSource } from "../src/index.ts";

export class MemorySource implements SlotSource {
  height = 7;
  requests = 0;
  keysRead = 0;
  /** Makes the next requests fail. */
  failures = 0;
  readonly state = new MemoryState();

  async read(keys: Uint8Array, count: number, _height = -1): Promise<Uint8Array> {
    this.requests++;
    this.keysRead += count;
    if (this.failures > 0) {
      this.failures--;
      throw new Error("no answer");
    }
    const out = new Uint8Array(count * WORD_BYTES);
    for (let i = 0; i < count; i++)
      out.set(this.state.read(keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)), i * WORD_BYTES);
    return out;
  }

  async code(prefix: Uint8Array): Promise<Uint8Array | undefined> {
    return this.state.codes.get(bytesToMapKey(prefix, 0, 28));
  }

  deploy(address: Uint8Array, code: Uint8Array): void {
    this.state.addCode(code);
    const hashPrefix = codeHash(code).subarray(0, 28);
    this.state.set(fieldKey(Domain.code, address), encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix }));
  }
}
