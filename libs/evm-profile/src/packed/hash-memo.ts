/**
 * Hashes of two words, which is where mappings keep their values: keccak(key . slot). A table of 2 Ki pairs, 200 kB: a larger one
 * costs more in cache misses than it saves. A newer pair takes the place of an older one. What is found here costs a tenth of
 * the hash: the same call tried again, and holders that everyone deals with.
 */
import { keccak256Into } from "@velarium/hash-kernel";

const ROWS = 1 << 11;
const KEY_PIECES = 16;
/** Pair and hash, in 32-bit pieces. */
const ROW_PIECES = 24;
const PAIR_BYTES = 64;

export class HashMemo {
  private readonly rows = new Uint32Array(ROWS * ROW_PIECES);
  private readonly bytes = new Uint8Array(this.rows.buffer);
  private readonly isSet = new Uint8Array(ROWS);

  /** Keccak-256 of the pair in `pair`, whose bytes are `pairBytes`, into the eight pieces of `out` from `to` on. */
  hash(pair: Uint32Array, pairBytes: Uint8Array, out: Uint32Array, to: number): void {
    let mixed = 0x9e3779b9;
    for (let i = 0; i < KEY_PIECES; i++) mixed = Math.imul(mixed ^ pair[i]!, 0x85ebca6b) ^ (mixed >>> 15);
    const row = ((mixed ^ (mixed >>> 16)) >>> 0) % ROWS;
    const at = row * ROW_PIECES;
    const { rows } = this;
    if (this.isSet[row] === 0 || !holds(rows, at, pair)) {
      for (let i = 0; i < KEY_PIECES; i++) rows[at + i] = pair[i]!;
      keccak256Into(pairBytes, 0, PAIR_BYTES, this.bytes, (at + KEY_PIECES) * 4);
      this.isSet[row] = 1;
    }
    for (let i = 0; i < 8; i++) out[to + i] = rows[at + KEY_PIECES + i]!;
  }
}

function holds(rows: Uint32Array, at: number, pair: Uint32Array): boolean {
  for (let i = 0; i < KEY_PIECES; i++) if (rows[at + i] !== pair[i]) return false;
  return true;
}
