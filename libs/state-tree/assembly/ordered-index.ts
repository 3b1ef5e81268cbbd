/**
 * Ordered map of one partition from key hash to entry number: a two-level B*-tree, a sorted directory over leaves. It keeps
 * whole hashes, so neither searches nor next-key links ever read the log and crafted hash prefixes collide with nothing. A
 * full leaf first levels with a neighbour, then splits two into three, so leaves made by inserts stay at least two thirds
 * full: at most 57 bytes per key. Hashes are eight words, the first one most significant.
 */
import {
  CAPACITY,
  COUNTS,
  FIRSTS,
  HIGH_AT,
  INDEX_BYTES,
  KEY_AT,
  LEAF_AT,
  LEAF_COUNT,
  LEAF_KEYS,
  LEAVES,
  NUMBER_AT,
  REST_AT,
  REST_BYTES,
  SHAPE,
  SIZE,
} from "./interface";
import { allocate, releaseDirectory, releaseLeaf, takeDirectory, takeLeaf } from "./memory";

const LEVEL_BELOW: i32 = (LEAF_KEYS * 7) / 8;
const MERGE_BELOW: i32 = LEAF_KEYS / 3;
const MERGED_MOST: i32 = (LEAF_KEYS * 3) / 4;
/** Half of the window about a guessed place; the deviation among 200 uniform keys is at most 7. */
export const GUESS_RADIUS: i32 = 16;

/** Some number has a high part: until then the high half words need not be read. */
let wide: bool = false;
/** Keys of two leaves while they are spread anew: hashes (32 bytes each), then numbers. */
const spreadHashes: usize = allocate(LEAF_KEYS * 2 * 32);
const spreadNumbers: usize = allocate(LEAF_KEYS * 2 * 8);

// @ts-ignore: decorator
@inline
export function leafAt(index: usize, at: i32): usize {
  return <usize>load<u32>(<usize>load<u32>(index, LEAVES) + (<usize>at << 2));
}

// @ts-ignore: decorator
@inline
export function firstAt(index: usize, at: i32): u32 {
  return load<u32>(<usize>load<u32>(index, FIRSTS) + (<usize>at << 2));
}

// @ts-ignore: decorator
@inline
function setFirst(index: usize, at: i32, first: u32): void {
  store<u32>(<usize>load<u32>(index, FIRSTS) + (<usize>at << 2), first);
}

// @ts-ignore: decorator
@inline
export function countAt(index: usize, at: i32): i32 {
  return load<i32>(<usize>load<u32>(index, COUNTS) + (<usize>at << 2));
}

// @ts-ignore: decorator
@inline
function setCount(index: usize, at: i32, count: i32): void {
  store<i32>(<usize>load<u32>(index, COUNTS) + (<usize>at << 2), count);
}

/** Negative, zero or positive as the last seven words of a leaf's key are below, at or above those of a hash. */
export function compareRest(leaf: usize, key: i32, hash: usize): i32 {
  const rest = leaf + REST_AT + <usize>key * REST_BYTES;
  for (let i: usize = 0; i < 28; i += 4) {
    const a = load<u32>(rest + i);
    const b = load<u32>(hash + i, 4);
    if (a != b) return a < b ? -1 : 1;
  }
  return 0;
}

