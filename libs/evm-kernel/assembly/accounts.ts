// The account table: one record per address, found through an open-addressing index. Functions that need a value
// which is not at hand note the miss and return false (or -1); they change nothing then.
import {
  ACCOUNT_BYTES, ACCOUNT_INDEX, ACCOUNTS, ACCOUNTS_END, accountMask, BLOCK, entryTop, isTaken, MAX_NUMBER, NUMBER_BITS, TOUCHED_ACCOUNTS,
  widenAccountIndex,
} from "./bounds";
import { findCode, NO_CODE } from "./codes";
import {
  accountsEnd, flags, generation, learned, resident, setAccountsEnd, setLearned, setLimited, setTouchedAccountsEnd,
  setUndeclared, stamp, touchedAccountsEnd, undeclared,
} from "./execution";
import { noteBalance, noteBits, noteCode, noteDelta, noteNonce } from "./journal";
import { BLOCK_ORIGIN, TXFLAG_WATCHED } from "./layout";
import { missCode, missField } from "./misses";
import {
  A_ADDRESS, A_BALANCE, A_BALANCE0, A_CODE, A_CODE0, A_DELTA, A_ENTRY, A_KINDS, A_LOADED, A_NONCE, A_NONCE0, A_STAMP,
  A_TX, CODE_KEPT, EXISTS, HAS_DELTA, KNOWN_BALANCE, KNOWN_CODE, KNOWN_NONCE, LOADED_BALANCE, LOADED_CODE, LOADED_NONCE, SETTLED, TOUCHED,
  TRIED_BALANCE, TRIED_CODE, TRIED_DELTA, TRIED_NONCE, WARM,
} from "./records";
import { eip158, isPrecompile } from "./rules";
import { hashAddress } from "./secret";
import { add, copy, isZero, zero } from "./u256";

const SUM = memory.data(32, 64);

/** Undeclared reads after which a watched execution has shown enough (LEARNING_READS of libs/engine). */
const LEARNING_READS: u32 = 64;

/** Record of an address given as limbs; made when there is none. */
export function accountOf(low: u64, mid: u64, high: u64): usize {
  high &= 0xffffffff;
  const mask = accountMask;
  const hash = hashAddress(low, mid, high);
  const top = entryTop(generation, hash);
  let i = hash & mask;
  while (true) {
    const entry = load<u32>(ACCOUNT_INDEX + (<usize>i << 2));
    if (entry >> NUMBER_BITS == top) {
      const record = ACCOUNTS + (<usize>(entry & MAX_NUMBER) << 8);
      if (load<u64>(record) == low && load<u64>(record, 8) == mid && load<u64>(record, 16) == high) {
        if (load<u32>(record, A_STAMP) != stamp) enter(record);
        return record;
      }
    } else if (!isTaken(entry, generation)) break;
    i = (i + 1) & mask;
  }
  const record = accountsEnd;
  if (record + ACCOUNT_BYTES > ACCOUNTS_END) {
    setLimited(true);
    return ACCOUNTS;
  }
  setAccountsEnd(record + ACCOUNT_BYTES);
  memory.fill(record, 0, ACCOUNT_BYTES);
  store<u64>(record, low);
  store<u64>(record, mid, 8);
  store<u64>(record, high, 16);
  store<u32>(ACCOUNT_INDEX + (<usize>i << 2), (top << NUMBER_BITS) | <u32>((record - ACCOUNTS) >> 8));
  if (record - ACCOUNTS > ((<usize>mask + 1) >> 1) * ACCOUNT_BYTES && widenAccountIndex()) {
    memory.fill(ACCOUNT_INDEX, 0, (<usize>accountMask + 1) << 2);
    indexAccounts();
  }
  enter(record);
  return record;
}

/** As `accountOf`, by 20 bytes. */
@inline
export function accountAtBytes(at: usize): usize {
  return accountOf(
    bswap<u64>(load<u64>(at, 12)), bswap<u64>(load<u64>(at, 4)), <u64>bswap<u32>(load<u32>(at)),
  );
}

/** Keeps loads that are made ahead of need from being left out. */
let fetched: u64 = 0;

/** Looks a place of the index up without using it; returns the address's hash, for `fetchRecord`. */
export function fetchEntry(low: u64, mid: u64, high: u64): u32 {
  const hash = hashAddress(low, mid, high);
  fetched = <u64>load<u32>(ACCOUNT_INDEX + (<usize>(hash & accountMask) << 2));
  return hash;
}

