/**
 * Exact versions of slots at hand: id → (version, full key, value). Buckets of four rows; the oldest version of a full
 * bucket gives way, so the cache is bounded and never rehashes.
 *
 * The cache is far larger than a processor's, so what counts is how many cache lines are touched. What decides a search
 * of a bucket, ids and versions, fills one. A row fills another: the value and the first 24 bytes of the key, which is
 * all of the key of an account's field. Only the keys of storage slots have a rest, kept aside.
 */
import { copyWords, KEY_WORDS, VALUE_WORDS } from "@velarium/slots";

const WAYS = 4;
const EMPTY = -1;
/** 32-bit words of a bucket's head: four lower halves of ids, four upper halves, four versions (f64). */
const HEAD_WORDS = 16;
const HI = 4;
/** Of a bucket's head in f64: where the versions begin. */
const HEAD_NUMBERS = HEAD_WORDS / 2;
const VERSIONS = 4;
/** Words of a row: value, first words of the key, whether the key has a rest; one is left free. */
const ROW_WORDS = 16;
const FIRST_WORDS = 6;
const FIRST = VALUE_WORDS;
const HAS_REST = FIRST + FIRST_WORDS;
const REST_WORDS = KEY_WORDS - FIRST_WORDS;

/** 1 when words after the first six are not all zero. */
function hasRest(keys: Uint32Array, at: number): number {
  let any = 0;
  for (let i = FIRST_WORDS; i < KEY_WORDS; i++) any |= keys[at + i]!;
  return any === 0 ? 0 : 1;
}

export class SlotCache {
  readonly rows: number;
  private readonly mask: number;
  private readonly heads: Uint32Array;
  /** The heads once more, for the versions. */
  private readonly numbers: Float64Array;
  private readonly data: Uint32Array;
  private readonly rests: Uint32Array;

  /** `rows` is rounded up to a power of two. */
  constructor(rows: number) {
    this.rows = 1 << Math.ceil(Math.log2(Math.max(WAYS, rows)));
    const buckets = this.rows / WAYS;
    this.mask = buckets - 1;
    this.heads = new Uint32Array(buckets * HEAD_WORDS);
    this.numbers = new Float64Array(this.heads.buffer);
    this.data = new Uint32Array(this.rows * ROW_WORDS);
    this.rests = new Uint32Array(this.rows * REST_WORDS);
    this.clear();
  }

  clear(): void {
    const { numbers } = this;
    for (let at = VERSIONS; at < numbers.length; at += HEAD_NUMBERS)
      for (let way = 0; way < WAYS; way++) numbers[at + way] = EMPTY;
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
    const { heads, numbers } = this;
    const bucket = lo & this.mask;
    const head = bucket * HEAD_WORDS;
    const versions = bucket * HEAD_NUMBERS + VERSIONS;
    for (let way = 0; way < WAYS; way++) {
      if (heads[head + way] !== lo || heads[head + HI + way] !== hi) continue;
      if (numbers[versions + way] !== version) continue;
      const row = bucket * WAYS + way;
      if (!this.isKey(row, keys, keyAt)) continue;
      copyWords(out, outAt, this.data, row * ROW_WORDS, VALUE_WORDS);
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
        const row = bucket * WAYS + way;
        if (this.isKey(row, keys, keyAt)) {
          if (present > version) return;
          numbers[versions + way] = version;
          copyWords(data, row * ROW_WORDS, value, valueAt, VALUE_WORDS);
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
    const row = bucket * WAYS + target;
    const at = row * ROW_WORDS;
    copyWords(data, at, value, valueAt, VALUE_WORDS);
    copyWords(data, at + FIRST, keys, keyAt, FIRST_WORDS);
    const rest = hasRest(keys, keyAt);
    data[at + HAS_REST] = rest;
    if (rest === 1) copyWords(this.rests, row * REST_WORDS, keys, keyAt + FIRST_WORDS, REST_WORDS);
  }

  private isKey(row: number, keys: Uint32Array, keyAt: number): boolean {
    const { data, rests } = this;
    const first = row * ROW_WORDS + FIRST;
    for (let i = 0; i < FIRST_WORDS; i++) if (data[first + i] !== keys[keyAt + i]) return false;
    if (data[row * ROW_WORDS + HAS_REST] !== hasRest(keys, keyAt)) return false;
    if (data[row * ROW_WORDS + HAS_REST] === 0) return true;
    const at = row * REST_WORDS;
    for (let i = 0; i < REST_WORDS; i++) if (rests[at + i] !== keys[keyAt + FIRST_WORDS + i]) return false;
    return true;
  }
}
