/**
 * Exact versions of slots at hand: id → (version, full key, value). Buckets of four rows; the oldest version of a full
 * bucket gives way, so the cache is bounded and never rehashes.
 *
 * The cache is far larger than a processor's, so what counts is how many cache lines and pages are touched. A bucket is
 * seven lines side by side. What decides a search, ids and versions, fills the first. Each row fills another: the value
 * and the first 24 bytes of the key, which is all of the key of an account's field. Only the keys of storage slots have
 * a rest; the rests of two rows fill a line.
 */
import { copyWords, KEY_WORDS, VALUE_WORDS } from "@velarium/slots";
import { wasmApi } from "@velarium/wasm";

const WAYS = 4;
const EMPTY = -1;
/** 32-bit words of a bucket's head: four lower halves of ids, four upper halves, four versions (f64). */
const HEAD_WORDS = 16;
const HI = 4;
/** Of a bucket's head in f64: where the versions begin. */
const VERSIONS = 4;
/** Words of a row: value, first words of the key, whether the key has a rest; one is left free. */
const ROW_WORDS = 16;
const FIRST_WORDS = 6;
const FIRST = VALUE_WORDS;
const HAS_REST = FIRST + FIRST_WORDS;
const REST_WORDS = KEY_WORDS - FIRST_WORDS;
/** In a bucket: where the rests of keys begin. */
const RESTS = HEAD_WORDS + WAYS * ROW_WORDS;
const BUCKET_WORDS = RESTS + WAYS * REST_WORDS;
const BUCKET_NUMBERS = BUCKET_WORDS / 2;
/** Rows that `setAll` brings near at once: 128 bytes each, so they stay in the nearest cache until they are written. */
const SET_GROUP = 128;

/** 1 when words after the first six are not all zero. */
function hasRest(keys: Uint32Array, at: number): number {
  let any = 0;
  for (let i = FIRST_WORDS; i < KEY_WORDS; i++) any |= keys[at + i]!;
  return any === 0 ? 0 : 1;
}

const PAGE_BYTES = 65_536;
/** A WebAssembly memory reserves gigabytes of addresses, which a cache as small as those of tests is not worth. */
const PAGES_FROM_BYTES = 4 << 20;

/**
 * Zeroed words. Many of them are a WebAssembly memory, which begins at a page, so that a line of the layout is one of the
 * processor's; an ordinary large buffer begins 16 bytes behind a page.
 */
function allocate(words: number): Uint32Array {
  const bytes = words * 4;
  if (bytes < PAGES_FROM_BYTES) return new Uint32Array(words);
  const { buffer } = new wasmApi.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
  return new Uint32Array(buffer, 0, words);
}

export class SlotCache {
  readonly rows: number;
  private readonly mask: number;
  private readonly data: Uint32Array;
  /** The same once more, for the versions. */
  private readonly numbers: Float64Array;
  /** What `approach` saw, so that its loads are not left out. */
  protected touched = 0;

  /** `rows` is rounded up to a power of two. */
  constructor(rows: number) {
    this.rows = 1 << Math.ceil(Math.log2(Math.max(WAYS, rows)));
    const buckets = this.rows / WAYS;
    this.mask = buckets - 1;
    this.data = allocate(buckets * BUCKET_WORDS);
    this.numbers = new Float64Array(this.data.buffer);
    this.clear();
  }

  clear(): void {
    const { numbers } = this;
    for (let at = VERSIONS; at < numbers.length; at += BUCKET_NUMBERS)
      for (let way = 0; way < WAYS; way++) numbers[at + way] = EMPTY;
  }

  /**
   * Brings buckets that are about to be searched near the processor, all heads, then the rows that may be meant:
   * independent loads in a row overlap, where searches one after another would each wait for memory. `lo` of the slots
   * whose places in it are the first `count` of `which`.
   */
  approach(lo: Uint32Array, which: Int32Array, count: number): void {
    const { data, mask } = this;
    let any = 0;
    for (let i = 0; i < count; i++) any |= data[(lo[which[i]!]! & mask) * BUCKET_WORDS]!;
    for (let i = 0; i < count; i++) {
      const id = lo[which[i]!]!;
      const head = (id & mask) * BUCKET_WORDS;
      for (let way = 0; way < WAYS; way++)
        if (data[head + way] === id)
          any |= data[head + HEAD_WORDS + way * ROW_WORDS]! | data[head + RESTS + way * REST_WORDS]!;
    }
    this.touched = any;
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
    const { data, numbers } = this;
    const bucket = lo & this.mask;
    const head = bucket * BUCKET_WORDS;
    const versions = bucket * BUCKET_NUMBERS + VERSIONS;
    for (let way = 0; way < WAYS; way++) {
      if (data[head + way] !== lo || data[head + HI + way] !== hi) continue;
      if (numbers[versions + way] !== version) continue;
      const row = head + HEAD_WORDS + way * ROW_WORDS;
      if (!this.isKey(row, head + RESTS + way * REST_WORDS, keys, keyAt)) continue;
      copyWords(out, outAt, data, row, VALUE_WORDS);
      return true;
    }
    return false;
  }

