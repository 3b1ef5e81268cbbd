/**
 * Ordered map of one partition from key hash to entry number: a two-level B*-tree, a sorted directory over leaves of
 * the shared pool. It keeps whole hashes (32 + 6 bytes per key), so neither lookups nor next-key links ever read the
 * log and crafted hash prefixes collide with nothing. A full leaf first levels with a neighbour, then splits two into
 * three, so leaves made by inserts stay at least two thirds full: at most 57 bytes per key.
 *
 * The index is also a cursor: `seek` moves it, and starts from where it stands, so sorted access is cheap.
 */
import { writeHashBytes } from "./hash-words.ts";
import { HIGH, LEAF_KEYS, type LeafPool, NUMBER_WORD, REST, REST_WORDS } from "./leaf-pool.ts";

const TWO_32 = 2 ** 32;
const LEVEL_BELOW = (LEAF_KEYS * 7) / 8;
const MERGE_BELOW = LEAF_KEYS / 3;
/** Half of the window around a guessed place; the deviation among 200 uniform keys is at most 7. */
export const GUESS_RADIUS = 10;
const MERGED_MOST = (LEAF_KEYS * 3) / 4;

/** Places of some hashes on the way through the steps of a search. */
export interface Places {
  /** Directory position and number of the leaf. */
  readonly leaves: Int32Array;
  readonly ids: Int32Array;
  /** Key in the leaf. */
  readonly keys: Int32Array;
  /** Word of the leaf's piece that the next step looks at. */
  readonly near: Int32Array;
}

