// Receipts as they go into the receipts trie (EIP-2718), written one by one where the trie hashes them: all of a block's
// would be as large as its record. Their blooms (Yellow Paper 4.3.1) take 3 bits per address and topic from its keccak.
// Frequent keys' bits are kept in a table of one place per key, where a newer one replaces; others are hashed in pairs.
import { keccak, keccakPair } from "./keccak";

const BLOOM_BYTES: u32 = 256;
/** Table of keys: 8,192 entries of key (at most 32 bytes) | size u32 | 3 places of bits u16, padded to 48 bytes. */
const PLACES: u32 = 8192;
const ENTRY: usize = 48;
const SIZE_AT: usize = 32;
const BITS_AT: usize = 36;

let table: usize = 0;
let types: usize = 0;
let statuses: usize = 0;
let gas: usize = 0;
let ends: usize = 0;
let logs: usize = 0;
let blockBloom: usize = 0;
/** Some logs were not an RLP list of logs: the root means nothing. */
let isMalformed: bool = false;

/** A key that waits for another one to be hashed with. 0: none. */
let waitingKey: usize = 0;
let waitingSize: usize = 0;
let waitingEntry: usize = 0;
const DIGESTS = memory.data(64, 16);

export function keyTableBytes(): usize {
  return <usize>PLACES * ENTRY;
}

/** What the receipts are made of: see `receiptsRoot`. */
export function setReceipts(
  tableAt: usize,
  typesAt: usize,
  statusesAt: usize,
  gasAt: usize,
  endsAt: usize,
  logsAt: usize,
  bloomAt: usize,
): void {
  table = tableAt;
  types = typesAt;
  statuses = statusesAt;
  gas = gasAt;
  ends = endsAt;
  logs = logsAt;
  blockBloom = bloomAt;
  memory.fill(bloomAt, 0, BLOOM_BYTES);
  isMalformed = false;
  waitingKey = 0;
}

export function receiptsAreWellFormed(): bool {
  return !isMalformed;
}

@inline
function logsFrom(index: u32): u32 {
  return index == 0 ? 0 : load<u32>(ends + (<usize>(index - 1) << 2));
}

@inline
function integerBytes(value: u64): u32 {
  return value < 0x80 ? 1 : 1 + ((71 - <u32>clz(value)) >> 3);
}

@inline
function payloadBytes(index: u32): u32 {
  const logSize = load<u32>(ends + (<usize>index << 2)) - logsFrom(index);
  return 1 + integerBytes(<u64>load<f64>(gas + (<usize>index << 3))) + 3 + BLOOM_BYTES + max<u32>(logSize, 1);
}

/** Bytes of a receipt. A payload has more than 255 bytes, since its bloom has 256. */
export function receiptBytes(index: u32): u32 {
  const payload = payloadBytes(index);
  const typed: u32 = load<u8>(types + index) < 0xc0 ? 1 : 0;
  return typed + payload + (payload < 0x10000 ? 3 : payload < 0x1000000 ? 4 : 5);
}

/** Writes a receipt, as many bytes as `receiptBytes` says. */
export function putReceipt(to: usize, index: u32): void {
  let at = to;
  const type = load<u8>(types + index);
  if (type < 0xc0) store<u8>(at++, type);
  const payload = payloadBytes(index);
  const width: u32 = payload < 0x10000 ? 2 : payload < 0x1000000 ? 3 : 4;
  store<u8>(at++, 0xf7 + width);
  for (let i = width; i > 0; i--) store<u8>(at++, <u8>(payload >> ((i - 1) << 3)));
  store<u8>(at++, load<u8>(statuses + index) == 1 ? 1 : 0x80);
  const used = <u64>load<f64>(gas + (<usize>index << 3));
  const size = integerBytes(used);
  if (size == 1) store<u8>(at++, used == 0 ? 0x80 : <u8>used);
  else {
    store<u8>(at++, 0x80 + size - 1);
    for (let i = size - 1; i > 0; i--) store<u8>(at++, <u8>(used >> (<u64>((i - 1) << 3))));
  }
  store<u8>(at, 0xb9);
  store<u8>(at, 1, 1);
  store<u8>(at, 0, 2);
  at += 3;
  memory.fill(at, 0, BLOOM_BYTES);
  const from = logsFrom(index);
  const logSize = load<u32>(ends + (<usize>index << 2)) - from;
  if (logSize == 0) {
    store<u8>(at + BLOOM_BYTES, 0xc0);
    return;
  }
  memory.copy(at + BLOOM_BYTES, logs + from, logSize);
  if (!addLogs(logs + from, logSize, at)) isMalformed = true;
  if (waitingKey != 0) {
    keccak(waitingKey, waitingSize, DIGESTS);
    learn(waitingEntry, waitingKey, waitingSize, DIGESTS, at);
    waitingKey = 0;
  }
}

