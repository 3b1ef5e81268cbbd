/**
 * Words of committed state by their keys, in flat arrays: sets of four rows, the oldest of a set gives way. A row has a
 * key (14 words of 32 bits), a value (32 bytes) and the time at which it was read.
 */
import { KEY_WORDS, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";

const WAYS = 4;

export class WordCache {
  readonly values: Uint8Array;
  private readonly keys: Uint32Array;
  private readonly times: Float64Array;
  private readonly sets: number;
  private readonly maxAgeMs: number;
  private readonly probe = new Uint32Array(KEY_WORDS);

  /** `rows`: a power of two, 100 bytes each. */
  constructor(rows: number, maxAgeMs: number) {
    this.sets = rows / WAYS;
    this.values = new Uint8Array(rows * WORD_BYTES);
    this.keys = new Uint32Array(rows * KEY_WORDS);
    this.times = new Float64Array(rows).fill(Number.NEGATIVE_INFINITY);
    this.maxAgeMs = maxAgeMs;
  }

  /** Offset in `values` of the word of the key at `at` of `keys`; −1 when it is not here or too old. */
  find(keys: Uint8Array, at: number, nowMs: number): number {
    const first = this.load(keys, at);
    for (let row = first; row < first + WAYS; row++)
      if (nowMs - this.times[row]! <= this.maxAgeMs && this.holds(row)) return row * WORD_BYTES;
    return -1;
  }

  put(keys: Uint8Array, at: number, words: Uint8Array, wordAt: number, nowMs: number): void {
    const first = this.load(keys, at);
    let oldest = first;
    for (let row = first; row < first + WAYS; row++) {
      if (this.holds(row)) {
        oldest = row;
        break;
      }
      if (this.times[row]! < this.times[oldest]!) oldest = row;
    }
    this.keys.set(this.probe, oldest * KEY_WORDS);
    for (let i = 0; i < WORD_BYTES; i++) this.values[oldest * WORD_BYTES + i] = words[wordAt + i]!;
    this.times[oldest] = nowMs;
  }

  /** Puts the key into `probe`; returns the first row of its set. */
  private load(keys: Uint8Array, at: number): number {
    const { probe } = this;
    let hash = 0x9e3779b9;
    for (let w = 0, b = at; b < at + SLOT_KEY_BYTES; w++, b += 4) {
      const word = keys[b]! | (keys[b + 1]! << 8) | (keys[b + 2]! << 16) | (keys[b + 3]! << 24);
      probe[w] = word;
      hash = Math.imul(hash ^ word, 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    return ((hash >>> 0) % this.sets) * WAYS;
  }

  private holds(row: number): boolean {
    const { keys, probe } = this;
    const at = row * KEY_WORDS;
    for (let w = 0; w < KEY_WORDS; w++) if (keys[at + w] !== probe[w]) return false;
    return true;
  }
}
