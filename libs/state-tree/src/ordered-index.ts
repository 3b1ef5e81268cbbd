/**
 * Ordered map of one partition from key hash to entry number: a two-level B*-tree, a sorted directory over leaves of
 * the shared pool. It keeps whole hashes (32 + 6 bytes per key), so neither lookups nor next-key links ever read the
 * log and crafted hash prefixes collide with nothing. A full leaf first levels with a neighbour, then splits two into
 * three, so leaves made by inserts stay at least two thirds full: at most 57 bytes per key.
 *
 * The index is also a cursor: `seek` moves it, and starts from where it stands, so sorted access is cheap.
 */
import { writeHashBytes } from "./hash-words.ts";
import { LEAF_KEYS, type LeafPool, NUMBER_WORD, REST_WORDS, type Slab } from "./leaf-pool.ts";

const HIGH = 2 ** 32;
const LEVEL_BELOW = (LEAF_KEYS * 7) / 8;
const MERGE_BELOW = LEAF_KEYS / 3;
/** Half of the window around a guessed place; the deviation among 200 uniform keys is at most 7. */
const GUESS_RADIUS = 10;
const MERGED_MOST = (LEAF_KEYS * 3) / 4;

export class OrderedIndex {
  private readonly pool: LeafPool;
  private leaves = new Uint32Array(8);
  /** First hash word of each leaf's first key: most directory steps are decided here. */
  private firsts = new Uint32Array(8);
  private leafCount = 1;
  /** Directory position of the cursor, and its place in that leaf. */
  private leafAt = 0;
  private keyAt = -1;
  size = 0;
  private scratch: { words: Uint32Array; numbers: Float64Array } | null = null;

  constructor(pool: LeafPool) {
    this.pool = pool;
    this.leaves[0] = pool.allocate();
  }

  /**
   * Moves to the greatest key at or below the hash at `words[at..at+8]`; true when it is that key. In a partition
   * with its sentinel (the zero hash) there always is one.
   */
  seek(words: Uint32Array, at: number): boolean {
    const { pool } = this;
    if (!this.leafCovers(this.leafAt, words, at)) {
      if (this.leafAt + 1 < this.leafCount && this.leafCovers(this.leafAt + 1, words, at)) this.leafAt++;
      else this.leafAt = this.searchDirectory(words, at);
    }
    const id = this.leaves[this.leafAt]!;
    const slab = pool.slabOf(id);
    const base = pool.baseOf(id);
    const first = slab.first;
    const w = words[at]!;
    const end = base + pool.countOf(id);
    let low = base;
    let high = end;
    // Hashes are uniform, so the place can be guessed; a wrong guess costs two looks.
    if (end - base > 4 * GUESS_RADIUS) {
      const f0 = first[base]!;
      const span = first[end - 1]! - f0;
      const guess = base + Math.floor(((w - f0) / (span + 1)) * (end - base));
      const from = guess - GUESS_RADIUS;
      const to = guess + GUESS_RADIUS;
      if (from > low && from < high) {
        if (first[from]! < w) low = from + 1;
        else if (first[from]! > w) high = from;
      }
      if (to > low && to < high) {
        if (first[to]! > w) high = to;
        else if (first[to]! < w) low = to + 1;
      }
    }
    // Invariant: keys before `low` are <= the hash, keys from `high` on are greater.
    while (low < high) {
      const middle = (low + high) >>> 1;
      const f = first[middle]!;
      if (f < w || (f === w && compareRest(slab.rest, middle, words, at) <= 0)) low = middle + 1;
      else high = middle;
    }
    this.keyAt = low - 1 - base;
    return low > base && first[low - 1] === w && compareRest(slab.rest, low - 1, words, at) === 0;
  }

  /** Moves one key back; the caller knows that there is one. */
  stepBack(): void {
    if (this.keyAt > 0) this.keyAt--;
    else this.keyAt = this.pool.countOf(this.leaves[--this.leafAt]!) - 1;
  }

  /** Moves one key on; the caller knows that there is one. */
  stepForward(): void {
    if (++this.keyAt < this.pool.countOf(this.leaves[this.leafAt]!)) return;
    this.leafAt++;
    this.keyAt = 0;
  }

  /** Entry number under the cursor. */
  number(): number {
    const id = this.leaves[this.leafAt]!;
    const slab = this.pool.slabOf(id);
    const at = this.pool.baseOf(id) + this.keyAt;
    const low = slab.rest[at * REST_WORDS + NUMBER_WORD]!;
    return this.pool.wide ? low + slab.high[at]! * HIGH : low;
  }

  setNumber(number: number): void {
    const id = this.leaves[this.leafAt]!;
    const slab = this.pool.slabOf(id);
    const at = this.pool.baseOf(id) + this.keyAt;
    this.storeNumber(slab, at, number);
  }

  private storeNumber(slab: Slab, at: number, number: number): void {
    slab.rest[at * REST_WORDS + NUMBER_WORD] = number;
    if (number >= HIGH) this.pool.wide = true;
    if (this.pool.wide) slab.high[at] = number / HIGH;
  }