export class OrderedIndex {
  readonly pool: LeafPool;
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
    const leafAt = this.leafOf(words, at);
    const id = this.leaves[leafAt]!;
    const leaf = pool.wordsOf(id);
    const base = pool.baseOf(id);
    const w = words[at]!;
    let key = this.lastAtMost(leafAt, w);
    // Keys with the same first word that are above the hash: one in 2^32, and with crafted keys no more than a leaf has.
    while (key >= 0 && leaf[base + key] === w && compareRest(leaf, base, key, words, at) > 0) key--;
    this.keyAt = key;
    return key >= 0 && leaf[base + key] === w && compareRest(leaf, base, key, words, at) === 0;
  }

  /** Directory position of the leaf that holds what is at or below a hash. The cursor moves to that leaf. */
  private leafOf(words: Uint32Array, at: number): number {
    if (this.leafCovers(this.leafAt, words, at)) return this.leafAt;
    if (this.leafAt + 1 < this.leafCount && this.leafCovers(this.leafAt + 1, words, at)) this.leafAt++;
    else this.leafAt = this.searchDirectory(words, at);
    return this.leafAt;
  }

  /** Last key of a leaf with a first word of at most `w`, -1 when there is none. */
  private lastAtMost(leafAt: number, w: number): number {
    const { pool } = this;
    const id = this.leaves[leafAt]!;
    const leaf = pool.wordsOf(id);
    const base = pool.baseOf(id);
    const count = pool.countOf(id);
    let low = base;
    let high = base + count;
    // Hashes are uniform, so the place can be guessed; a wrong guess costs two looks.
    if (count > 4 * GUESS_RADIUS) {
      const guess = base + this.guessIn(leafAt, leaf, base, count, w);
      const from = guess - GUESS_RADIUS;
      const to = guess + GUESS_RADIUS;
      if (from > low) {
        if (leaf[from]! <= w) low = from + 1;
        else high = from;
      }
      if (to > low && to < high) {
        if (leaf[to]! > w) high = to;
        else low = to + 1;
      }
    }
    // Invariant: keys before `low` have a first word of at most `w`, keys from `high` on a greater one.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (leaf[middle]! <= w) low = middle + 1;
      else high = middle;
    }
    return low - 1 - base;
  }

  /** Where a first word would stand among the `count` keys of a leaf, by the bounds that the directory has: a look at the leaf for them would be a miss. */
  private guessIn(leafAt: number, leaf: Uint32Array, base: number, count: number, w: number): number {
    const { firsts } = this;
    const from = firsts[leafAt]!;
    // Only the last leaf has to be asked how far it reaches.
    const to = leafAt + 1 < this.leafCount ? firsts[leafAt + 1]! : leaf[base + count - 1]! + 1;
    const guess = Math.floor(((w - from) / (to - from)) * count);
    return guess < 0 ? 0 : guess < count ? guess : count - 1;
  }

  /**
   * First step of what `LookUps` does for many hashes together, where `seek` would wait for every cache miss by itself: notes
   * in `out` the leaf of the hash and where in it the key may stand. The leaf is not looked at.
   */
  approach(words: Uint32Array, at: number, out: Places, n: number): void {
    const { pool } = this;
    const leafAt = this.leafOf(words, at);
    const id = this.leaves[leafAt]!;
    const base = pool.baseOf(id);
    const count = pool.countOf(id);
    out.leaves[n] = leafAt;
    out.ids[n] = id;
    out.near[n] = base + (count === 0 ? 0 : this.guessIn(leafAt, pool.wordsOf(id), base, count, words[at]!));
  }

  /** Second step, when the first words about there are in the cache: notes the last key with a first word of at most the hash's, -1 before the first. */
  place(words: Uint32Array, at: number, out: Places, n: number): void {
    const key = this.lastAtMost(out.leaves[n]!, words[at]!);
    out.keys[n] = key;
    out.near[n] = this.pool.baseOf(out.ids[n]!) + REST + Math.max(0, key) * REST_WORDS;
  }

  /** Third step, when the rest of that key is in the cache too: what `seek` does. */
  settle(words: Uint32Array, at: number, places: Places, n: number): boolean {
    const keyAt = places.keys[n]!;
    this.leafAt = places.leaves[n]!;
    this.keyAt = keyAt;
    if (keyAt < 0) return false;
    const id = places.ids[n]!;
    const leaf = this.pool.wordsOf(id);
    const base = this.pool.baseOf(id);
    if (leaf[base + keyAt] !== words[at]) return false;
    const order = compareRest(leaf, base, keyAt, words, at);
    // Above the hash, with the same first word: rare enough to begin again.
    return order > 0 ? this.seek(words, at) : order === 0;
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
    return this.numberIn(this.leaves[this.leafAt]!, this.keyAt);
  }

  setNumber(number: number): void {
    this.storeNumber(this.leaves[this.leafAt]!, this.keyAt, number);
  }

  private numberIn(id: number, key: number): number {
    const { pool } = this;
    const base = pool.baseOf(id);
    const low = pool.wordsOf(id)[base + REST + key * REST_WORDS + NUMBER_WORD]!;
    return pool.wide ? low + pool.halvesOf(id)[2 * (base + HIGH) + key]! * TWO_32 : low;
  }

  private storeNumber(id: number, key: number, number: number): void {
    const { pool } = this;
    const base = pool.baseOf(id);
    pool.wordsOf(id)[base + REST + key * REST_WORDS + NUMBER_WORD] = number;
    if (number >= TWO_32) pool.wide = true;
    if (pool.wide) pool.halvesOf(id)[2 * (base + HIGH) + key] = number / TWO_32;
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
    const count = this.pool.countOf(id);
    const to = this.keyAt + 1;
    if (to < count) this.move(id, to, to + 1, count);
    this.store(id, to, words, at, number);
    this.pool.setCount(id, count + 1);
    if (to === 0) this.firsts[this.leafAt] = words[at]!;
    this.keyAt++;
    this.size++;
  }

  /** Moves keys `from` to `end` of a leaf to where `to` is. */
  private move(id: number, from: number, to: number, end: number): void {
    const { pool } = this;
    const leaf = pool.wordsOf(id);
    const base = pool.baseOf(id);
    leaf.copyWithin(base + to, base + from, base + end);
    const rest = base + REST;
    leaf.copyWithin(rest + to * REST_WORDS, rest + from * REST_WORDS, rest + end * REST_WORDS);
    const high = 2 * (base + HIGH);
    if (pool.wide) pool.halvesOf(id).copyWithin(high + to, high + from, high + end);
  }

  private store(id: number, key: number, words: Uint32Array, at: number, number: number): void {
    const leaf = this.pool.wordsOf(id);
    const base = this.pool.baseOf(id);
    leaf[base + key] = words[at]!;
    const rest = base + REST + key * REST_WORDS;
    for (let i = 0; i < 7; i++) leaf[rest + i] = words[at + 1 + i]!;
    this.storeNumber(id, key, number);
  }

  /** Removes the key under the cursor. The cursor must be sought again afterwards. */
  remove(): void {
    const id = this.leaves[this.leafAt]!;
    const count = this.pool.countOf(id) - 1;
    this.move(id, this.keyAt + 1, this.keyAt, count + 1);
    this.pool.setCount(id, count);
    this.size--;
    if (this.keyAt === 0) this.firsts[this.leafAt] = this.pool.wordsOf(id)[this.pool.baseOf(id)]!;
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
    const leaf = this.pool.wordsOf(id);
    const base = this.pool.baseOf(id);
    out[at] = leaf[base + key]!;
    const rest = base + REST + key * REST_WORDS;
    for (let i = 0; i < 7; i++) out[at + 1 + i] = leaf[rest + i]!;
  }

  private startsAtOrBelow(leaf: number, words: Uint32Array, at: number): boolean {
    const f = this.firsts[leaf]!;
    const w = words[at]!;
    if (f !== w) return f < w;
    const id = this.leaves[leaf]!;
    return compareRest(this.pool.wordsOf(id), this.pool.baseOf(id), 0, words, at) <= 0;
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
      const count = this.pool.countOf(id);
      for (let k = 0; k < count; k++, total++) {
        this.copyHash(id, k, words, total * 8);
        numbers[total] = this.numberIn(id, k);
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
      this.firsts[from + l] = words[taken * 8]!;
      for (let k = 0; k < count; k++, taken++) this.store(id, k, words, taken * 8, numbers[taken]!);
      this.pool.setCount(id, count);
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

/** Compares the last seven words of a leaf's key with those of the hash at `words[at]`. */
function compareRest(leaf: Uint32Array, base: number, key: number, words: Uint32Array, at: number): number {
  const from = base + REST + key * REST_WORDS;
  for (let i = 0; i < 7; i++) {
    const d = leaf[from + i]! - words[at + 1 + i]!;
    if (d !== 0) return d;
  }
  return 0;
}
