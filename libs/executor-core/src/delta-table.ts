/**
 * Contributions to delta generations of one block, cumulative per (slot, generation): open addressing over rows of 32
 * words, two cache lines each. A block's generations end with it, so a table is emptied as a whole and used again.
 */
import { addWord, copyWords, KEY_WORDS, sameKey, VALUE_WORDS } from "@velarium/slots";

const FREE = -1;

/** Words of a row, and where its parts are: id, generation (f64), count, whether to publish, amount, key. */
const ROW = 32;
const HI = 0;
const LO = 1;
const GEN = 2;
const COUNT = 4;
const DIRTY = 5;
export const AMOUNT = 6;
export const KEY = AMOUNT + VALUE_WORDS;

export class DeltaTable {
  /** Rows as words. */
  rows = new Uint32Array(256 * ROW);
  /** Entries changed since they were last published. */
  dirty = new Int32Array(256);
  dirtyCount = 0;
  private numbers = new Float64Array(this.rows.buffer);
  private used = 0;
  private capacity = 256;
  private places = new Int32Array(512).fill(FREE);

  hi(entry: number): number {
    return this.rows[entry * ROW + HI]!;
  }
  lo(entry: number): number {
    return this.rows[entry * ROW + LO]!;
  }
  gen(entry: number): number {
    return this.numbers[(entry * ROW + GEN) >> 1]!;
  }
  count(entry: number): number {
    return this.rows[entry * ROW + COUNT]!;
  }
  /** Where in `rows` a part of the entry is: `AMOUNT` or `KEY`. */
  at(entry: number, part: number): number {
    return entry * ROW + part;
  }

  /** Counts one contribution; no `amount` counts zero. Places count in words. */
  add(
    hi: number,
    lo: number,
    gen: number,
    keys: Uint32Array,
    keyAt: number,
    amount: Uint32Array | undefined,
    amountAt: number,
  ): void {
    const entry = this.entryOf(hi, lo, gen, keys, keyAt);
    const row = entry * ROW;
    const { rows } = this;
    rows[row + COUNT]!++;
    if (amount !== undefined) addWord(rows, row + AMOUNT, amount, amountAt);
    if (rows[row + DIRTY] === 0) {
      rows[row + DIRTY] = 1;
      this.dirty[this.dirtyCount++] = entry;
    }
  }

  clearDirty(): void {
    for (let i = 0; i < this.dirtyCount; i++) this.rows[this.dirty[i]! * ROW + DIRTY] = 0;
    this.dirtyCount = 0;
  }

  clear(): void {
    this.places.fill(FREE);
    this.used = 0;
    this.dirtyCount = 0;
  }

  private entryOf(hi: number, lo: number, gen: number, keys: Uint32Array, keyAt: number): number {
    const { rows, numbers, places } = this;
    const mask = places.length - 1;
    for (let at = placeOf(lo, gen) & mask; ; at = (at + 1) & mask) {
      const entry = places[at]!;
      if (entry === FREE) return this.insert(at, hi, lo, gen, keys, keyAt);
      const row = entry * ROW;
      if (
        rows[row + LO] === lo &&
        rows[row + HI] === hi &&
        numbers[(row + GEN) >> 1] === gen &&
        sameKey(rows, row + KEY, keys, keyAt)
      )
        return entry;
    }
  }

  private insert(at: number, hi: number, lo: number, gen: number, keys: Uint32Array, keyAt: number): number {
    const entry = this.used++;
    this.places[at] = entry;
    const row = entry * ROW;
    const { rows } = this;
    rows[row + HI] = hi;
    rows[row + LO] = lo;
    this.numbers[(row + GEN) >> 1] = gen;
    rows[row + COUNT] = 0;
    rows[row + DIRTY] = 0;
    for (let w = row + AMOUNT; w < row + KEY; w++) rows[w] = 0;
    copyWords(rows, row + KEY, keys, keyAt, KEY_WORDS);
    if (this.used === this.capacity) this.grow();
    return entry;
  }

  private grow(): void {
    this.capacity *= 2;
    const rows = new Uint32Array(this.capacity * ROW);
    rows.set(this.rows);
    this.rows = rows;
    this.numbers = new Float64Array(rows.buffer);
    const dirty = new Int32Array(this.capacity);
    dirty.set(this.dirty);
    this.dirty = dirty;
    this.places = new Int32Array(this.capacity * 2).fill(FREE);
    const mask = this.places.length - 1;
    for (let entry = 0; entry < this.used; entry++) {
      let at = placeOf(this.lo(entry), this.gen(entry)) & mask;
      while (this.places[at] !== FREE) at = (at + 1) & mask;
      this.places[at] = entry;
    }
  }
}

const placeOf = (lo: number, gen: number): number => lo ^ Math.imul(gen, 0x9e3779b1);