  /** Copies the hash under the cursor as eight words. */
  hash(out: Uint32Array, at: number): void {
    const id = this.leaves[this.leafAt]!;
    this.copyHash(id, this.keyAt, out, at);
  }

  /** Writes the hash after the cursor in byte order at word `at`, or 32 bytes of 0xff after the last key. */
  nextHash(out: Uint32Array, at: number): void {
    const { pool } = this;
    let id = this.leaves[this.leafAt]!;
    let key = this.keyAt + 1;
    if (key >= pool.countOf(id)) {
      if (this.leafAt + 1 >= this.leafCount) {
        for (let i = 0; i < 8; i++) out[at + i] = 0xffffffff;
        return;
      }
      id = this.leaves[this.leafAt + 1]!;
      key = 0;
    }
    this.copyHash(id, key, hashScratch, 0);
    writeHashBytes(hashScratch, 0, out, at);
  }

  /** Inserts a hash that `seek` has just missed. The cursor must be sought again afterwards. */
  insert(words: Uint32Array, at: number, number: number): void {
    let id = this.leaves[this.leafAt]!;
    if (this.pool.countOf(id) === LEAF_KEYS) {
      this.makeRoom();
      this.seek(words, at);
      id = this.leaves[this.leafAt]!;
    }
    const slab = this.pool.slabOf(id);
    const base = this.pool.baseOf(id);
    const count = this.pool.countOf(id);
    const to = base + this.keyAt + 1;
    const end = base + count;
    if (to < end) {
      slab.first.copyWithin(to + 1, to, end);
      slab.rest.copyWithin((to + 1) * REST_WORDS, to * REST_WORDS, end * REST_WORDS);
      if (this.pool.wide) slab.high.copyWithin(to + 1, to, end);
    }
    slab.first[to] = words[at]!;
    for (let i = 0; i < 7; i++) slab.rest[to * REST_WORDS + i] = words[at + 1 + i]!;
    this.storeNumber(slab, to, number);
    this.pool.setCount(id, count + 1);
    if (to === base) this.firsts[this.leafAt] = words[at]!;
    this.keyAt++;
    this.size++;
  }

  /** Removes the key under the cursor. The cursor must be sought again afterwards. */
  remove(): void {
    const id = this.leaves[this.leafAt]!;
    const slab = this.pool.slabOf(id);
    const base = this.pool.baseOf(id);
    const count = this.pool.countOf(id) - 1;
    const to = base + this.keyAt;
    const end = base + count + 1;
    slab.first.copyWithin(to, to + 1, end);
    slab.rest.copyWithin(to * REST_WORDS, (to + 1) * REST_WORDS, end * REST_WORDS);
    if (this.pool.wide) slab.high.copyWithin(to, to + 1, end);
    this.pool.setCount(id, count);
    this.size--;
    if (to === base) this.firsts[this.leafAt] = slab.first[base]!;
    if (count < MERGE_BELOW && this.leafCount > 1) {
      const left = this.leafAt > 0 ? this.leafAt - 1 : 0;
      const sum = this.pool.countOf(this.leaves[left]!) + this.pool.countOf(this.leaves[left + 1]!);
      if (sum <= MERGED_MOST) this.redistribute(left, 2, 1, 0.5);
      else if (count < LEAF_KEYS / 8) this.redistribute(left, 2, 2, 0.5);
    }
  }

  /** Frees all leaves; the index is empty afterwards. */
  clear(): void {
    for (let i = 0; i < this.leafCount; i++) this.pool.release(this.leaves[i]!);
    this.leaves[0] = this.pool.allocate();
    this.pool.setCount(this.leaves[0]!, 0);
    this.leafCount = 1;
    this.size = 0;
    this.leafAt = 0;
    this.keyAt = -1;
  }

  /** Bytes of the directory; the leaves are the pool's. */
  get directoryBytes(): number {
    return this.leaves.byteLength + this.firsts.byteLength;
  }

  private copyHash(id: number, key: number, out: Uint32Array, at: number): void {
    const slab = this.pool.slabOf(id);
    const from = this.pool.baseOf(id) + key;
    out[at] = slab.first[from]!;
    for (let i = 0; i < 7; i++) out[at + 1 + i] = slab.rest[from * REST_WORDS + i]!;
  }

  private startsAtOrBelow(leaf: number, words: Uint32Array, at: number): boolean {
    const f = this.firsts[leaf]!;
    const w = words[at]!;
    if (f !== w) return f < w;
    const id = this.leaves[leaf]!;
    return compareRest(this.pool.slabOf(id).rest, this.pool.baseOf(id), words, at) <= 0;
  }

  private leafCovers(leaf: number, words: Uint32Array, at: number): boolean {
    if (leaf >= this.leafCount) return false;
    if (leaf > 0 && !this.startsAtOrBelow(leaf, words, at)) return false;
    return leaf + 1 >= this.leafCount || !this.startsAtOrBelow(leaf + 1, words, at);
  }

