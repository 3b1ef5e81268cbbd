/** Finds a slot key among packed ones: by scanning when they are few, by a map when they are many. */
import { bytesToMapKey } from "@velarium/engine";
import { keysEqual, SLOT_KEY_BYTES } from "@velarium/slots";

const SCAN_LIMIT = 12;

export class KeyIndex {
  private readonly keys: Uint8Array;
  private readonly count: number;
  private readonly map: Map<string, number> | undefined;

  constructor(keys: Uint8Array, count: number) {
    this.keys = keys;
    this.count = count;
    if (count <= SCAN_LIMIT) return;
    this.map = new Map();
    for (let i = 0; i < count; i++)
      this.map.set(bytesToMapKey(keys, i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES), i);
  }

  /** Index of the key at `at` of `keys`; −1 when it is not there. */
  find(keys: Uint8Array, at = 0): number {
    if (this.map !== undefined) return this.map.get(bytesToMapKey(keys, at, at + SLOT_KEY_BYTES)) ?? -1;
    for (let i = 0; i < this.count; i++) if (keysEqual(this.keys, i * SLOT_KEY_BYTES, keys, at)) return i;
    return -1;
  }
}