/** As `fetchEntry`, by 20 bytes. */
export function fetchEntryAtBytes(at: usize): u32 {
  return fetchEntry(
    bswap<u64>(load<u64>(at, 12)), bswap<u64>(load<u64>(at, 4)), <u64>bswap<u32>(load<u32>(at)),
  );
}

/**
 * Looks a record up without using it, by its address's hash: records are spread over more memory than caches hold, and
 * the processor can wait for several at once.
 */
export function fetchRecord(hash: u32): void {
  const top = entryTop(generation, hash);
  let i = hash & accountMask;
  while (true) {
    const entry = load<u32>(ACCOUNT_INDEX + (<usize>i << 2));
    if (entry >> NUMBER_BITS == top) {
      const record = ACCOUNTS + (<usize>(entry & MAX_NUMBER) << 8);
      fetched = load<u64>(record) ^ load<u64>(record, A_BALANCE);
      return;
    }
    if (!isTaken(entry, generation)) return;
    i = (i + 1) & accountMask;
  }
}

/** The record of the account that a word names (its lower 160 bits). */
@inline
export function accountAt(word: usize): usize {
  return accountOf(load<u64>(word), load<u64>(word, 8), load<u64>(word, 16));
}

/** Makes a record part of the transaction. Originals are taken when a field is first known: most fields never are. */
function enter(record: usize): void {
  store<u32>(record, stamp, A_STAMP);
  store<u32>(record, 0, A_TX);
  store<u32>(touchedAccountsEnd, <u32>record);
  setTouchedAccountsEnd(touchedAccountsEnd + 4);
}

/** Fills an index without entries of this generation: after it was widened, or the records were restored. */
export function indexAccounts(): void {
  while (accountsEnd - ACCOUNTS > ((<usize>accountMask + 1) >> 1) * ACCOUNT_BYTES && widenAccountIndex());
  for (let record = ACCOUNTS; record < accountsEnd; record += ACCOUNT_BYTES) {
    const hash = hashAddress(load<u64>(record), load<u64>(record, 8), load<u64>(record, 16));
    let i = hash & accountMask;
    while (isTaken(load<u32>(ACCOUNT_INDEX + (<usize>i << 2)), generation)) i = (i + 1) & accountMask;
    const number = <u32>((record - ACCOUNTS) >> 8);
    store<u32>(ACCOUNT_INDEX + (<usize>i << 2), (entryTop(generation, hash) << NUMBER_BITS) | number);
  }
}

/** Counts a read that the declared accesses do not cover. W (2), R (1) and X (5) do. */
export function noteRead(kind: u32): void {
  if ((flags & TXFLAG_WATCHED) == 0 || kind == 1 || kind == 2 || kind == 5) return;
  setUndeclared(undeclared + 1);
  if (undeclared > LEARNING_READS) setLearned(true);
}

export function knowBalance(record: usize): bool {
  const tx = load<u32>(record, A_TX);
  if (tx & KNOWN_BALANCE) return true;
  if ((load<u32>(record, A_LOADED) & LOADED_BALANCE) == 0) {
    if (!resident) return missField(record, 0);
    store<u32>(record, load<u32>(record, A_LOADED) | LOADED_BALANCE, A_LOADED);
  }
  if (tx & HAS_DELTA) {
    add(record + A_BALANCE, record + A_DELTA, SUM);
    copy(record + A_BALANCE, record + A_BALANCE0);
    copy(SUM, record + A_BALANCE);
  } else copy(record + A_BALANCE, record + A_BALANCE0);
  store<u32>(record, (tx & ~HAS_DELTA) | KNOWN_BALANCE, A_TX);
  noteRead(load<u8>(record, A_KINDS));
  return true;
}

export function knowNonce(record: usize): bool {
  const tx = load<u32>(record, A_TX);
  if (tx & KNOWN_NONCE) return true;
  if ((load<u32>(record, A_LOADED) & LOADED_NONCE) == 0) {
    if (!resident) return missField(record, 1);
    store<u32>(record, load<u32>(record, A_LOADED) | LOADED_NONCE, A_LOADED);
  }
  store<u64>(record, load<u64>(record, A_NONCE), A_NONCE0);
  store<u32>(record, tx | KNOWN_NONCE, A_TX);
  noteRead(load<u8>(record, A_KINDS + 1));
  return true;
}

