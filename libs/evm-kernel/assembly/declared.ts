// Declared accesses by their numbers: which record each one is of, and, when the execution is done, what became of it.
// For hosts that keep their accesses in columns: neither side has to compare keys.
import { firstCode, isCodeless } from "./accounts";
import { DECLARED, MEMORY, reach, RESULT, TOUCHED_ACCOUNTS, TOUCHED_SLOTS } from "./bounds";
import { touchedAccountsEnd, touchedSlotsEnd } from "./execution";
import { MAX_DECLARED, RELATED_ADDED, RELATED_FEE, RESULT_OUTCOME } from "./layout";
import { beneficiary } from "./parties";
import {
  A_BALANCE, A_BALANCE0, A_CODE, A_DELTA, A_ENTRY, A_KINDS, A_NONCE, A_NONCE0, A_TX, BLOCK_HASH, HAS_DELTA,
  KNOWN_BALANCE, KNOWN_CODE, KNOWN_NONCE, LISTED, S_ACCOUNT, S_FIRST, S_INCARNATION, S_KIND, S_TX, S_VALUE, SLOT_READ,
  TRANSIENT, WIPED,
} from "./records";
import { D, finalCodeWord, R, W, X } from "./results";
import { copy, equals, isZero, reverse } from "./u256";

/** Entries: record u32, domain u32. */
const ENTRY_BYTES: usize = 8;
const DOMAIN: usize = 4;
const NONE: i32 = -1;

const FINAL = memory.data(32, 64);

/** Declared so far; beyond MAX_DECLARED they are only counted. */
let count: u32 = 0;
/** Where the next word goes. */
let words: usize = 0;
/** Index of the word that is added to the beneficiary's undeclared balance. */
let fee: i32 = NONE;

export function forgetDeclared(): void {
  count = 0;
}

export function noteDeclared(record: usize, domain: u32): void {
  if (count < <u32>MAX_DECLARED) {
    const entry = DECLARED + <usize>count * ENTRY_BYTES;
    store<u32>(entry, <u32>record);
    store<u32>(entry, domain, DOMAIN);
  }
  count++;
}

/** `covers` of libs/slots. */
@inline
function covers(declared: u32, actual: u32): bool {
  return declared == X || declared == actual || (declared == W && actual != X);
}

/** Keeps a word for the host, big-endian; its index in words of 32 bits. */
function keep(word: usize): i32 {
  reverse(word, words);
  words += 32;
  return <i32>((words - 32) >> 2);
}

@inline
function addsTo(account: usize, tx: u32): bool {
  return (tx & (KNOWN_BALANCE | HAS_DELTA)) == HAS_DELTA && !isZero(account + A_DELTA);
}

@inline
function nonceChanged(account: usize): bool {
  return load<u64>(account, A_NONCE) != load<u64>(account, A_NONCE0);
}

@inline
function balanceChanged(account: usize): bool {
  return !equals(account + A_BALANCE, account + A_BALANCE0);
}

/** Whether what happened to an account was declared, and no code came to it. */
function coversAccount(account: usize): bool {
  const tx = load<u32>(account, A_TX);
  const kind = <u32>load<u8>(account, A_KINDS);
  if (tx & KNOWN_BALANCE) {
    if (!covers(kind, balanceChanged(account) ? W : R)) return false;
  } else if (addsTo(account, tx)) {
    if (kind == 0) {
      // What everybody may add to without saying so.
      if (account != beneficiary()) return false;
      fee = keep(account + A_DELTA);
    } else if (!covers(kind, D)) return false;
  }
  if (tx & KNOWN_NONCE && !covers(load<u8>(account, A_KINDS + 1), nonceChanged(account) ? W : R)) return false;
  if ((tx & KNOWN_CODE) == 0) return true;
  const first = firstCode(account);
  finalCodeWord(account, FINAL);
  const changed = !equals(FINAL, first);
  if (changed && !isCodeless(account) && load<u32>(account, A_ENTRY) != 0) return false;
  const wipes = changed && (tx & WIPED) != 0 && (load<u32>(FINAL) ^ load<u32>(first)) >> 8 != 0;
  return covers(load<u8>(account, A_KINDS + 2), wipes ? X : changed ? W : R);
}

/** What a removed account had stored is gone with it. */
@inline
function slotChanged(slot: usize): bool {
  if (equals(slot + S_VALUE, slot + S_FIRST)) return false;
  const account = <usize>load<u32>(slot, S_ACCOUNT);
  return account == 0 || (load<u32>(account, A_TX) & WIPED) == 0;
}

function coversSlot(slot: usize): bool {
  const incarnation = load<u32>(slot, S_INCARNATION);
  if (incarnation == TRANSIENT || incarnation == LISTED) return true;
  const kind = load<u32>(slot, S_KIND);
  if (incarnation != BLOCK_HASH && slotChanged(slot)) return covers(kind, W);
  return (load<u32>(slot, S_TX) & SLOT_READ) == 0 || covers(kind, R);
}

/** Index of the word that was written to an access, or NONE. */
function written(record: usize, domain: u32): i32 {
  if (domain >= 3) {
    return load<u32>(record, S_INCARNATION) < BLOCK_HASH && slotChanged(record) ? keep(record + S_VALUE) : NONE;
  }
  const tx = load<u32>(record, A_TX);
  if (domain == 0) return tx & KNOWN_BALANCE && balanceChanged(record) ? keep(record + A_BALANCE) : NONE;
  if (domain == 1) {
    if ((tx & KNOWN_NONCE) == 0 || !nonceChanged(record)) return NONE;
    store<u64>(FINAL, load<u64>(record, A_NONCE));
    memory.fill(FINAL + 8, 0, 24);
    return keep(FINAL);
  }
  if ((tx & KNOWN_CODE) == 0) return NONE;
  finalCodeWord(record, FINAL);
  if (equals(FINAL, firstCode(record))) return NONE;
  copy(FINAL, words);
  words += 32;
  return <i32>((words - 32) >> 2);
}

/**
 * Relates the execution that is done to what was declared: writes RELATED_* and returns its address; 0 when it left its
 * declaration, deployed code, or there is no room.
 */
export function relate(): usize {
  const room = <usize>count * 8 + RELATED_ADDED;
  if (count > <u32>MAX_DECLARED || !reach(MEMORY + room + (<usize>count + 1) * 64 + 64)) return 0;
  words = (MEMORY + room + 31) & ~(<usize>31);
  fee = NONE;
  for (let at = TOUCHED_ACCOUNTS; at < touchedAccountsEnd; at += 4) if (!coversAccount(load<u32>(at))) return 0;
  for (let at = TOUCHED_SLOTS; at < touchedSlotsEnd; at += 4) if (!coversSlot(load<u32>(at))) return 0;
  const included = load<u32>(RESULT, RESULT_OUTCOME) == 0;
  store<i32>(MEMORY, included ? fee : NONE, RELATED_FEE);
  let to = MEMORY + RELATED_ADDED;
  const end = DECLARED + <usize>count * ENTRY_BYTES;
  for (let entry = DECLARED; entry < end; entry += ENTRY_BYTES) {
    const record = <usize>load<u32>(entry);
    const domain = load<u32>(entry, DOMAIN);
    const adds = included && domain == 0 && addsTo(record, load<u32>(record, A_TX));
    store<i32>(to, adds ? keep(record + A_DELTA) : NONE);
    store<i32>(to, included ? written(record, domain) : NONE, 4);
    to += 8;
  }
  return MEMORY;
}