  private searchDirectory(words: Uint32Array, at: number): number {
    let low = 1;
    let high = this.leafCount;
    // Leaves hold about equal shares of uniform hashes, all of one partition: guess as in a leaf.
    if (high > 8 * GUESS_RADIUS) {
      const f0 = this.firsts[1]!;
      const span = this.firsts[high - 1]! - f0;
      const guess = 1 + Math.floor(((words[at]! - f0) / (span + 1)) * (high - 1));
      const from = guess - GUESS_RADIUS;
      const to = guess + GUESS_RADIUS;
      if (from > low && from < high) {
        if (this.firsts[from]! < words[at]!) low = from + 1;
        else if (this.firsts[from]! > words[at]!) high = from;
      }
      if (to > low && to < high) {
        if (this.firsts[to]! > words[at]!) high = to;
        else if (this.firsts[to]! < words[at]!) low = to + 1;
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.startsAtOrBelow(middle, words, at)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Makes room in the full leaf under the cursor. Keys arriving in order leave full leaves behind. */
  private makeRoom(): void {
    const at = this.leafAt;
    if (at === this.leafCount - 1 && this.keyAt === LEAF_KEYS - 1) {
      this.redistribute(at, 1, 2, 0.9);
      return;
    }
    const right = at + 1 < this.leafCount ? this.pool.countOf(this.leaves[at + 1]!) : LEAF_KEYS + 1;
    const left = at > 0 ? this.pool.countOf(this.leaves[at - 1]!) : LEAF_KEYS + 1;
    if (Math.min(left, right) > LEAF_KEYS) this.redistribute(at, 1, 2, 0.5);
    else {
      const from = right <= left ? at : at - 1;
      this.redistribute(from, 2, Math.min(left, right) < LEVEL_BELOW ? 2 : 3, 0.5);
    }
  }

  /** Spreads the keys of `before` leaves from directory position `from` over `after` leaves; `share` is the first's of two. */
  private redistribute(from: number, before: number, after: number, share: number): void {
    this.scratch ??= { words: new Uint32Array(LEAF_KEYS * 8 * 2), numbers: new Float64Array(LEAF_KEYS * 2) };
    const { words, numbers } = this.scratch;
    let total = 0;
    for (let l = from; l < from + before; l++) {
      const id = this.leaves[l]!;
      const slab = this.pool.slabOf(id);
      const base = this.pool.baseOf(id);
      const count = this.pool.countOf(id);
      for (let k = 0; k < count; k++, total++) {
        this.copyHash(id, k, words, total * 8);
        numbers[total] = slab.rest[(base + k) * REST_WORDS + NUMBER_WORD]! + slab.high[base + k]! * HIGH;
      }
    }
    this.resizeDirectory(from, before, after);
    let taken = 0;
    for (let l = 0; l < after; l++) {
      const rest = after - l;
      const count =
        rest === 1
          ? total - taken
          : Math.floor((total - taken) * (rest === 2 && after === 2 ? share : 1 / rest));
      const id = this.leaves[from + l]!;
      const slab = this.pool.slabOf(id);
      const base = this.pool.baseOf(id);
      for (let k = 0; k < count; k++, taken++) {
        slab.first[base + k] = words[taken * 8]!;
        for (let i = 0; i < 7; i++) slab.rest[(base + k) * REST_WORDS + i] = words[taken * 8 + 1 + i]!;
        this.storeNumber(slab, base + k, numbers[taken]!);
      }
      this.pool.setCount(id, count);
      this.firsts[from + l] = slab.first[base]!;
    }
  }

  private resizeDirectory(from: number, before: number, after: number): void {
    const grown = this.leafCount + after - before;
    if (grown > this.leaves.length) {
      const size = Math.ceil(grown * 1.5);
      const leaves = new Uint32Array(size);
      const firsts = new Uint32Array(size);
      leaves.set(this.leaves);
      firsts.set(this.firsts);
      this.leaves = leaves;
      this.firsts = firsts;
    }
    for (let l = from + after; l < from + before; l++) this.pool.release(this.leaves[l]!);
    if (after !== before) {
      this.leaves.copyWithin(from + after, from + before, this.leafCount);
      this.firsts.copyWithin(from + after, from + before, this.leafCount);
    }
    for (let l = from + before; l < from + after; l++) this.leaves[l] = this.pool.allocate();
    this.leafCount = grown;
    if (this.leafAt >= grown) this.leafAt = grown - 1;
  }
}

const hashScratch = new Uint32Array(8);

/** Compares the last seven words of the key at `key` with those of the hash at `words[at]`. */
function compareRest(rest: Uint32Array, key: number, words: Uint32Array, at: number): number {
  const from = key * REST_WORDS;
  for (let i = 0; i < 7; i++) {
    const d = rest[from + i]! - words[at + 1 + i]!;
    if (d !== 0) return d;
  }
  return 0;
}
