/**
 * Places of many hashes in their indexes, found together. A search is a chain of cache misses between branches that nobody
 * can foretell; a core that has guessed wrong does not get to the next search's misses. So the searches go step by step, and
 * between the steps a loop of nothing but loads fetches what the next one looks at: a dozen misses are waited for at once.
 */
import { KEY_AT, LEAF_AT, LEAF_KEYS, REST_AT, REST_BYTES } from "./interface";
import { allocate } from "./memory";
import {
  compareRest,
  countAt,
  countAtMost,
  GUESS_RADIUS,
  guessInLeaf,
  leafAt,
  leafOf,
  numberIn,
  seek,
} from "./ordered-index";

/** Searches under way at once: what they load, four lines each, stays in a first-level cache until it is used. */
export const TOGETHER: u32 = 64;

const indexes: usize = allocate(TOGETHER * 4);
const leaves: usize = allocate(TOGETHER * 4);
/** Expected places, later those found. */
const keys: usize = allocate(TOGETHER * 4);
const sink: usize = allocate(64);
/** The index of each partition, by the first byte of a hash. */
export const indexOfByte: usize = allocate(256 * 4);

/** Keeps loads from being left out. */
// @ts-ignore: decorator
@inline
export function keep(touched: u32): void {
  store<u32>(sink, touched);
}

/**
 * Finds hashes `from` to `to` (those that `order` names, where there is one). Of each it writes the entry's number (f64, -1
 * when there is no such key), and its place: directory position and key (two i32), which hold as long as its index has the
 * same shape.
 */
export function findAll(
  hashes: usize,
  order: usize,
  from: u32,
  to: u32,
  numbers: usize,
  places: usize,
): void {
  for (let start = from; start < to; start += TOGETHER) {
    const count = min(to - start, TOGETHER);
    // Leaves, and where in them the keys may stand; the leaves are not looked at.
    for (let i: u32 = 0; i < count; i++) {
      const o = order != 0 ? load<u32>(order + (<usize>(start + i) << 2)) : start + i;
      const hash = hashes + (<usize>o << 5);
      const w = load<u32>(hash);
      const index = <usize>load<u32>(indexOfByte + (<usize>(w >>> 24) << 2));
      const at = leafOf(index, hash);
      const slot = <usize>i << 2;
      store<u32>(indexes + slot, <u32>index);
      store<i32>(leaves + slot, at);
      store<i32>(keys + slot, guessInLeaf(index, at, w));
    }
    touchWindows(count);
    for (let i: u32 = 0; i < count; i++) {
      const o = order != 0 ? load<u32>(order + (<usize>(start + i) << 2)) : start + i;
      const slot = <usize>i << 2;
      const index = <usize>load<u32>(indexes + slot);
      const at = load<i32>(leaves + slot);
      const w = load<u32>(hashes + (<usize>o << 5));
      const key = countAtMost(leafAt(index, at), countAt(index, at), w, load<i32>(keys + slot)) - 1;
      store<i32>(keys + slot, key);
    }
    touchRests(count);
    for (let i: u32 = 0; i < count; i++) {
      const o = order != 0 ? load<u32>(order + (<usize>(start + i) << 2)) : start + i;
      const slot = <usize>i << 2;
      settle(
        <usize>load<u32>(indexes + slot),
        load<i32>(leaves + slot),
        load<i32>(keys + slot),
        hashes + (<usize>o << 5),
        numbers + (<usize>o << 3),
        places + (<usize>o << 3),
      );
    }
  }
}

function settle(index: usize, at: i32, found: i32, hash: usize, number: usize, place: usize): void {
  let key = found;
  let exact = false;
  let position = at;
  const leaf = leafAt(index, at);
  if (key >= 0 && load<u32>(leaf + (<usize>key << 2)) == load<u32>(hash)) {
    const order = compareRest(leaf, key, hash);
    exact = order == 0;
    // Above the hash, with the same first word: rare enough to begin again.
    if (order > 0) {
      exact = seek(index, hash);
      position = load<i32>(index, LEAF_AT);
      key = load<i32>(index, KEY_AT);
    }
  }
  store<f64>(number, exact ? <f64>numberIn(leafAt(index, position), key) : -1);
  store<i32>(place, position);
  store<i32>(place, key, 4);
}

/** Both ends of the windows about the expected places. */
function touchWindows(count: u32): void {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const slot = <usize>i << 2;
    const leaf = leafAt(<usize>load<u32>(indexes + slot), load<i32>(leaves + slot));
    const key = load<i32>(keys + slot);
    touched ^= load<u32>(leaf + (<usize>max(key - GUESS_RADIUS, 0) << 2)) ^ load<u32>(leaf + (<usize>min(key + GUESS_RADIUS, LEAF_KEYS - 1) << 2));
  }
  keep(touched);
}

/** The rest of the keys found, and of those after them, which every other time stand in the same line. */
function touchRests(count: u32): void {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const slot = <usize>i << 2;
    const leaf = leafAt(<usize>load<u32>(indexes + slot), load<i32>(leaves + slot));
    touched ^= load<u32>(leaf + <usize>max(load<i32>(keys + slot), 0) * REST_BYTES, REST_AT);
  }
  keep(touched);
}

/** Loads what entries are made of: rest and first word of the key after each place. `order` names `count` hashes. */
export function touchNext(index: usize, order: usize, count: u32, places: usize): void {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const place = places + (<usize>load<u32>(order + (<usize>i << 2)) << 3);
    const leaf = leafAt(index, load<i32>(place));
    const next = <usize>min(load<i32>(place, 4) + 1, LEAF_KEYS - 1);
    touched ^= load<u32>(leaf + (next << 2)) ^ load<u32>(leaf + next * REST_BYTES, REST_AT);
  }
  keep(touched);
}
