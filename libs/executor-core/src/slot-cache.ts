/**
 * Exact versions of slots at hand: id → (version, full key, value). Buckets of four rows; the oldest version of a full
 * bucket gives way, so the cache is bounded and never rehashes.
 *
 * What decides a search of a bucket, ids and versions, fills one cache line; a row's key and value lie side by side.
 * The cache is far larger than a processor's: a miss costs one line, a hit or a new row two or three.
 */
import { copyWords, KEY_WORDS, sameKey, VALUE_WORDS } from "@velarium/slots";

const WAYS = 4;
const EMPTY = -1;
/** 32-bit words of a bucket's head: four lower halves of ids, four upper halves, four versions (f64). */
const HEAD_WORDS = 16;
const HI = 4;
/** Of a bucket's head in f64: where the versions begin. */
const HEAD_NUMBERS = HEAD_WORDS / 2;
const VERSIONS = 4;
const ROW_WORDS = KEY_WORDS + VALUE_WORDS;

export class SlotCache {
  readonly rows: number;
  private readonly mask: number;
  private readonly heads: Uint32Array;
  /** The heads once more, for the versions. */
  private readonly numbers: Float64Array;
  private readonly data: Uint32Array;

  /** `rows` is rounded up to a power of two. */
  constructor(rows: number) {
    this.rows = 1 << Math.ceil(Math.log2(Math.max(WAYS, rows)));
    const buckets = this.rows / WAYS;
    this.mask = buckets - 1;
    this.heads = new Uint32Array(buckets * HEAD_WORDS);
    this.numbers = new Float64Array(this.heads.buffer);
    this.data = new Uint32Array(this.rows * ROW_WORDS);
    this.clear();
  }

  clear(): void {
    const { numbers } = this;
    for (let at = VERSIONS; at < numbers.length; at += HEAD_NUMBERS) numbers.fill(EMPTY, at, at + WAYS);
  }

  /** Copies the value to `out` if exactly `version` of the full key is here. Places count in words. */
  get(
    hi: number,
    lo: number,
    version: number,
    keys: Uint32Array,
    keyAt: number,
    out: Uint32Array,
    outAt: number,
  ): boolean {
    const { heads, numbers, data } = this;
    const bucket = lo & this.mask;
    const head = bucket * HEAD_WORDS;
    const versions = bucket * HEAD_NUMBERS + VERSIONS;
    for (let way = 0; way < WAYS; way++) {
      if (heads[head + way] !== lo || heads[head + HI + way] !== hi) continue;
      if (numbers[versions + way] !== version) continue;
      const row = (bucket * WAYS + way) * ROW_WORDS;
      if (!sameKey(data, row, keys, keyAt)) continue;
      copyWords(out, outAt, data, row + KEY_WORDS, VALUE_WORDS);
      return true;
    }
    return false;
  }

  /** Keeps a version, unless a newer one of the same key is here. Ids are keyed hashes, so their bits spread evenly. */
  set(
    hi: number,
    lo: number,
    version: number,
    keys: Uint32Array,
    keyAt: number,
    value: Uint32Array,
    valueAt: number,
  ): void {
    const { heads, numbers, data } = this;
    const bucket = lo & this.mask;
    const head = bucket * HEAD_WORDS;
    const versions = bucket * HEAD_NUMBERS + VERSIONS;
    let target = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (let way = 0; way < WAYS; way++) {
      const present = numbers[versions + way]!;
      if (heads[head + way] === lo && heads[head + HI + way] === hi && present !== EMPTY) {
        const row = (bucket * WAYS + way) * ROW_WORDS;
        if (sameKey(data, row, keys, keyAt)) {
          if (present > version) return;
          numbers[versions + way] = version;
          copyWords(data, row + KEY_WORDS, value, valueAt, VALUE_WORDS);
          return;
        }
      }
      if (present < oldest) {
        oldest = present;
        target = way;
      }
    }
    heads[head + target] = lo;
    heads[head + HI + target] = hi;
    numbers[versions + target] = version;
    const row = (bucket * WAYS + target) * ROW_WORDS;
    copyWords(data, row, keys, keyAt, KEY_WORDS);
    copyWords(data, row + KEY_WORDS, value, valueAt, VALUE_WORDS);
  }
}