  /**
   * As `set`, of rows `from` to `to` of columns; likewise near the processor first, all heads and then the rows that
   * will be written. (One that an earlier one of these changes may be another one; then only time is lost.)
   */
  setAll(
    from: number,
    to: number,
    hi: Uint32Array,
    lo: Uint32Array,
    versions: Float64Array,
    keys: Uint32Array,
    values: Uint32Array,
  ): void {
    const { data, numbers, mask } = this;
    let any = 0;
    for (let first = from; first < to; first += SET_GROUP) {
      const end = Math.min(to, first + SET_GROUP);
      for (let i = first; i < end; i++) any |= data[(lo[i]! & mask) * BUCKET_WORDS]!;
      for (let i = first; i < end; i++) {
        const id = lo[i]!;
        const bucket = id & mask;
        const head = bucket * BUCKET_WORDS;
        const row = bucket * BUCKET_NUMBERS + VERSIONS;
        let target = 0;
        let oldest = Number.POSITIVE_INFINITY;
        for (let way = 0; way < WAYS; way++) {
          const present = data[head + way] === id ? EMPTY : numbers[row + way]!;
          if (present < oldest) {
            oldest = present;
            target = way;
          }
        }
        any |= data[head + HEAD_WORDS + target * ROW_WORDS]! | data[head + RESTS + target * REST_WORDS]!;
      }
      for (let i = first; i < end; i++)
        this.set(hi[i]!, lo[i]!, versions[i]!, keys, i * KEY_WORDS, values, i * VALUE_WORDS);
    }
    this.touched = any;
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
    const { data, numbers } = this;
    const bucket = lo & this.mask;
    const head = bucket * BUCKET_WORDS;
    const versions = bucket * BUCKET_NUMBERS + VERSIONS;
    let target = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (let way = 0; way < WAYS; way++) {
      const present = numbers[versions + way]!;
      if (data[head + way] === lo && data[head + HI + way] === hi && present !== EMPTY) {
        const row = head + HEAD_WORDS + way * ROW_WORDS;
        if (this.isKey(row, head + RESTS + way * REST_WORDS, keys, keyAt)) {
          if (present > version) return;
          numbers[versions + way] = version;
          copyWords(data, row, value, valueAt, VALUE_WORDS);
          return;
        }
      }
      if (present < oldest) {
        oldest = present;
        target = way;
      }
    }
    data[head + target] = lo;
    data[head + HI + target] = hi;
    numbers[versions + target] = version;
    const at = head + HEAD_WORDS + target * ROW_WORDS;
    copyWords(data, at, value, valueAt, VALUE_WORDS);
    copyWords(data, at + FIRST, keys, keyAt, FIRST_WORDS);
    const rest = hasRest(keys, keyAt);
    data[at + HAS_REST] = rest;
    if (rest === 1)
      copyWords(data, head + RESTS + target * REST_WORDS, keys, keyAt + FIRST_WORDS, REST_WORDS);
  }

  /** `row` and `restAt`: where the row and the rest of its key are. */
  private isKey(row: number, restAt: number, keys: Uint32Array, keyAt: number): boolean {
    const { data } = this;
    const first = row + FIRST;
    for (let i = 0; i < FIRST_WORDS; i++) if (data[first + i] !== keys[keyAt + i]) return false;
    const rest = hasRest(keys, keyAt);
    if (data[row + HAS_REST] !== rest) return false;
    if (rest === 0) return true;
    for (let i = 0; i < REST_WORDS; i++) if (data[restAt + i] !== keys[keyAt + FIRST_WORDS + i]) return false;
    return true;
  }
}