let listEnd: usize = 0;
/** Start of the payload of the list at `at`; its end is left in listEnd. 0: there is no list, or it reaches past `end`. */
function openList(at: usize, end: usize): usize {
  if (at >= end) return 0;
  const first = <usize>load<u8>(at);
  if (first < 0xc0) return 0;
  let start = at + 1;
  let size = first - 0xc0;
  if (first >= 0xf8) {
    const width = first - 0xf7;
    if (width > 4 || at + 1 + width > end) return 0;
    size = 0;
    for (; start < at + 1 + width; start++) size = (size << 8) | <usize>load<u8>(start);
  }
  if (size > end - start) return 0;
  listEnd = start + size;
  return start;
}

/** Sets the bits of every address and topic; false when this is no list of logs. What the logs say does not matter. */
function addLogs(from: usize, size: usize, bloom: usize): bool {
  const end = from + size;
  let p = openList(from, end);
  if (p == 0 || listEnd != end) return false;
  while (p < end) {
    p = openList(p, end);
    if (p == 0) return false;
    const logEnd = listEnd;
    if (p + 21 > logEnd || load<u8>(p) != 0x80 + 20) return false;
    addKey(p + 1, 20, bloom);
    p = openList(p + 21, logEnd);
    if (p == 0) return false;
    const topicsEnd = listEnd;
    for (; p < topicsEnd; p += 33) {
      if (p + 33 > topicsEnd || load<u8>(p) != 0x80 + 32) return false;
      addKey(p + 1, 32, bloom);
    }
    p = logEnd;
  }
  return true;
}

/** By first and last bytes: an address in a topic stands at its end. Keys have 20 or 32 bytes. */
@inline
function entryOf(key: usize, size: usize): usize {
  let mix = (<u32>size ^ load<u32>(key)) * 0x9e3779b1;
  mix = (mix ^ (mix >> 15) ^ load<u32>(key + size - 8)) * 0x85ebca6b;
  mix = (mix ^ (mix >> 13) ^ load<u32>(key + size - 4)) * 0x9e3779b1;
  return table + <usize>((mix >> 16) & (PLACES - 1)) * ENTRY;
}

@inline
function holds(entry: usize, key: usize, size: usize): bool {
  if (<usize>load<u32>(entry + SIZE_AT) != size) return false;
  const tail = size - 8;
  return (
    load<u64>(entry) == load<u64>(key) &&
    load<u64>(entry, 8) == load<u64>(key, 8) &&
    load<u64>(entry + tail - 8) == load<u64>(key + tail - 8) &&
    load<u64>(entry + tail) == load<u64>(key + tail)
  );
}

function addKey(key: usize, size: usize, bloom: usize): void {
  const entry = entryOf(key, size);
  if (holds(entry, key, size)) setBits(entry, bloom);
  else if (waitingKey == 0) {
    waitingKey = key;
    waitingSize = size;
    waitingEntry = entry;
  } else {
    keccakPair(waitingKey, waitingSize, DIGESTS, key, size, DIGESTS + 32);
    learn(waitingEntry, waitingKey, waitingSize, DIGESTS, bloom);
    learn(entry, key, size, DIGESTS + 32, bloom);
    waitingKey = 0;
  }
}

function learn(entry: usize, key: usize, size: usize, digest: usize, bloom: usize): void {
  memory.copy(entry, key, size);
  store<u32>(entry + SIZE_AT, <u32>size);
  for (let k: usize = 0; k < 6; k += 2)
    store<u16>(entry + BITS_AT + k, <u16>(bswap<u16>(load<u16>(digest + k)) & 2047));
  setBits(entry, bloom);
}

@inline
function setBits(entry: usize, bloom: usize): void {
  for (let k: usize = 0; k < 6; k += 2) {
    const position = <u32>load<u16>(entry + BITS_AT + k);
    const byte = <usize>(BLOOM_BYTES - 1 - (position >> 3));
    const bit = <u8>(<u32>1 << (position & 7));
    store<u8>(bloom + byte, load<u8>(bloom + byte) | bit);
    store<u8>(blockBloom + byte, load<u8>(blockBloom + byte) | bit);
  }
}
