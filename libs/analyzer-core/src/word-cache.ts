/**
 * Words of committed state by their keys, in flat arrays: sets of four rows, the oldest of a set gives way. What is not
 * here is known by the tags of a set alone, 16 bytes; a row has 128, two cache lines: key (14 words of 32 bits), value
 * (8), and the time at which it was read (f64).
 */
import { KEY_WORDS, SLOT_KEY_BYTES, VALUE_WORDS, WORD_BYTES } from "@velarium/slots";

const WAYS = 4;
const ROW_WORDS = 32;
const ROW_BYTES = 4 * ROW_WORDS;
const VALUE = KEY_WORDS;
/** In units of 8 bytes. */
const TIME = (VALUE + VALUE_WORDS) / 2;

export class WordCache {
  /** All rows, as bytes; `find` tells where a value stands. */
  readonly values: Uint8Array;
  private readonly rows: Uint32Array;
  private readonly times: Float64Array;
  private readonly tags: Uint32Array;
  private readonly sets: number;
  private readonly probe = new Uint32Array(KEY_WORDS);
  private tag = 0;

  /** `rows`: a power of two, 132 bytes each. */
  constructor(rows: number) {
    this.sets = rows / WAYS;
    this.rows = new Uint32Array(rows * ROW_WORDS);
    this.values = new Uint8Array(this.rows.buffer);
    this.times = new Float64Array(this.rows.buffer);
    this.tags = new Uint32Array(rows);
  }

  /** Offset in `values` of the word of the key at `at` of `keys`, read at `sinceMs` or later; −1 when it is not here. */
  find(keys: Uint8Array, at: number, sinceMs: number): number {
    const first = this.load(keys, at);
    for (let row = first; row < first + WAYS; row++)
      if (this.holds(row))
        return this.times[row * (ROW_WORDS / 2) + TIME]! >= sinceMs ? row * ROW_BYTES + 4 * VALUE : -1;
    return -1;
  }

  put(keys: Uint8Array, at: number, words: Uint8Array, wordAt: number, nowMs: number): void {
    const first = this.load(keys, at);
    const { times } = this;
    let oldest = first;
    for (let row = first; row < first + WAYS; row++) {
      if (this.holds(row)) {
        oldest = row;
        break;
      }
      const time = row * (ROW_WORDS / 2) + TIME;
      if (times[time]! < times[oldest * (ROW_WORDS / 2) + TIME]!) oldest = row;
    }
    for (let w = 0; w < KEY_WORDS; w++) this.rows[oldest * ROW_WORDS + w] = this.probe[w]!;
    const to = oldest * ROW_BYTES + 4 * VALUE;
    for (let i = 0; i < WORD_BYTES; i++) this.values[to + i] = words[wordAt + i]!;
    times[oldest * (ROW_WORDS / 2) + TIME] = nowMs;
    this.tags[oldest] = this.tag;
  }

  /** Puts the key into `probe` and its tag into `tag`; returns the first row of its set. */
  private load(keys: Uint8Array, at: number): number {
    const { probe } = this;
    let hash = 0x9e3779b9;
    for (let w = 0, b = at; b < at + SLOT_KEY_BYTES; w++, b += 4) {
      const word = keys[b]! | (keys[b + 1]! << 8) | (keys[b + 2]! << 16) | (keys[b + 3]! << 24);
      probe[w] = word;
      hash = Math.imul(hash ^ word, 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    // A tag is never 0, which is what rows have that were never written.
    this.tag = (Math.imul(hash, 0xc2b2ae35) | 1) >>> 0;
    return ((hash >>> 0) % this.sets) * WAYS;
  }

  private holds(row: number): boolean {
    if (this.tags[row] !== this.tag) return false;
    const { rows, probe } = this;
    const at = row * ROW_WORDS;
    for (let w = 0; w < KEY_WORDS; w++) if (rows[at + w] !== probe[w]) return false;
    return true;
  }
}
