// What an execution did to state, as packed columns in the region of EVM memory, which is free by then.
import { MEMORY, reach, RESULT, TOUCHED_ACCOUNTS, TOUCHED_SLOTS } from "./bounds";
import { firstCode, isCodeless } from "./accounts";
import { touchedAccountsEnd, touchedSlotsEnd } from "./execution";
import {
  RESULT_ACCESS_COUNT, RESULT_ACCESS_KINDS, RESULT_ACCESSES, RESULT_CODE_COUNT, RESULT_CODES, RESULT_DELTA_COUNT,
  RESULT_DELTA_KEYS, RESULT_DELTA_WORDS, RESULT_WRITE_COUNT, RESULT_WRITE_KEYS, RESULT_WRITE_WORDS,
} from "./layout";
import { putAddress, putSlotKey } from "./misses";
import {
  A_BALANCE, A_BALANCE0, A_CODE, A_DELTA, A_ENTRY, A_NONCE, A_NONCE0, A_TX, BLOCK_HASH, CREATED, EXISTS,
  HAS_DELTA, KNOWN_BALANCE, KNOWN_CODE, KNOWN_NONCE, LISTED, S_ACCOUNT, S_FIRST, S_INCARNATION, S_TX, S_VALUE, SETTLED, SLOT_READ,
  SLOT_TRIED, TRANSIENT, TRIED_BALANCE, TRIED_CODE, TRIED_DELTA, TRIED_NONCE, WIPED,
} from "./records";
import { eip158 } from "./rules";
import { copy, equals, isZero, reverse } from "./u256";

// AccessKind of libs/slots.
export const R: u32 = 1;
export const W: u32 = 2;
export const D: u32 = 3;
export const X: u32 = 5;
const KEY_BYTES: usize = 56;

const FINAL = memory.data(32, 64);

let accessKeys: usize = 0;
let accessKinds: usize = 0;
let writeKeys: usize = 0;
let writeWords: usize = 0;
let deltaKeys: usize = 0;
let deltaWords: usize = 0;
let codes: usize = 0;
let accessCount: usize = 0;
let writeCount: usize = 0;
let deltaCount: usize = 0;
let codeCount: usize = 0;

function putFieldKey(domain: u32, account: usize, to: usize): void {
  store<u8>(to, domain);
  putAddress(account, to + 1);
  memory.fill(to + 21, 0, 35);
}

function addAccess(kind: u32): usize {
  store<u8>(accessKinds + accessCount, kind);
  return accessKeys + KEY_BYTES * accessCount++;
}

/** Reports a field; `word` is its big-endian value to be written, 0 when it did not change. */
function field(domain: u32, account: usize, changed: bool, tried: bool, kind: u32): void {
  putFieldKey(domain, account, addAccess(changed || tried ? kind : R));
  if (changed) {
    putFieldKey(domain, account, writeKeys + KEY_BYTES * writeCount);
    writeCount++;
  }
}

/** Code word with the flags that follow from what the transaction left behind. */
export function finalCodeWord(account: usize, out: usize): void {
  copy(account + A_CODE, out);
  if (!isCodeless(account)) return;
  const tx = load<u32>(account, A_TX);
  const nonceless = (tx & KNOWN_NONCE) != 0 && load<u64>(account, A_NONCE) == 0;
  if (!eip158 && (tx & (SETTLED | EXISTS)) == (SETTLED | EXISTS)) {
    if (nonceless && (tx & KNOWN_BALANCE) != 0 && isZero(account + A_BALANCE)) store<u8>(out, load<u8>(out) | 1);
  }
  if ((tx & (CREATED | WIPED)) == CREATED && load<u64>(account, A_NONCE) == 0 && leavesStorage(account))
    store<u8>(out, load<u8>(out) | 2);
}

function leavesStorage(account: usize): bool {
  for (let at = TOUCHED_SLOTS; at < touchedSlotsEnd; at += 4) {
    const slot = <usize>load<u32>(at);
    if (load<u32>(slot, S_ACCOUNT) == <u32>account && isStorage(slot) && !isZero(slot + S_VALUE)) return true;
  }
  return false;
}

@inline
function isStorage(slot: usize): bool {
  return load<u32>(slot, S_INCARNATION) < BLOCK_HASH;
}

