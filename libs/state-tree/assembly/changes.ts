/** What a block does to one partition: brings its index up to date and makes the entries. */
import {
  BLOCK_BYTES,
  CHANGE_DELETE,
  CHANGE_INSERT,
  CHANGE_NONE,
  CHANGE_UPDATE,
  ENTRY_BYTES,
  ENTRY_HEIGHT,
  ENTRY_NEXT,
  ENTRY_VALUE,
  KEY_AT,
  LEAF_AT,
} from "./interface";
import { findAll, keep, TOGETHER, touchNext } from "./look-ups";
import { allocate } from "./memory";
import {
  copyHash,
  insert,
  leafAt,
  numberIn,
  remove,
  seek,
  stepBack,
  stepForward,
  storeNumber,
  swapped,
  writeNextHash,
} from "./ordered-index";

/** The changes of a block, by their number: blocks of padded keys, hashes, values; then what is known of each. */
let blocks: usize = 0;
let hashes: usize = 0;
let values: usize = 0;
let numbers: usize = 0;
let places: usize = 0;
let kinds: usize = 0;
/** Hash of the entry emitted last, and of the key under the cursor. */
const last: usize = allocate(64);
const here: usize = allocate(64);

export function setChanges(
  blocksAt: usize,
  hashesAt: usize,
  valuesAt: usize,
  numbersAt: usize,
  placesAt: usize,
  kindsAt: usize,
): void {
  blocks = blocksAt;
  hashes = hashesAt;
  values = valuesAt;
  numbers = numbersAt;
  places = placesAt;
  kinds = kindsAt;
}

/** Turns hashes as SHA-256 gives them into words, in place. */
export function swapHashes(at: usize, count: u32): void {
  const end = at + (<usize>count << 5);
  for (let word = at; word < end; word += 16) v128.store(word, swapped(v128.load(word)));
}

// @ts-ignore: decorator
@inline
function changeAt(order: usize, i: u32): usize {
  return <usize>load<u32>(order + (<usize>i << 2));
}

/**
 * First pass: brings the index to the block's final set of keys and says in `kinds` what each of `count` changes is. The
 * numbers of entries before the block stay in `numbers`. True when keys were inserted or removed: places found before are
 * wrong then.
 */
export function updateIndex(index: usize, order: usize, count: u32): bool {
  let reshaped = false;
  for (let i: u32 = 0; i < count; i++) {
    const o = changeAt(order, i);
    const value = values + (o << 5);
    const isSet = v128.any_true(v128.or(v128.load(value), v128.load(value + 16)));
    const exists = load<f64>(numbers + (o << 3)) >= 0;
    let kind: u32 = CHANGE_NONE;
    if (isSet) kind = exists ? CHANGE_UPDATE : CHANGE_INSERT;
    else if (exists) kind = CHANGE_DELETE;
    store<u8>(kinds + o, <u8>kind);
    if (kind == CHANGE_NONE || kind == CHANGE_UPDATE) continue;
    const hash = hashes + (o << 5);
    seek(index, hash);
    if (kind == CHANGE_INSERT) insert(index, hash, 0);
    else remove(index);
    reshaped = true;
  }
  return reshaped;
}

/**
 * Second pass: makes entries in order of key at `out`, each once: of changed keys, and of keys whose successor changed. A
 * predecessor sorts after whatever was emitted for an earlier change, or is the entry emitted last. Numbers go up from
 * `first`; `replaced` (f64) gets the number that each entry replaces, -1 for none. Of a predecessor only the next-key hash is
 * written: the host copies the rest from entry `replaced`. Those in question stand in `copies` (u32) behind their count.
 * Returns how many entries there are.
 */