/** Number of the ascending words of an array that are at most `w`; about `guess` of them are expected to be. */
export function countAtMost(words: usize, count: i32, w: u32, guess: i32): i32 {
  let low: i32 = 0;
  let high = count;
  // Invariant: words before `low` are at most `w`, those from `high` on greater.
  const from = guess - GUESS_RADIUS;
  const to = guess + GUESS_RADIUS;
  if (from > 0 && from < count) {
    if (load<u32>(words + (<usize>from << 2)) <= w) low = from + 1;
    else high = from;
  }
  if (to > low && to < high) {
    if (load<u32>(words + (<usize>to << 2)) > w) high = to;
    else low = to + 1;
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (load<u32>(words + (<usize>middle << 2)) <= w) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where `w` would stand among `count` uniform words that begin at `from` and end before `to`. */
// @ts-ignore: decorator
@inline
export function guess(w: u32, from: u32, to: u64, count: i32): i32 {
  const above = w > from ? <u64>(w - from) : 0;
  return <i32>min<u64>((above * <u64>count) / max<u64>(to - <u64>from, 1), <u64>count);
}

/** Where the key with a first word `w` would stand in a leaf, by the bounds that the directory has: a look at the leaf for them would be a miss. */
// @ts-ignore: decorator
@inline
export function guessInLeaf(index: usize, at: i32, w: u32): i32 {
  const to = at + 1 < load<i32>(index, LEAF_COUNT) ? <u64>firstAt(index, at + 1) : 1 << 32;
  return guess(w, firstAt(index, at), to, countAt(index, at));
}

/** Directory position of the leaf that holds what is at or below a hash. */
export function leafOf(index: usize, hash: usize): i32 {
  const w = load<u32>(hash);
  const leafCount = load<i32>(index, LEAF_COUNT);
  const firsts = <usize>load<u32>(index, FIRSTS);
  let at = load<i32>(index, LEAF_AT);
  // Sorted searches stay in a leaf or go to the next one.
  const inside =
    (at == 0 || firstAt(index, at) < w) && (at + 1 >= leafCount || w < load<u32>(firsts + (<usize>at << 2), 4));
  if (!inside) {
    const others = leafCount - 1;
    // Leaves hold about equal shares of uniform hashes, all of one partition.
    const expected =
      others > 2 * GUESS_RADIUS
        ? guess(w, firstAt(index, 1), <u64>firstAt(index, others) + 1, others)
        : others >>> 1;
    at = countAtMost(firsts + 4, others, w, expected);
    // Leaves that begin with the same word: one in 2^32, or crafted.
    while (at > 0 && firstAt(index, at) == w && compareRest(leafAt(index, at), 0, hash) > 0) at--;
    store<i32>(index, at, LEAF_AT);
  }
  return at;
}

/**
 * Moves the cursor to the greatest key at or below a hash; true when it is that key. In a partition with its sentinel (the
 * zero hash) there always is one.
 */
export function seek(index: usize, hash: usize): bool {
  const at = leafOf(index, hash);
  const w = load<u32>(hash);
  const leaf = leafAt(index, at);
  let key = countAtMost(leaf, countAt(index, at), w, guessInLeaf(index, at, w)) - 1;
  // Keys with the same first word that are above the hash: one in 2^32, and with crafted keys no more than a leaf has.
  let order = -1;
  while (key >= 0 && load<u32>(leaf + (<usize>key << 2)) == w) {
    order = compareRest(leaf, key, hash);
    if (order <= 0) break;
    key--;
  }
  store<i32>(index, key, KEY_AT);
  return order == 0;
}

/** Moves the cursor one key back; the caller knows that there is one. */
export function stepBack(index: usize): void {
  const key = load<i32>(index, KEY_AT);
  if (key > 0) {
    store<i32>(index, key - 1, KEY_AT);
    return;
  }
  const at = load<i32>(index, LEAF_AT) - 1;
  store<i32>(index, at, LEAF_AT);
  store<i32>(index, countAt(index, at) - 1, KEY_AT);
}

/** Moves the cursor one key on; the caller knows that there is one. */
export function stepForward(index: usize): void {
  const at = load<i32>(index, LEAF_AT);
  const key = load<i32>(index, KEY_AT) + 1;
  if (key < countAt(index, at)) {
    store<i32>(index, key, KEY_AT);
    return;
  }
  store<i32>(index, at + 1, LEAF_AT);
  store<i32>(index, 0, KEY_AT);
}

export function numberIn(leaf: usize, key: i32): u64 {
  const low = <u64>load<u32>(leaf + <usize>key * REST_BYTES, REST_AT + NUMBER_AT);
  return wide ? low | (<u64>load<u16>(leaf + (<usize>key << 1), HIGH_AT) << 32) : low;
}

export function storeNumber(leaf: usize, key: i32, number: u64): void {
  store<u32>(leaf + <usize>key * REST_BYTES, <u32>number, REST_AT + NUMBER_AT);
  // Half words never written are zero: leaves come zeroed, and what moves takes its own along.
  if (number >> 32 != 0) wide = true;
  if (wide) store<u16>(leaf + (<usize>key << 1), <u16>(number >> 32), HIGH_AT);
}

/** Entry number under the cursor. */
export function number(index: usize): f64 {
  return <f64>numberIn(leafAt(index, load<i32>(index, LEAF_AT)), load<i32>(index, KEY_AT));
}

export function setNumber(index: usize, value: f64): void {
  storeNumber(leafAt(index, load<i32>(index, LEAF_AT)), load<i32>(index, KEY_AT), <u64>value);
}

/** Copies a key's hash to `out`, eight words. */
export function copyHash(leaf: usize, key: i32, out: usize): void {
  const rest = leaf + REST_AT + <usize>key * REST_BYTES;
  store<u32>(out, load<u32>(leaf + (<usize>key << 2)));
  v128.store(out + 4, v128.load(rest));
  v128.store(out + 16, v128.load(rest + 12));
}

/** Copies the hash under the cursor to `out`. */
export function hash(index: usize, out: usize): void {
  copyHash(leafAt(index, load<i32>(index, LEAF_AT)), load<i32>(index, KEY_AT), out);
}

/** Swaps the bytes of each of four words. */
// @ts-ignore: decorator
@inline
export function swapped(words: v128): v128 {
  return i8x16.swizzle(words, i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

/** Writes the hash after a key in byte order, or 32 bytes of 0xff after the last key. */
export function writeNextHash(index: usize, at: i32, key: i32, out: usize): void {
  let next = key + 1;
  let leaf = leafAt(index, at);
  if (next >= countAt(index, at)) {
    if (at + 1 >= load<i32>(index, LEAF_COUNT)) {
      v128.store(out, i8x16.splat(-1));
      v128.store(out + 16, i8x16.splat(-1));
      return;
    }
    leaf = leafAt(index, at + 1);
    next = 0;
  }
  const rest = leaf + REST_AT + <usize>next * REST_BYTES;
  store<u32>(out, bswap<u32>(load<u32>(leaf + (<usize>next << 2))));
  v128.store(out + 4, swapped(v128.load(rest)));
  v128.store(out + 16, swapped(v128.load(rest + 12)));
}

/** `writeNextHash` of the cursor. */
export function nextHash(index: usize, out: usize): void {
  writeNextHash(index, load<i32>(index, LEAF_AT), load<i32>(index, KEY_AT), out);
}

function storeKey(leaf: usize, key: i32, hash: usize, number: u64): void {
  const rest = leaf + REST_AT + <usize>key * REST_BYTES;
  store<u32>(leaf + (<usize>key << 2), load<u32>(hash));
  v128.store(rest, v128.load(hash + 4));
  v128.store(rest + 12, v128.load(hash + 16));
  storeNumber(leaf, key, number);
}

/** Moves keys `from` to `end` of a leaf to where `to` is. */
function moveKeys(leaf: usize, from: i32, to: i32, end: i32): void {
  const count = <usize>(end - from);
  memory.copy(leaf + (<usize>to << 2), leaf + (<usize>from << 2), count << 2);
  const rest = leaf + REST_AT;
  memory.copy(rest + <usize>to * REST_BYTES, rest + <usize>from * REST_BYTES, count * REST_BYTES);
  const high = leaf + HIGH_AT;
  if (wide) memory.copy(high + (<usize>to << 1), high + (<usize>from << 1), count << 1);
}

/** Inserts a hash that `seek` has just missed. The cursor must be sought again afterwards. */
export function insert(index: usize, hash: usize, number: f64): void {
  let at = load<i32>(index, LEAF_AT);
  if (countAt(index, at) == LEAF_KEYS) {
    makeRoom(index);
    seek(index, hash);
    at = load<i32>(index, LEAF_AT);
  }
  const leaf = leafAt(index, at);
  const count = countAt(index, at);
  const to = load<i32>(index, KEY_AT) + 1;
  if (to < count) moveKeys(leaf, to, to + 1, count);
  storeKey(leaf, to, hash, <u64>number);
  setCount(index, at, count + 1);
  if (to == 0) setFirst(index, at, load<u32>(hash));
  store<i32>(index, to, KEY_AT);
  store<u32>(index, load<u32>(index, SIZE) + 1, SIZE);
  store<u32>(index, load<u32>(index, SHAPE) + 1, SHAPE);
}

/** Removes the key under the cursor. The cursor must be sought again afterwards. */
export function remove(index: usize): void {
  const at = load<i32>(index, LEAF_AT);
  const key = load<i32>(index, KEY_AT);
  const leaf = leafAt(index, at);
  const count = countAt(index, at) - 1;
  moveKeys(leaf, key + 1, key, count + 1);
  setCount(index, at, count);
  store<u32>(index, load<u32>(index, SIZE) - 1, SIZE);
  store<u32>(index, load<u32>(index, SHAPE) + 1, SHAPE);
  if (key == 0) setFirst(index, at, load<u32>(leaf));
  if (count < MERGE_BELOW && load<i32>(index, LEAF_COUNT) > 1) {
    const left = at > 0 ? at - 1 : 0;
    const sum = countAt(index, left) + countAt(index, left + 1);
    if (sum <= MERGED_MOST) redistribute(index, left, 2, 1, 50);
    else if (count < LEAF_KEYS / 8) redistribute(index, left, 2, 2, 50);
  }
}

/** Makes room in the full leaf under the cursor. Keys arriving in order leave full leaves behind. */
function makeRoom(index: usize): void {
  const at = load<i32>(index, LEAF_AT);
  const last = load<i32>(index, LEAF_COUNT) - 1;
  if (at == last && load<i32>(index, KEY_AT) == LEAF_KEYS - 1) {
    redistribute(index, at, 1, 2, 90);
    return;
  }
  const right: i32 = at < last ? countAt(index, at + 1) : LEAF_KEYS + 1;
  const left: i32 = at > 0 ? countAt(index, at - 1) : LEAF_KEYS + 1;
  if (min(left, right) > LEAF_KEYS) redistribute(index, at, 1, 2, 50);
  else redistribute(index, right <= left ? at : at - 1, 2, min(left, right) < LEVEL_BELOW ? 2 : 3, 50);
}

/** Spreads the keys of `before` leaves from directory position `from` over `after` leaves; `share` is the first's of two, in percent. */
function redistribute(index: usize, from: i32, before: i32, after: i32, share: i32): void {
  let total: i32 = 0;
  for (let l = from; l < from + before; l++) {
    const leaf = leafAt(index, l);
    const count = countAt(index, l);
    for (let k = 0; k < count; k++, total++) {
      copyHash(leaf, k, spreadHashes + (<usize>total << 5));
      store<u64>(spreadNumbers + (<usize>total << 3), numberIn(leaf, k));
    }
  }
  resizeDirectory(index, from, before, after);
  let taken: i32 = 0;
  for (let l: i32 = 0; l < after; l++) {
    const rest = after - l;
    const left = total - taken;
    const count = rest == 1 ? left : rest == 2 && after == 2 ? (left * share) / 100 : left / rest;
    const leaf = leafAt(index, from + l);
    setFirst(index, from + l, load<u32>(spreadHashes + (<usize>taken << 5)));
    setCount(index, from + l, count);
    for (let k: i32 = 0; k < count; k++, taken++)
      storeKey(leaf, k, spreadHashes + (<usize>taken << 5), load<u64>(spreadNumbers + (<usize>taken << 3)));
  }
}

function resizeDirectory(index: usize, from: i32, before: i32, after: i32): void {
  const leafCount = load<i32>(index, LEAF_COUNT);
  const grown = leafCount + after - before;
  if (grown > load<i32>(index, CAPACITY)) growDirectory(index, leafCount);
  for (let l = from + after; l < from + before; l++) releaseLeaf(leafAt(index, l));
  if (after != before) {
    const bytes = <usize>(leafCount - from - before) << 2;
    moveColumn(<usize>load<u32>(index, LEAVES), from + before, from + after, bytes);
    moveColumn(<usize>load<u32>(index, FIRSTS), from + before, from + after, bytes);
    moveColumn(<usize>load<u32>(index, COUNTS), from + before, from + after, bytes);
  }
  for (let l = from + before; l < from + after; l++)
    store<u32>(<usize>load<u32>(index, LEAVES) + (<usize>l << 2), <u32>takeLeaf());
  store<i32>(index, grown, LEAF_COUNT);
  if (load<i32>(index, LEAF_AT) >= grown) store<i32>(index, grown - 1, LEAF_AT);
}

function moveColumn(column: usize, from: i32, to: i32, bytes: usize): void {
  memory.copy(column + (<usize>to << 2), column + (<usize>from << 2), bytes);
}

/** Doubles the directory: a power of two for each of its columns. */
function growDirectory(index: usize, leafCount: i32): void {
  const capacity = load<i32>(index, CAPACITY);
  const shift = 2 + <u32>ctz(capacity);
  for (let column: usize = LEAVES; column <= <usize>COUNTS; column += 4) {
    const old = <usize>load<u32>(index + column);
    const grown = takeDirectory(shift + 1);
    memory.copy(grown, old, <usize>leafCount << 2);
    store<u32>(index + column, <u32>grown);
    releaseDirectory(old, shift);
  }
  store<i32>(index, capacity << 1, CAPACITY);
}

/** Smallest directory: one cache line for each of its columns. */
const FIRST_SHIFT: u32 = 6;

export function createIndex(): usize {
  const index = allocate(INDEX_BYTES);
  store<i32>(index, 1 << (FIRST_SHIFT - 2), CAPACITY);
  for (let column: usize = LEAVES; column <= <usize>COUNTS; column += 4)
    store<u32>(index + column, <u32>takeDirectory(FIRST_SHIFT));
  store<u32>(<usize>load<u32>(index, LEAVES), <u32>takeLeaf());
  setFirst(index, 0, 0);
  setCount(index, 0, 0);
  store<i32>(index, 1, LEAF_COUNT);
  store<i32>(index, -1, KEY_AT);
  return index;
}
