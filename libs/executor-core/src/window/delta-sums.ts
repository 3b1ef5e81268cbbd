/** Cumulative contributions of this executor per delta generation and key. A generation lives in one block. */
import { addWord, copyWords, KEY_WORDS, sameKey, VALUE_WORDS } from "@velarium/slots";

/** Words of a row: hi, lo, count, dirty, key, amount. */
const COUNT = 2;
const DIRTY = 3;
const KEY = 4;
const AMOUNT = 18;
const ROW_WORDS = 26;

export interface DeltaSink {
  delta(
    hi: number,
    lo: number,
    gen: number,
    count: number,
    u32: Uint32Array,
    keyAt: number,
    amountAt: number,
  ): void;
}

export class DeltaSums {
  size = 0;
  private u32 = new Uint32Array(1024 * ROW_WORDS);
  private gens = new Float64Array(1024);
  private next = new Int32Array(1024);
  private buckets = new Int32Array(2048).fill(-1);
  private dirty: Int32Array = new Int32Array(1024);
  private dirtyCount = 0;

  private bucketOf(hi: number, lo: number, gen: number): number {
    return (
      ((lo ^ Math.imul(hi, 0x9e3779b1) ^ Math.imul(gen % 4294967296, 0x85ebca6b)) >>> 0) &
      (this.buckets.length - 1)
    );
  }

  add(
    hi: number,
    lo: number,
    gen: number,
    keys: Uint32Array,
    keyAt: number,
    amount: Uint32Array,
    amountAt: number,
  ): void {
    let row = this.buckets[this.bucketOf(hi, lo, gen)]!;
    for (; row >= 0; row = this.next[row]!) {
      const w = row * ROW_WORDS;
      if (
        this.gens[row] === gen &&
        this.u32[w + 1] === lo &&
        this.u32[w] === hi &&
        sameKey(this.u32, w + KEY, keys, keyAt)
      )
        break;
    }
    if (row < 0) {
      if (this.size === this.gens.length) this.grow();
      row = this.size++;
      const w = row * ROW_WORDS;
      this.u32.fill(0, w, w + ROW_WORDS);
      this.u32[w] = hi;
      this.u32[w + 1] = lo;
      this.gens[row] = gen;
      copyWords(this.u32, w + KEY, keys, keyAt, KEY_WORDS);
      const bucket = this.bucketOf(hi, lo, gen);
      this.next[row] = this.buckets[bucket]!;
      this.buckets[bucket] = row;
    }
    const w = row * ROW_WORDS;
    this.u32[w + COUNT]!++;
    addWord(this.u32, w + AMOUNT, amount, amountAt);
    if (this.u32[w + DIRTY] === 0) {
      this.u32[w + DIRTY] = 1;
      this.dirty[this.dirtyCount++] = row;
    }
  }

  /** Gives what has changed since the last time. */
  drain(sink: DeltaSink): void {
    const { u32 } = this;
    for (let i = 0; i < this.dirtyCount; i++) {
      const row = this.dirty[i]!;
      const w = row * ROW_WORDS;
      u32[w + DIRTY] = 0;
      sink.delta(u32[w]!, u32[w + 1]!, this.gens[row]!, u32[w + COUNT]!, u32, w + KEY, w + AMOUNT);
    }
    this.dirtyCount = 0;
  }

  /** Forgets generations that begin before `seq`; nothing may be undrained. */
  dropBefore(seq: number): void {
    let kept = 0;
    for (let row = 0; row < this.size; row++) {
      if (this.gens[row]! < seq) continue;
      if (kept !== row) {
        this.gens[kept] = this.gens[row]!;
        this.u32.copyWithin(kept * ROW_WORDS, row * ROW_WORDS, (row + 1) * ROW_WORDS);
      }
      kept++;
    }
    this.size = kept;
    this.rehash();
  }

  clear(): void {
    this.size = 0;
    this.dirtyCount = 0;
    this.buckets.fill(-1);
  }

  private rehash(): void {
    this.buckets.fill(-1);
    for (let row = 0; row < this.size; row++) {
      const bucket = this.bucketOf(
        this.u32[row * ROW_WORDS]!,
        this.u32[row * ROW_WORDS + 1]!,
        this.gens[row]!,
      );
      this.next[row] = this.buckets[bucket]!;
      this.buckets[bucket] = row;
    }
  }

  private grow(): void {
    const rows = this.gens.length * 2;
    const u32 = new Uint32Array(rows * ROW_WORDS);
    u32.set(this.u32);
    this.u32 = u32;
    const gens = new Float64Array(rows);
    gens.set(this.gens);
    this.gens = gens;
    this.next = new Int32Array(rows);
    const dirty = new Int32Array(rows);
    dirty.set(this.dirty);
    this.dirty = dirty;
    this.buckets = new Int32Array(rows * 2);
    this.rehash();
  }
}