export function emitEntries(
  index: usize,
  order: usize,
  count: u32,
  reshaped: bool,
  height: f64,
  first: f64,
  out: usize,
  replaced: usize,
  copies: usize,
): u32 {
  let entries: usize = 0;
  let copied: u32 = 0;
  const base = <u64>first;
  for (let start: u32 = 0; start < count; start += TOGETHER) {
    const group = order + (<usize>start << 2);
    const some = min(count - start, TOGETHER);
    // The keys are what they will be: places hold. Numbers of inserted keys are 0, and nobody asks for them.
    if (reshaped) findAll(hashes, group, 0, some, numbers, places);
    touchNext(index, group, some, places);
    touchChanges(group, some);
    for (let i: u32 = 0; i < some; i++) {
      const o = changeAt(group, i);
      const kind = <u32>load<u8>(kinds + o);
      if (kind == CHANGE_NONE) continue;
      const place = places + (o << 3);
      let at = load<i32>(place);
      let key = load<i32>(place, 4);
      if (kind != CHANGE_UPDATE) {
        store<i32>(index, at, LEAF_AT);
        store<i32>(index, key, KEY_AT);
        if (kind == CHANGE_INSERT) stepBack(index);
        const before = load<i32>(index, LEAF_AT);
        const leaf = leafAt(index, before);
        const beforeKey = load<i32>(index, KEY_AT);
        copyHash(leaf, beforeKey, here);
        if (entries == 0 || !sameHash(here, last)) {
          store<f64>(replaced + (entries << 3), <f64>numberIn(leaf, beforeKey));
          writeNextHash(index, before, beforeKey, out + entries * ENTRY_BYTES + ENTRY_NEXT);
          storeNumber(leaf, beforeKey, base + entries);
          copied++;
          store<u32>(copies + (<usize>copied << 2), <u32>entries);
          entries++;
          v128.store(last, v128.load(here));
          v128.store(last + 16, v128.load(here + 16));
        }
        if (kind == CHANGE_DELETE) continue;
        stepForward(index);
        at = load<i32>(index, LEAF_AT);
        key = load<i32>(index, KEY_AT);
      }
      const leaf = leafAt(index, at);
      store<f64>(replaced + (entries << 3), kind == CHANGE_UPDATE ? <f64>numberIn(leaf, key) : -1);
      writeEntry(out + entries * ENTRY_BYTES, o, height);
      writeNextHash(index, at, key, out + entries * ENTRY_BYTES + ENTRY_NEXT);
      storeNumber(leaf, key, base + entries);
      entries++;
      const hash = hashes + (o << 5);
      v128.store(last, v128.load(hash));
      v128.store(last + 16, v128.load(hash + 16));
    }
  }
  store<u32>(copies, copied);
  return <u32>entries;
}

function sameHash(a: usize, b: usize): bool {
  const low = v128.xor(v128.load(a), v128.load(b));
  const high = v128.xor(v128.load(a + 16), v128.load(b + 16));
  return !v128.any_true(v128.or(low, high));
}

/** Everything but the next-key hash, which goes over the last 8 bytes of the key's block. */
function writeEntry(entry: usize, o: usize, height: f64): void {
  const key = blocks + o * BLOCK_BYTES;
  const value = values + (o << 5);
  v128.store(entry, v128.load(key));
  v128.store(entry + 16, v128.load(key + 16));
  v128.store(entry + 32, v128.load(key + 32));
  store<u64>(entry + 48, load<u64>(key + 48));
  v128.store(entry + ENTRY_VALUE, v128.load(value));
  v128.store(entry + ENTRY_VALUE + 16, v128.load(value + 16));
  store<u64>(entry + ENTRY_HEIGHT, <u64>height);
}

/** Loads keys, hashes and values of changes, which lie in another order: only loads alone are waited for together. */
function touchChanges(order: usize, count: u32): void {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const o = changeAt(order, i);
    touched ^=
      load<u32>(blocks + o * BLOCK_BYTES) ^ load<u32>(hashes + (o << 5)) ^ load<u32>(values + (o << 5));
  }
  keep(touched);
}
