// What an execution waits for: a slot by its 56-byte key, or a code by the first 28 bytes of its hash.
import { MISS } from "./bounds";
import { MISS_CODE, MISS_KEY, MISS_KIND, MISS_SLOT } from "./layout";

/** Record that the answer belongs to, and which of its fields: a domain, or 3 for a slot record. */
export let missRecord: usize = 0;
export let missDomain: u32 = 0;

export function setMiss(record: usize, domain: u32): void {
  missRecord = record;
  missDomain = domain;
}

/** 20 bytes, big-endian, of the address that starts a record. */
export function putAddress(record: usize, to: usize): void {
  store<u32>(to, bswap<u32>(load<u32>(record, 16)));
  store<u64>(to, bswap<u64>(load<u64>(record, 8)), 4);
  store<u64>(to, bswap<u64>(load<u64>(record)), 12);
}

function begin(domain: u32): usize {
  store<u32>(MISS, MISS_SLOT, MISS_KIND);
  const key = MISS + MISS_KEY;
  memory.fill(key, 0, 56);
  store<u8>(key, domain);
  missDomain = domain;
  return key;
}

/** Balance (0), nonce (1) or code word (2) of an account. Returns false, for callers to pass on. */
export function missField(record: usize, domain: u32): bool {
  const key = begin(domain);
  putAddress(record, key + 1);
  missRecord = record;
  return false;
}

/** Writes the key of a storage slot. */
export function putSlotKey(account: usize, incarnation: u32, word: usize, to: usize): void {
  store<u8>(to, 3);
  putAddress(account, to + 1);
  store<u8>(to, incarnation >> 16, 21);
  store<u8>(to, incarnation >> 8, 22);
  store<u8>(to, incarnation, 23);
  store<u64>(to, bswap<u64>(load<u64>(word, 24)), 24);
  store<u64>(to, bswap<u64>(load<u64>(word, 16)), 32);
  store<u64>(to, bswap<u64>(load<u64>(word, 8)), 40);
  store<u64>(to, bswap<u64>(load<u64>(word)), 48);
}

export function missSlot(record: usize, account: usize, incarnation: u32, word: usize): bool {
  const key = begin(3);
  putSlotKey(account, incarnation, word, key);
  missRecord = record;
  return false;
}

export function missBlockHash(record: usize, number: u64): bool {
  const key = begin(4);
  store<u64>(key, bswap<u64>(number), 48);
  missRecord = record;
  return false;
}

export function missCode(prefix: usize): void {
  store<u32>(MISS, MISS_CODE, MISS_KIND);
  memory.fill(MISS + MISS_KEY, 0, 56);
  memory.copy(MISS + MISS_KEY, prefix, 28);
}