export function knowCode(record: usize): bool {
  const tx = load<u32>(record, A_TX);
  if (tx & KNOWN_CODE) return true;
  if ((load<u32>(record, A_LOADED) & LOADED_CODE) == 0) {
    if (!resident) return missField(record, 2);
    store<u32>(record, load<u32>(record, A_LOADED) | LOADED_CODE, A_LOADED);
    store<u32>(record, <u32>NO_CODE, A_ENTRY);
  }
  store<u32>(record, tx | KNOWN_CODE, A_TX);
  noteRead(load<u8>(record, A_KINDS + 2));
  return true;
}

/** No code, of a record whose code word is known. */
@inline
export function isCodeless(record: usize): bool {
  const entry = <usize>load<u32>(record, A_ENTRY);
  return entry == 0 ? hasNoHash(record + A_CODE) : entry == NO_CODE;
}

/** A code word without a hash: no code. */
export function hasNoHash(word: usize): bool {
  return (load<u64>(word, 4) | load<u64>(word, 12) | load<u64>(word, 20) | <u64>load<u32>(word, 28)) == 0;
}

/** The code word as it was before the transaction, of a record whose code word is known. */
@inline
export function firstCode(record: usize): usize {
  return record + (load<u32>(record, A_TX) & CODE_KEPT ? A_CODE0 : A_CODE);
}

/** Incarnation as the code word says, of a record whose code word is known. */
@inline
export function incarnationOf(record: usize): u32 {
  return bswap<u32>(load<u32>(record, A_CODE)) & 0xffffff;
}

/** Entry of the account's code (NO_CODE when it has none); 0 on a miss. */
export function codeOf(record: usize): usize {
  if (!knowCode(record)) return 0;
  let entry = <usize>load<u32>(record, A_ENTRY);
  if (entry != 0) return entry;
  entry = isCodeless(record) ? NO_CODE : findCode(record + A_CODE + 4);
  if (entry == 0) {
    missCode(record + A_CODE + 4);
    return 0;
  }
  store<u32>(record, <u32>entry, A_ENTRY);
  return entry;
}

/** Whether the account is there at all, empty or not: 1, 0, or -1 on a miss. */
export function exists(record: usize): i32 {
  const tx = load<u32>(record, A_TX);
  if (tx & SETTLED) return i32((tx & EXISTS) != 0);
  if (!knowCode(record)) return -1;
  let there = (load<u8>(record, A_CODE) & 1) != 0 || !isCodeless(record);
  if (!there) {
    if (!knowNonce(record)) return -1;
    there = load<u64>(record, A_NONCE) != 0;
  }
  if (!there) {
    if (!knowBalance(record)) return -1;
    there = !isZero(record + A_BALANCE);
  }
  store<u32>(record, load<u32>(record, A_TX) | SETTLED | (there ? EXISTS : 0), A_TX);
  return i32(there);
}

/** Without code, nonce and balance (EIP-161): 1, 0, or -1 on a miss. The balance is looked at last. */
export function isEmpty(record: usize): i32 {
  if (!knowCode(record)) return -1;
  if (!isCodeless(record)) return 0;
  if (!knowNonce(record)) return -1;
  if (load<u64>(record, A_NONCE) != 0) return 0;
  if (!knowBalance(record)) return -1;
  return i32(isZero(record + A_BALANCE));
}

/** Nobody is there, by the rules in force: empty from EIP-158 on, absent before. -1 on a miss. */
export function isDead(record: usize): i32 {
  if (eip158) return isEmpty(record);
  const there = exists(record);
  return there < 0 ? -1 : 1 - there;
}

/** Sets bits with undo. */
export function setBits(record: usize, bits: u32): void {
  const tx = load<u32>(record, A_TX);
  if ((tx & bits) == bits) return;
  noteBits(record, bits);
  store<u32>(record, tx | bits, A_TX);
}

export function setExists(record: usize, there: bool): void {
  const tx = load<u32>(record, A_TX);
  const next = there ? tx | SETTLED | EXISTS : (tx | SETTLED) & ~EXISTS;
  if (next == tx) return;
  noteBits(record, SETTLED | EXISTS);
  store<u32>(record, next, A_TX);
}

/** EIP-161: an account touched while empty is removed. RIPEMD-160 stays touched whatever is reverted (block 2,675,119). */
export function touch(record: usize): void {
  const tx = load<u32>(record, A_TX);
  if (tx & TOUCHED) return;
  if (load<u64>(record) != 3 || (load<u64>(record, 8) | load<u64>(record, 16)) != 0) noteBits(record, TOUCHED);
  store<u32>(record, tx | TOUCHED, A_TX);
}