function collectAccount(account: usize, attempts: bool): void {
  const tx = load<u32>(account, A_TX);
  if (tx & KNOWN_BALANCE) {
    const changed = !equals(account + A_BALANCE, account + A_BALANCE0);
    if (changed) reverse(account + A_BALANCE, writeWords + 32 * writeCount);
    field(0, account, changed, attempts && (tx & TRIED_BALANCE) != 0, W);
  } else {
    const adds = (tx & HAS_DELTA) != 0 && !isZero(account + A_DELTA);
    if (adds || (attempts && (tx & TRIED_DELTA) != 0)) {
      putFieldKey(0, account, addAccess(D));
      if (adds) {
        putFieldKey(0, account, deltaKeys + KEY_BYTES * deltaCount);
        reverse(account + A_DELTA, deltaWords + 32 * deltaCount);
        deltaCount++;
      }
    }
  }
  if (tx & KNOWN_NONCE) {
    const nonce = load<u64>(account, A_NONCE);
    const changed = nonce != load<u64>(account, A_NONCE0);
    if (changed) {
      const word = writeWords + 32 * writeCount;
      memory.fill(word, 0, 24);
      store<u64>(word, bswap<u64>(nonce), 24);
    }
    field(1, account, changed, attempts && (tx & TRIED_NONCE) != 0, W);
  }
  if (tx & KNOWN_CODE) {
    const first = firstCode(account);
    finalCodeWord(account, FINAL);
    const changed = !equals(FINAL, first);
    if (changed) copy(FINAL, writeWords + 32 * writeCount);
    // A wipe ends every slot of the account; storage that the same transaction created needs none.
    const wipes = (tx & WIPED) != 0 && (load<u32>(FINAL) ^ load<u32>(first)) >> 8 != 0;
    field(2, account, changed, attempts && (tx & TRIED_CODE) != 0, wipes ? X : W);
    if (changed && !isCodeless(account)) noteDeployed(load<u32>(account, A_ENTRY));
  }
}

function noteDeployed(entry: u32): void {
  if (entry == 0) return;
  for (let i: usize = 0; i < codeCount; i++) if (load<u32>(codes + (i << 2)) == entry) return;
  store<u32>(codes + (codeCount << 2), entry);
  codeCount++;
}

function collectSlot(slot: usize, attempts: bool): void {
  const incarnation = load<u32>(slot, S_INCARNATION);
  const tx = load<u32>(slot, S_TX);
  if (incarnation == BLOCK_HASH) {
    if (tx & SLOT_READ) {
      const key = addAccess(R);
      memory.fill(key, 0, KEY_BYTES);
      store<u8>(key, 4);
      store<u64>(key, bswap<u64>(load<u64>(slot)), 48);
    }
    return;
  }
  if (incarnation == TRANSIENT || incarnation == LISTED) return;
  const account = <usize>load<u32>(slot, S_ACCOUNT);
  const wiped = (load<u32>(account, A_TX) & WIPED) != 0;
  // What a removed account had stored is gone with it; that it was read remains.
  const changed = !wiped && !equals(slot + S_VALUE, slot + S_FIRST);
  if (!changed && (tx & SLOT_READ) == 0 && !(attempts && (tx & SLOT_TRIED) != 0)) return;
  putSlotKey(account, incarnation, slot, addAccess(changed || (attempts && (tx & SLOT_TRIED) != 0) ? W : R));
  if (changed) {
    putSlotKey(account, incarnation, slot, writeKeys + KEY_BYTES * writeCount);
    reverse(slot + S_VALUE, writeWords + 32 * writeCount);
    writeCount++;
  }
}

/** Fills the columns of RESULT. With `attempts` every attempt to write is reported as one. False without room. */
export function collect(attempts: bool): bool {
  const accounts = (touchedAccountsEnd - TOUCHED_ACCOUNTS) >> 2;
  const slots = (touchedSlotsEnd - TOUCHED_SLOTS) >> 2;
  const most = accounts * 3 + slots;
  if (!reach(MEMORY + most * (KEY_BYTES + 1 + KEY_BYTES + 32) + accounts * (KEY_BYTES + 32 + 4) + 64)) return false;
  accessKeys = MEMORY;
  writeKeys = accessKeys + most * KEY_BYTES;
  deltaKeys = writeKeys + most * KEY_BYTES;
  writeWords = deltaKeys + accounts * KEY_BYTES;
  deltaWords = writeWords + most * 32;
  codes = (deltaWords + accounts * 32 + 3) & ~(<usize>3);
  accessKinds = codes + accounts * 4;
  accessCount = 0;
  writeCount = 0;
  deltaCount = 0;
  codeCount = 0;
  for (let at = TOUCHED_ACCOUNTS; at < touchedAccountsEnd; at += 4) collectAccount(load<u32>(at), attempts);
  for (let at = TOUCHED_SLOTS; at < touchedSlotsEnd; at += 4) collectSlot(load<u32>(at), attempts);
  store<u32>(RESULT, <u32>accessKeys, RESULT_ACCESSES);
  store<u32>(RESULT, <u32>accessKinds, RESULT_ACCESS_KINDS);
  store<u32>(RESULT, <u32>accessCount, RESULT_ACCESS_COUNT);
  store<u32>(RESULT, <u32>writeKeys, RESULT_WRITE_KEYS);
  store<u32>(RESULT, <u32>writeWords, RESULT_WRITE_WORDS);
  store<u32>(RESULT, <u32>writeCount, RESULT_WRITE_COUNT);
  store<u32>(RESULT, <u32>deltaKeys, RESULT_DELTA_KEYS);
  store<u32>(RESULT, <u32>deltaWords, RESULT_DELTA_WORDS);
  store<u32>(RESULT, <u32>deltaCount, RESULT_DELTA_COUNT);
  store<u32>(RESULT, <u32>codes, RESULT_CODES);
  store<u32>(RESULT, <u32>codeCount, RESULT_CODE_COUNT);
  return true;
}

