/**
 * Values this executor knows, by slot id with the full key: one version per slot. A row also says which version is
 * on its way (written by an unfinished transaction here, or asked from the home shard) and lists who waits for it.
 * Rows that anyone waits for or writes to are not evicted.
 */
import { copyWords, KEY_WORDS, sameKey, VALUE_WORDS } from "@velarium/slots";

/** Words of a row: hi, lo, key, value. */
const HI = 0;
const LO = 1;
const KEY = 2;
export const CACHE_VALUE = 16;
const ROW_WORDS = 24;
const INITIAL = 4096;
const NEVER = -2;

export class SlotCache {
  u32: Uint32Array;
  /** Version of the value, NEVER if there is none. */
  version: Float64Array;
  /** Newest version that an unfinished transaction here will write, or that was asked for. */
  written: Float64Array;
  asked: Float64Array;
  waiters: Int32Array;
  size = 0;
  hits = 0;
  misses = 0;
  private writers: Int32Array;
  private used: Uint8Array;
  private next: Int32Array;
  private buckets: Int32Array;
  private readonly limit: number;
  private hand = 0;

  /** `limit` in rows, 145 bytes each. It is passed only when every row is in use. */
  constructor(limit: number) {
    this.limit = limit;
    const rows = Math.min(limit, INITIAL);
    this.u32 = new Uint32Array(rows * ROW_WORDS);
    this.version = new Float64Array(rows);
    this.written = new Float64Array(rows);
    this.asked = new Float64Array(rows);
    this.waiters = new Int32Array(rows);
    this.writers = new Int32Array(rows);
    this.used = new Uint8Array(rows);
    this.next = new Int32Array(rows);
    this.buckets = new Int32Array(rows * 2).fill(-1);
  }

  private bucketOf(hi: number, lo: number): number {
    return ((lo ^ Math.imul(hi, 0x9e3779b1)) >>> 0) % this.buckets.length;
  }

  find(hi: number, lo: number): number {
    const { u32, next } = this;
    let row = this.buckets[this.bucketOf(hi, lo)]!;
    while (row >= 0 && (u32[row * ROW_WORDS + LO] !== lo || u32[row * ROW_WORDS + HI] !== hi))
      row = next[row]!;
    if (row >= 0) this.used[row] = 1;
    return row;
  }

  hasKey(row: number, keys: Uint32Array, at: number): boolean {
    return sameKey(this.u32, row * ROW_WORDS + KEY, keys, at);
  }

  /** The row of the id, made with this key if there is none; -1 when the id's row has another key. */
  ensure(hi: number, lo: number, keys: Uint32Array, at: number): number {
    const found = this.find(hi, lo);
    if (found >= 0) return this.hasKey(found, keys, at) ? found : -1;
    const row = this.place();
    const w = row * ROW_WORDS;
    this.u32[w + HI] = hi;
    this.u32[w + LO] = lo;
    copyWords(this.u32, w + KEY, keys, at, KEY_WORDS);
    this.version[row] = this.written[row] = this.asked[row] = NEVER;
    this.waiters[row] = -1;
    this.writers[row] = 0;
    this.used[row] = 1;
    const bucket = this.bucketOf(hi, lo);
    this.next[row] = this.buckets[bucket]!;
    this.buckets[bucket] = row;
    return row;
  }

  valueAt(row: number): number {
    return row * ROW_WORDS + CACHE_VALUE;
  }

  put(row: number, version: number, values: Uint32Array, at: number): void {
    if (version < this.version[row]!) return;
    this.version[row] = version;
    copyWords(this.u32, row * ROW_WORDS + CACHE_VALUE, values, at, VALUE_WORDS);
  }

  beginWrite(row: number, seq: number): void {
    this.writers[row]!++;
    if (seq > this.written[row]!) this.written[row] = seq;
  }

  endWrite(row: number): void {
    if (this.writers[row]! > 0) this.writers[row]!--;
  }

  clear(): void {
    this.buckets.fill(-1);
    this.size = 0;
    this.hand = 0;
  }

  /** A free row: a new one below the limit, else one that nobody used since the hand last passed. */
  private place(): number {
    if (this.size < this.version.length) return this.size++;
    if (this.version.length < this.limit) {
      this.grow(Math.min(this.limit, this.version.length * 2));
      return this.size++;
    }
    for (let tries = 0; tries < 2 * this.size; tries++) {
      const row = this.hand;
      this.hand = row + 1 === this.size ? 0 : row + 1;
      if (this.waiters[row]! >= 0 || this.writers[row]! > 0) continue;
      if (this.used[row] === 1) {
        this.used[row] = 0;
        continue;
      }
      this.unlink(row);
      return row;
    }
    this.grow(this.version.length * 2);
    return this.size++;
  }

  private unlink(row: number): void {
    const bucket = this.bucketOf(this.u32[row * ROW_WORDS + HI]!, this.u32[row * ROW_WORDS + LO]!);
    let at = this.buckets[bucket]!;
    if (at === row) {
      this.buckets[bucket] = this.next[row]!;
      return;
    }
    while (this.next[at] !== row) at = this.next[at]!;
    this.next[at] = this.next[row]!;
  }

  private grow(rows: number): void {
    const f64 = (a: Float64Array): Float64Array<ArrayBuffer> => {
      const b = new Float64Array(rows);
      b.set(a);
      return b;
    };
    const i32 = (a: Int32Array): Int32Array<ArrayBuffer> => {
      const b = new Int32Array(rows);
      b.set(a);
      return b;
    };
    const u32 = new Uint32Array(rows * ROW_WORDS);
    u32.set(this.u32);
    this.u32 = u32;
    this.version = f64(this.version);
    this.written = f64(this.written);
    this.asked = f64(this.asked);
    this.waiters = i32(this.waiters);
    this.writers = i32(this.writers);
    const used = new Uint8Array(rows);
    used.set(this.used);
    this.used = used;
    this.next = i32(this.next);
    this.buckets = new Int32Array(rows * 2).fill(-1);
    for (let row = 0; row < this.size; row++) {
      const bucket = this.bucketOf(u32[row * ROW_WORDS + HI]!, u32[row * ROW_WORDS + LO]!);
      this.next[row] = this.buckets[bucket]!;
      this.buckets[bucket] = row;
    }
  }
}
