/**
 * Exact versions of slots at hand: id → (version, full key, value). Buckets of four rows in flat arrays; the oldest
 * version of a full bucket gives way, so the cache is bounded and never rehashes.
 */
import { keysEqual, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";

const WAYS = 4;
const EMPTY = -1;

function copy(to: Uint8Array, at: number, from: Uint8Array, offset: number, size: number): void {
  for (let i = 0; i < size; i++) to[at + i] = from[offset + i]!;
}

export class SlotCache {
  readonly rows: number;
  private readonly mask: number;
  private readonly hi: Uint32Array;
  private readonly lo: Uint32Array;
  private readonly versions: Float64Array;
  private readonly keys: Uint8Array;
  private readonly values: Uint8Array;

  /** `rows` is rounded up to a power of two. */
  constructor(rows: number) {
    this.rows = 1 << Math.ceil(Math.log2(Math.max(WAYS, rows)));
    this.mask = this.rows / WAYS - 1;
    this.hi = new Uint32Array(this.rows);
    this.lo = new Uint32Array(this.rows);
    this.versions = new Float64Array(this.rows).fill(EMPTY);
    this.keys = new Uint8Array(this.rows * SLOT_KEY_BYTES);
    this.values = new Uint8Array(this.rows * WORD_BYTES);
  }

  clear(): void {
    this.versions.fill(EMPTY);
  }

  /** Copies the value to `out` if exactly `version` of the full key is here. */
  get(
    hi: number,
    lo: number,
    version: number,
    keys: Uint8Array,
    keyAt: number,
    out: Uint8Array,
    outAt: number,
  ): boolean {
    const first = (lo & this.mask) * WAYS;
    for (let row = first; row < first + WAYS; row++) {
      if (this.versions[row] !== version || this.lo[row] !== lo || this.hi[row] !== hi) continue;
      if (!keysEqual(this.keys, row * SLOT_KEY_BYTES, keys, keyAt)) continue;
      copy(out, outAt, this.values, row * WORD_BYTES, WORD_BYTES);
      return true;
    }
    return false;
  }

  /** Keeps a version, unless a newer one of the same key is here. Ids are keyed hashes, so their bits spread evenly. */
  set(
    hi: number,
    lo: number,
    version: number,
    keys: Uint8Array,
    keyAt: number,
    value: Uint8Array,
    valueAt: number,
  ): void {
    const { versions } = this;
    const first = (lo & this.mask) * WAYS;
    let target = first;
    for (let row = first; row < first + WAYS; row++) {
      if (
        versions[row] !== EMPTY &&
        this.lo[row] === lo &&
        this.hi[row] === hi &&
        keysEqual(this.keys, row * SLOT_KEY_BYTES, keys, keyAt)
      ) {
        if (versions[row]! > version) return;
        versions[row] = version;
        copy(this.values, row * WORD_BYTES, value, valueAt, WORD_BYTES);
        return;
      }
      if (versions[row]! < versions[target]!) target = row;
    }
    this.hi[target] = hi;
    this.lo[target] = lo;
    versions[target] = version;
    copy(this.keys, target * SLOT_KEY_BYTES, keys, keyAt, SLOT_KEY_BYTES);
    copy(this.values, target * WORD_BYTES, value, valueAt, WORD_BYTES);
  }
}