/** Writes the balance, which must be known. */
export function setBalance(record: usize, value: usize): void {
  noteBalance(record);
  store<u32>(record, load<u32>(record, A_TX) | TRIED_BALANCE, A_TX);
  copy(value, record + A_BALANCE);
}

/** Adds ether without reading the balance. */
export function addDelta(record: usize, amount: usize): void {
  if (load<u32>(record, A_TX) & KNOWN_BALANCE) {
    noteBalance(record);
    store<u32>(record, load<u32>(record, A_TX) | TRIED_BALANCE, A_TX);
    add(record + A_BALANCE, amount, record + A_BALANCE);
    return;
  }
  noteDelta(record, amount);
  const tx = load<u32>(record, A_TX);
  store<u32>(record, tx | TRIED_DELTA | HAS_DELTA, A_TX);
  if (tx & HAS_DELTA) add(record + A_DELTA, amount, record + A_DELTA);
  else copy(amount, record + A_DELTA);
}

export function setNonce(record: usize, value: u64): void {
  noteNonce(record);
  store<u32>(record, load<u32>(record, A_TX) | TRIED_NONCE, A_TX);
  store<u64>(record, value, A_NONCE);
}

/** Writes the code word; `entry` is the code's entry. */
export function setCode(record: usize, codeFlags: u32, incarnation: u32, entry: usize, prefix: usize): void {
  noteCode(record);
  const tx = load<u32>(record, A_TX);
  if ((tx & CODE_KEPT) == 0) copy(record + A_CODE, record + A_CODE0);
  store<u32>(record, tx | TRIED_CODE | CODE_KEPT, A_TX);
  store<u32>(record, bswap<u32>((codeFlags << 24) | (incarnation & 0xffffff)), A_CODE);
  if (prefix == 0) memory.fill(record + A_CODE + 4, 0, 28);
  else memory.copy(record + A_CODE + 4, prefix, 28);
  store<u32>(record, <u32>entry, A_ENTRY);
}

@inline
export function isWarm(record: usize): bool {
  return (load<u32>(record, A_TX) & WARM) != 0 || isAlwaysWarm(record);
}

/** Precompiles and the origin. */
function isAlwaysWarm(record: usize): bool {
  const low = load<u64>(record);
  const mid = load<u64>(record, 8);
  const high = load<u64>(record, 16);
  if (isPrecompile(low, mid, high)) return true;
  return (
    low == load<u64>(BLOCK, BLOCK_ORIGIN) && mid == load<u64>(BLOCK, BLOCK_ORIGIN + 8) &&
    high == load<u64>(BLOCK, BLOCK_ORIGIN + 16)
  );
}

@inline
export function warm(record: usize): void {
  if ((load<u32>(record, A_TX) & WARM) == 0) setBits(record, WARM);
}

/** Warms without undo. */
export function warmAlways(account: usize): void {
  store<u32>(account, load<u32>(account, A_TX) | WARM, A_TX);
}

/** Writes the account's address as a word. */
@inline
export function addressWord(record: usize, out: usize): void {
  store<u64>(out, load<u64>(record, A_ADDRESS));
  store<u64>(out, load<u64>(record, A_ADDRESS + 8), 8);
  store<u64>(out, load<u64>(record, A_ADDRESS + 16), 16);
  store<u64>(out, 0, 24);
}

/** Value of a field from the host: a big-endian word. Known values are never replaced. */
export function supplyField(record: usize, domain: u32, word: usize): void {
  const loaded = load<u32>(record, A_LOADED);
  if ((loaded >> domain) & 1) return;
  store<u32>(record, loaded | (1 << domain), A_LOADED);
  if (domain == 0) reverseTo(word, record + A_BALANCE);
  else if (domain == 1) {
    store<u64>(record, bswap<u64>(load<u64>(word, 24)), A_NONCE);
  } else {
    copy(word, record + A_CODE);
    store<u32>(record, hasNoHash(word) ? <u32>NO_CODE : 0, A_ENTRY);
  }
}

function reverseTo(from: usize, to: usize): void {
  store<u64>(to, bswap<u64>(load<u64>(from, 24)));
  store<u64>(to, bswap<u64>(load<u64>(from, 16)), 8);
  store<u64>(to, bswap<u64>(load<u64>(from, 8)), 16);
  store<u64>(to, bswap<u64>(load<u64>(from)), 24);
}
