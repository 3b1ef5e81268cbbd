/** Slots that the transactions of a message lack: each once, as far as a small table can tell. */
import { keysEqual, SLOT_KEY_BYTES } from "@velarium/slots";

const PLACES = 4096;

export class WantedSlots {
  /** Packed keys, 56 bytes each. */
  keys = new Uint8Array(256 * SLOT_KEY_BYTES);
  count = 0;
  /** Number of the key that was put there last; one that was pushed out is asked for twice, which only costs time. */
  private readonly places = new Int32Array(PLACES).fill(-1);

  clear(): void {
    if (this.count > 0) this.places.fill(-1);
    this.count = 0;
  }

  add(bytes: Uint8Array, at: number): void {
    // The last bytes of a key are those of a hash, or of a small number; of a field they are zero.
    const place =
      ((bytes[at + 55]! | (bytes[at + 54]! << 8)) ^ (bytes[at + 20]! << 4) ^ (bytes[at]! << 2)) % PLACES;
    const before = this.places[place]!;
    if (before >= 0 && keysEqual(this.keys, before * SLOT_KEY_BYTES, bytes, at)) return;
    if ((this.count + 1) * SLOT_KEY_BYTES > this.keys.length) {
      const keys = new Uint8Array(this.keys.length * 2);
      keys.set(this.keys);
      this.keys = keys;
    }
    const to = this.count * SLOT_KEY_BYTES;
    for (let i = 0; i < SLOT_KEY_BYTES; i++) this.keys[to + i] = bytes[at + i]!;
    this.places[place] = this.count++;
  }
}
