/**
 * Hashes of two words, which is where mappings keep their values: keccak(key . slot). A table of 2 Ki pairs, 200 kB: a larger one
 * costs more in cache misses than it saves. A newer pair takes the place of an older one. What is found here costs a tenth of
 * the hash: the same call tried again, and holders that everyone deals with.
 */
import { keccakWords, keccakWordsTwice } from "@velarium/hash-kernel";

const ROWS = 1 << 11;
const KEY_PIECES = 16;
const HASH_PIECES = 8;
/** Pair and hash, in 32-bit pieces. */
const ROW_PIECES = KEY_PIECES + HASH_PIECES;

export class HashMemo {
  private readonly rows = new Uint32Array(ROWS * ROW_PIECES);
  private readonly isSet = new Uint8Array(ROWS);

  /** Keccak-256 of the pair that stands in `pairs` from `from` on, into the eight pieces of `out` from `to` on. */
  hash(pairs: Uint32Array, from: number, out: Uint32Array, to: number): void {
    const row = rowOf(pairs, from);
    if (this.recall(row, pairs, from, out, to)) return;
    keccakWords(pairs, from, out, to);
    this.keep(row, pairs, from, out, to);
  }

  /** As `hash` of two pairs, which takes less than one after the other. */
  hashBoth(
    pairs: Uint32Array,
    from0: number,
    from1: number,
    out: Uint32Array,
    to0: number,
    to1: number,
  ): void {
    const row0 = rowOf(pairs, from0);
    if (this.recall(row0, pairs, from0, out, to0)) {
      this.hash(pairs, from1, out, to1);
      return;
    }
    const row1 = rowOf(pairs, from1);
    if (this.recall(row1, pairs, from1, out, to1)) keccakWords(pairs, from0, out, to0);
    else {
      keccakWordsTwice(pairs, from0, from1, out, to0, to1);
      this.keep(row1, pairs, from1, out, to1);
    }
    this.keep(row0, pairs, from0, out, to0);
  }

  private recall(row: number, pairs: Uint32Array, from: number, out: Uint32Array, to: number): boolean {
    if (this.isSet[row] === 0) return false;
    const { rows } = this;
    const at = row * ROW_PIECES;
    for (let i = 0; i < KEY_PIECES; i++) if (rows[at + i] !== pairs[from + i]) return false;
    for (let i = 0; i < HASH_PIECES; i++) out[to + i] = rows[at + KEY_PIECES + i]!;
    return true;
  }

  private keep(row: number, pairs: Uint32Array, from: number, out: Uint32Array, to: number): void {
    const { rows } = this;
    const at = row * ROW_PIECES;
    for (let i = 0; i < KEY_PIECES; i++) rows[at + i] = pairs[from + i]!;
    for (let i = 0; i < HASH_PIECES; i++) rows[at + KEY_PIECES + i] = out[to + i]!;
    this.isSet[row] = 1;
  }
}

/** Both words side by side, so that the processor need not wait for one to begin the other. */
function rowOf(pairs: Uint32Array, from: number): number {
  let key = 0x9e3779b9;
  let slot = 0;
  for (let i = 0; i < 8; i++) {
    key = Math.imul(key ^ pairs[from + i]!, 0x85ebca6b) ^ (key >>> 15);
    slot = Math.imul(slot ^ pairs[from + 8 + i]!, 0xc2b2ae35) ^ (slot >>> 15);
  }
  const mixed = key ^ slot;
  return ((mixed ^ (mixed >>> 16)) >>> 0) % ROWS;
}
