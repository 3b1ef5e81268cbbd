// The slot table: storage, transient storage, keys of access lists and block hashes, told apart by what stands in
// place of the incarnation.
import { accountAt, incarnationOf, knowCode, noteRead } from "./accounts";
import {
  entryTop, isTaken, MAX_NUMBER, NUMBER_BITS, SLOT_BYTES, SLOT_INDEX, SLOTS, SLOTS_END, slotMask, TOUCHED_SLOTS, widenSlotIndex,
} from "./bounds";
import {
  generation, listsSlots, resident, setLimited, setSlotsEnd, setTouchedSlotsEnd, slotsEnd, stamp, touchedSlotsEnd,
} from "./execution";
import { noteSlot, noteSlotBits } from "./journal";
import { missSlot } from "./misses";
import {
  A_TX, CREATED, LISTED, S_ACCOUNT, S_FIRST, S_INCARNATION, S_KIND, S_LOADED, S_STAMP, S_TX, S_VALUE, SLOT_READ,
  SLOT_TRIED, SLOT_WARM, TRANSIENT,
} from "./records";
import { hashKey } from "./secret";
import { copy, equals, zero } from "./u256";

@inline
function hashOf(key: usize, account: usize, incarnation: u32): u32 {
  return hashKey(
    load<u64>(key), load<u64>(key, 8), load<u64>(key, 16), load<u64>(key, 24),
    (<u64>account << 32) | <u64>incarnation,
  );
}

/** Record of a key; made when there is none. */
export function slotOf(account: usize, incarnation: u32, key: usize): usize {
  const mask = slotMask;
  const hash = hashOf(key, account, incarnation);
  const top = entryTop(generation, hash);
  let i = hash & mask;
  while (true) {
    const entry = load<u32>(SLOT_INDEX + (<usize>i << 2));
    if (entry >> NUMBER_BITS == top) {
      const slot = SLOTS + (<usize>(entry & MAX_NUMBER) << 7);
      if (
        load<u32>(slot, S_ACCOUNT) == <u32>account && load<u32>(slot, S_INCARNATION) == incarnation && equals(slot, key)
      ) {
        if (load<u32>(slot, S_STAMP) != stamp) enter(slot);
        return slot;
      }
    } else if (!isTaken(entry, generation)) break;
    i = (i + 1) & mask;
  }
  const slot = slotsEnd;
  if (slot + SLOT_BYTES > SLOTS_END) {
    setLimited(true);
    return SLOTS;
  }
  setSlotsEnd(slot + SLOT_BYTES);
  memory.fill(slot + 32, 0, SLOT_BYTES - 32);
  copy(key, slot);
  store<u32>(slot, <u32>account, S_ACCOUNT);
  store<u32>(slot, incarnation, S_INCARNATION);
  store<u32>(SLOT_INDEX + (<usize>i << 2), (top << NUMBER_BITS) | <u32>((slot - SLOTS) >> 7));
  if (slot - SLOTS > ((<usize>mask + 1) >> 1) * SLOT_BYTES && widenSlotIndex()) {
    memory.fill(SLOT_INDEX, 0, (<usize>slotMask + 1) << 2);
    indexSlots();
  }
  enter(slot);
  return slot;
}

function enter(slot: usize): void {
  store<u32>(slot, stamp, S_STAMP);
  store<u32>(slot, 0, S_TX);
  if (load<u32>(slot, S_INCARNATION) == TRANSIENT) zero(slot + S_VALUE);
  copy(slot + S_VALUE, slot + S_FIRST);
  store<u32>(touchedSlotsEnd, <u32>slot);
  setTouchedSlotsEnd(touchedSlotsEnd + 4);
}

/** As `indexAccounts`. */
export function indexSlots(): void {
  while (slotsEnd - SLOTS > ((<usize>slotMask + 1) >> 1) * SLOT_BYTES && widenSlotIndex());
  for (let slot = SLOTS; slot < slotsEnd; slot += SLOT_BYTES) {
    const hash = hashOf(slot, load<u32>(slot, S_ACCOUNT), load<u32>(slot, S_INCARNATION));
    let i = hash & slotMask;
    while (isTaken(load<u32>(SLOT_INDEX + (<usize>i << 2)), generation)) i = (i + 1) & slotMask;
    const number = <u32>((slot - SLOTS) >> 7);
    store<u32>(SLOT_INDEX + (<usize>i << 2), (entryTop(generation, hash) << NUMBER_BITS) | number);
  }
}

/** Storage slot of an account whose code word is known. */
@inline
export function storageSlot(account: usize, key: usize): usize {
  return slotOf(account, incarnationOf(account), key);
}

/** Makes the value of a storage slot known, and counts it as read; false on a miss. */
export function knowSlot(account: usize, slot: usize): bool {
  const tx = load<u32>(slot, S_TX);
  if (tx & SLOT_READ) return true;
  if (load<u32>(account, A_TX) & CREATED) {
    // It follows from the account's creation that its storage was empty: nothing is read.
    if (load<u32>(slot, S_LOADED) == 0) store<u32>(slot, 1, S_LOADED);
    return true;
  }
  if (load<u32>(slot, S_LOADED) == 0) {
    if (!resident) return missSlot(slot, account, load<u32>(slot, S_INCARNATION), slot);
    store<u32>(slot, 1, S_LOADED);
  }
  store<u32>(slot, tx | SLOT_READ, S_TX);
  noteRead(load<u32>(slot, S_KIND));
  return true;
}

/** Value from the host, as a big-endian word. */
export function supplySlotValue(slot: usize, word: usize): void {
  if (load<u32>(slot, S_LOADED)) return;
  store<u32>(slot, 1, S_LOADED);
  store<u64>(slot, bswap<u64>(load<u64>(word, 24)), S_VALUE);
  store<u64>(slot, bswap<u64>(load<u64>(word, 16)), S_VALUE + 8);
  store<u64>(slot, bswap<u64>(load<u64>(word, 8)), S_VALUE + 16);
  store<u64>(slot, bswap<u64>(load<u64>(word)), S_VALUE + 24);
  copy(slot + S_VALUE, slot + S_FIRST);
}

@inline
export function isSlotWarm(account: usize, slot: usize): bool {
  if (load<u32>(slot, S_TX) & SLOT_WARM) return true;
  return listsSlots && isListed(account, slot);
}

function isListed(account: usize, key: usize): bool {
  return (load<u32>(slotOf(account, LISTED, key), S_TX) & SLOT_WARM) != 0;
}

@inline
export function warmSlot(slot: usize): void {
  noteSlotBits(slot, SLOT_WARM);
  store<u32>(slot, load<u32>(slot, S_TX) | SLOT_WARM, S_TX);
}

export function setSlot(slot: usize, value: usize): void {
  noteSlot(slot);
  store<u32>(slot, load<u32>(slot, S_TX) | SLOT_TRIED, S_TX);
  copy(value, slot + S_VALUE);
}

/** Transient storage (EIP-1153). */
export function transientSlot(account: usize, key: usize): usize {
  return slotOf(account, TRANSIENT, key);
}

/** Whether the account's code word is known, for callers that have an address only. */
export function storageOwner(word: usize): usize {
  const account = accountAt(word);
  return knowCode(account) ? account : 0;
}
