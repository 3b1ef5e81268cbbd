/**
 * Contributions to delta generations of one block, cumulative per (slot, generation): open addressing over flat
 * arrays. A block's generations end with it, so a table is dropped whole and nothing is ever deleted from it.
 */
import { keysEqual, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";

const FREE = -1;

/** Adds a big-endian 256-bit integer to another, modulo 2^256. */
export function addWord(to: Uint8Array, at: number, from: Uint8Array, offset: number): void {
  let carry = 0;
  for (let i = WORD_BYTES - 1; i >= 0; i--) {
    const sum = to[at + i]! + from[offset + i]! + carry;
    to[at + i] = sum;
    carry = sum >>> 8;
  }
}

export class DeltaTable {
  hi = new Uint32Array(256);
  lo = new Uint32Array(256);
  gens = new Float64Array(256);
  counts = new Uint32Array(256);
  keys = new Uint8Array(256 * SLOT_KEY_BYTES);
  amounts = new Uint8Array(256 * WORD_BYTES);
  /** Entries changed since they were last published. */
  dirty = new Int32Array(256);
  dirtyCount = 0;
  private isDirty = new Uint8Array(256);
  private used = 0;
  private places = new Int32Array(512).fill(FREE);

  /** Counts one contribution; no `amount` counts zero. */
  add(
    hi: number,
    lo: number,
    gen: number,
    keys: Uint8Array,
    keyAt: number,
    amount: Uint8Array | undefined,
    amountAt: number,
  ): void {
    const entry = this.entryOf(hi, lo, gen, keys, keyAt);
    this.counts[entry]!++;
    if (amount !== undefined) addWord(this.amounts, entry * WORD_BYTES, amount, amountAt);
    if (this.isDirty[entry] === 0) {
      this.isDirty[entry] = 1;
      this.dirty[this.dirtyCount++] = entry;
    }
  }

  clearDirty(): void {
    for (let i = 0; i < this.dirtyCount; i++) this.isDirty[this.dirty[i]!] = 0;
    this.dirtyCount = 0;
  }

  private entryOf(hi: number, lo: number, gen: number, keys: Uint8Array, keyAt: number): number {
    const mask = this.places.length - 1;
    for (let at = (lo ^ Math.imul(gen, 0x9e3779b1)) & mask; ; at = (at + 1) & mask) {
      const entry = this.places[at]!;
      if (entry === FREE) return this.insert(at, hi, lo, gen, keys, keyAt);
      if (
        this.lo[entry] === lo &&
        this.hi[entry] === hi &&
        this.gens[entry] === gen &&
        keysEqual(this.keys, entry * SLOT_KEY_BYTES, keys, keyAt)
      )
        return entry;
    }
  }

  private insert(at: number, hi: number, lo: number, gen: number, keys: Uint8Array, keyAt: number): number {
    const entry = this.used++;
    this.places[at] = entry;
    this.hi[entry] = hi;
    this.lo[entry] = lo;
    this.gens[entry] = gen;
    for (let i = 0; i < SLOT_KEY_BYTES; i++) this.keys[entry * SLOT_KEY_BYTES + i] = keys[keyAt + i]!;
    if (this.used === this.hi.length) this.grow();
    return entry;
  }

  private grow(): void {
    const wider = <A extends Uint8Array | Uint32Array | Float64Array | Int32Array>(from: A): A => {
      const out = new (from.constructor as new (items: number) => A)(from.length * 2);
      out.set(from as never);
      return out;
    };
    this.hi = wider(this.hi);
    this.lo = wider(this.lo);
    this.gens = wider(this.gens);
    this.counts = wider(this.counts);
    this.keys = wider(this.keys);
    this.amounts = wider(this.amounts);
    this.dirty = wider(this.dirty);
    this.isDirty = wider(this.isDirty);
    this.places = new Int32Array(this.places.length * 2).fill(FREE);
    const mask = this.places.length - 1;
    for (let entry = 0; entry < this.used; entry++) {
      let at = (this.lo[entry]! ^ Math.imul(this.gens[entry]!, 0x9e3779b1)) & mask;
      while (this.places[at] !== FREE) at = (at + 1) & mask;
      this.places[at] = entry;
    }
  }
}
