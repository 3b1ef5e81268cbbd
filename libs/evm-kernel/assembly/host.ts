// What the host calls to begin executions, to hand values in, and to keep state between them.
import { accountAtBytes, accountOf, indexAccounts, isCodeless, supplyField } from "./accounts";
import { PAID } from "./admission";
import {
  ACCOUNT_INDEX, accountMask, ACCOUNTS, BLOCK, FRAMES, INPUT, JOURNAL, LOGS, MAX_GENERATION, MEMORY, MISS,
  narrowIndexes, OPCODES, RESULT, RETURNS, setPlace, setSingle, SLOT_BYTES, SLOT_INDEX, slotMask, SLOTS, STACKS,
  TEMPORARY, TOUCHED_ACCOUNTS, TOUCHED_SLOTS, ACCOUNT_BYTES,
} from "./bounds";
import { addCode, codeBytesUsed, forgetCodes } from "./codes";
import { forgetDeclared, noteDeclared } from "./declared";
import {
  accountsEnd, authorization, authorizationRefund, createdAccount, flags, floorGas, frame, generation, intrinsicGas,
  journalEnd, listsSlots, logCount, logsEnd, logsFrom, phase, PHASE_DONE, PHASE_START, refund, resident, returnBytes,
  setAccountsEnd, setAuthorization, setAuthorizationRefund, setBatchEnd, setCreatedAccount, setFlags, setFloorGas,
  setFrame, setGeneration, setIntrinsicGas, setJournalEnd, setLearned, setLimited, setListsSlots, setLogCount,
  setLogsEnd, setLogsFrom, setPhase, setRefund, setReturnBytes, setSlotsEnd, setStamp, setTemporaryEnd, setTopGas,
  setTopStatus, setTouchedAccountsEnd, setTouchedSlotsEnd, setUndeclared, slotsEnd, stamp, temporaryEnd, topGas,
  topStatus, touchedAccountsEnd, touchedSlotsEnd, undeclared,
} from "./execution";
import { undo } from "./journal";
import {
  BLOCK_BYTES, FRAME_BYTES, FRAME_MEMORY, FRAME_MEMORY_BYTES, FRAME_SP, MISS_BYTES, RESULT_BYTES, RESULT_OUTCOME,
} from "./layout";
import { missDomain, missRecord, putAddress, putSlotKey, setMiss } from "./misses";
import { hashesAt, inputBytes } from "./packed-transaction";
import { forgetRecords } from "./parties";
import {
  A_BALANCE, A_CODE, A_DELTA, A_KINDS, A_LOADED, A_NONCE, A_STAMP, A_TX, BLOCK_HASH, CODE_KEPT, CREATED, HAS_DELTA, KNOWN_CODE,
  LOADED_BALANCE, S_ACCOUNT, S_INCARNATION, S_KIND, S_LOADED, S_STAMP, S_VALUE, WIPED,
} from "./records";
import { finalCodeWord } from "./results";
import { eip158 } from "./rules";
import { beginSettlement } from "./settlement";
import { indexSlots, slotOf, supplySlotValue } from "./slots";
import { setBlobHashes } from "./state-operations";
import { add, copy, reverse, zero } from "./u256";

/** Whether the execution before is kept. */
let committed: bool = true;

const WORD = memory.data(32, 64);

/** Empties both tables. */
export function clearState(): void {
  if (generation == MAX_GENERATION) {
    memory.fill(ACCOUNT_INDEX, 0, (<usize>accountMask + 1) << 2);
    memory.fill(SLOT_INDEX, 0, (<usize>slotMask + 1) << 2);
    narrowIndexes();
    setGeneration(0);
  }
  setGeneration(generation + 1);
  setAccountsEnd(ACCOUNTS);
  setSlotsEnd(SLOTS);
  // Records that the host makes before the first execution are entered somewhere too.
  setTouchedAccountsEnd(TOUCHED_ACCOUNTS);
  setTouchedSlotsEnd(TOUCHED_SLOTS);
  setJournalEnd(JOURNAL);
  committed = true;
}

/** Stamps start over: no record may carry one. */
function renewStamps(): void {
  for (let record = ACCOUNTS; record < accountsEnd; record += ACCOUNT_BYTES) store<u32>(record, 0, A_STAMP);
  for (let slot = SLOTS; slot < slotsEnd; slot += SLOT_BYTES) store<u32>(slot, 0, S_STAMP);
  setStamp(0);
}

/** Begins an execution; its packed transaction is written to INPUTS after this, before `run`. */
export function begin(): void {
  setSingle();
  setBatchEnd(0);
  beginWith(LOGS);
}

/** Begins an execution at INPUT, whose logs are written from `logs` on. */
export function beginWith(logs: usize): void {
  if (!resident) clearState();
  else if (!committed) undo(JOURNAL);
  if (stamp == u32.MAX_VALUE) renewStamps();
  committed = false;
  setStamp(stamp + 1);
  setJournalEnd(JOURNAL);
  setTouchedAccountsEnd(TOUCHED_ACCOUNTS);
  setTouchedSlotsEnd(TOUCHED_SLOTS);
  setLogsFrom(logs);
  setLogsEnd(logs);
  setLogCount(0);
  setRefund(0);
  setReturnBytes(0);
  setTemporaryEnd(TEMPORARY);
  setFrame(0);
  setPhase(PHASE_START);
  setAuthorization(0);
  setAuthorizationRefund(0);
  setUndeclared(0);
  setIntrinsicGas(0);
  setFloorGas(0);
  setTopStatus(0);
  setTopGas(0);
  setCreatedAccount(0);
  setListsSlots(false);
  setFlags(0);
  setLimited(false);
  setLearned(false);
  forgetRecords();
  forgetDeclared();
  beginSettlement();
}

/** The execution cannot have what it needs: its run ends with STATUS_LIMIT. */
export function giveUp(): void {
  setLimited(true);
}

/** Record and field that a key names: the record, with the field told by `missDomain`. */
function locate(key: usize): usize {
  const domain = load<u8>(key);
  setMiss(0, domain);
  if (domain == 4) {
    zero(WORD);
    store<u64>(WORD, bswap<u64>(load<u64>(key, 48)));
    return slotOf(0, BLOCK_HASH, WORD);
  }
  const account = accountAtBytes(key + 1);
  if (domain < 3) return account;
  reverse(key + 24, WORD);
  const incarnation = (<u32>load<u8>(key, 21) << 16) | (<u32>load<u8>(key, 22) << 8) | <u32>load<u8>(key, 23);
  return slotOf(account, incarnation, WORD);
}

/** Hands in values: keys of 56 bytes, big-endian words; `words` or `kinds` may be 0. With kinds they are declared. */
export function preload(count: u32, keys: usize, words: usize, kinds: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const key = keys + <usize>i * 56;
    const record = locate(key);
    const domain = load<u8>(key);
    if (domain < 3) {
      if (words != 0) supplyField(record, domain, words + (<usize>i << 5));
      if (kinds != 0) store<u8>(record + domain, load<u8>(kinds + i), A_KINDS);
    } else {
      if (words != 0) supplySlotValue(record, words + (<usize>i << 5));
      if (kinds != 0) store<u32>(record, load<u8>(kinds + i), S_KIND);
    }
    if (kinds != 0) noteDeclared(record, domain);
  }
}

/** Answers the miss. */
export function supply(word: usize): void {
  if (missDomain < 3) supplyField(missRecord, missDomain, word);
  else supplySlotValue(missRecord, word);
}

/** Puts a value in place in resident state, whatever stood there. */
export function seed(key: usize, word: usize): void {
  const record = locate(key);
  const domain = load<u8>(key);
  if (domain < 3) {
    store<u32>(record, load<u32>(record, A_LOADED) & ~(1 << domain), A_LOADED);
    supplyField(record, domain, word);
  } else {
    store<u32>(record, 0, S_LOADED);
    supplySlotValue(record, word);
  }
}

/** Value that is held for a key, to `out`; false when none is. Makes a record where there was none. */
export function peek(key: usize, out: usize): bool {
  const record = locate(key);
  const domain = load<u8>(key);
  if (domain >= 3) {
    reverse(record + S_VALUE, out);
    return load<u32>(record, S_LOADED) != 0;
  }
  if (domain == 0) reverse(record + A_BALANCE, out);
  else if (domain == 1) {
    zero(out);
    store<u64>(out, bswap<u64>(load<u64>(record, A_NONCE)), 24);
  } else copy(record + A_CODE, out);
  return ((load<u32>(record, A_LOADED) >> domain) & 1) != 0;
}

/** Resident state: what the execution wrote stays. */
export function commit(): void {
  committed = true;
  if (phase != PHASE_DONE || load<u32>(RESULT, RESULT_OUTCOME) != 0) {
    undo(JOURNAL);
    return;
  }
  let wiped = false;
  for (let at = TOUCHED_ACCOUNTS; at < touchedAccountsEnd; at += 4) {
    const account = <usize>load<u32>(at);
    const tx = load<u32>(account, A_TX);
    if (tx & HAS_DELTA) {
      add(account + A_BALANCE, account + A_DELTA, account + A_BALANCE);
      // What was absent was zero.
      store<u32>(account, load<u32>(account, A_LOADED) | LOADED_BALANCE, A_LOADED);
    }
    if (tx & KNOWN_CODE && (!eip158 || (tx & (CREATED | CODE_KEPT)) != 0) && isCodeless(account)) {
      finalCodeWord(account, WORD);
      copy(WORD, account + A_CODE);
    }
    wiped = wiped || (tx & WIPED) != 0;
  }
  if (wiped) wipeSlots();
  setJournalEnd(JOURNAL);
}

/** Storage of removed accounts, whose incarnation may come again when it never left the transaction. */
function wipeSlots(): void {
  for (let at = TOUCHED_SLOTS; at < touchedSlotsEnd; at += 4) {
    const slot = <usize>load<u32>(at);
    const account = <usize>load<u32>(slot, S_ACCOUNT);
    if (account != 0 && load<u32>(account, A_TX) & WIPED) zero(slot + S_VALUE);
  }
}

// ---- Saving and restoring ------------------------------------------------------------------------------------------

const VARIABLES = memory.data(192, 64);
/** Pairs of address and size. */
const RANGES = memory.data(192, 64);
let rangeCount: u32 = 0;

function range(at: usize, size: usize): void {
  store<u32>(RANGES + (<usize>rangeCount << 3), <u32>at);
  store<u32>(RANGES + (<usize>rangeCount << 3), <u32>size, 4);
  rangeCount++;
}

export function variablesAt(): usize {
  return VARIABLES;
}

/** Writes the variables down and lists what to copy; returns the list's address. */
export function ranges(): usize {
  const v = VARIABLES;
  store<u32>(v, <u32>accountsEnd);
  store<u32>(v, <u32>slotsEnd, 4);
  store<u32>(v, <u32>journalEnd, 8);
  store<u32>(v, <u32>touchedAccountsEnd, 12);
  store<u32>(v, <u32>touchedSlotsEnd, 16);
  store<u32>(v, <u32>logsEnd, 20);
  store<u32>(v, logCount, 24);
  store<u32>(v, <u32>returnBytes, 28);
  store<i64>(v, refund, 32);
  store<u32>(v, <u32>temporaryEnd, 40);
  store<u32>(v, <u32>frame, 44);
  store<u32>(v, phase, 48);
  store<u32>(v, authorization, 52);
  store<i64>(v, authorizationRefund, 56);
  store<u32>(v, undeclared, 64);
  store<u32>(v, u32(listsSlots), 68);
  store<i64>(v, intrinsicGas, 72);
  store<i64>(v, floorGas, 80);
  store<i64>(v, topGas, 88);
  store<u32>(v, topStatus, 96);
  store<u32>(v, <u32>createdAccount, 100);
  store<u32>(v, flags, 104);
  store<u32>(v, <u32>missRecord, 108);
  store<u32>(v, missDomain, 112);
  store<u32>(v, stamp, 116);
  store<u32>(v, <u32>logsFrom, 120);
  store<u32>(v, <u32>INPUT, 124);
  store<u32>(v, <u32>RESULT, 128);
  rangeCount = 0;
  range(v, 192);
  range(BLOCK, BLOCK_BYTES);
  range(RESULT, RESULT_BYTES);
  range(MISS, MISS_BYTES);
  range(PAID, 48);
  range(INPUT, inputBytes());
  range(ACCOUNTS, accountsEnd - ACCOUNTS);
  range(SLOTS, slotsEnd - SLOTS);
  range(JOURNAL, journalEnd - JOURNAL);
  range(TOUCHED_ACCOUNTS, touchedAccountsEnd - TOUCHED_ACCOUNTS);
  range(TOUCHED_SLOTS, touchedSlotsEnd - TOUCHED_SLOTS);
  range(LOGS, logsEnd - LOGS);
  range(RETURNS, returnBytes);
  range(TEMPORARY, temporaryEnd - TEMPORARY);
  if (frame != 0) {
    range(FRAMES, frame + FRAME_BYTES - FRAMES);
    range(STACKS, <usize>load<u32>(frame, FRAME_SP) - STACKS);
    range(MEMORY, <usize>load<u32>(frame, FRAME_MEMORY) + <usize>load<u32>(frame, FRAME_MEMORY_BYTES) - MEMORY);
  }
  return RANGES;
}

export function rangesCount(): u32 {
  return rangeCount;
}

/** The ranges are back in place: the rest follows from them. */
export function restored(): void {
  clearState();
  committed = false;
  const v = VARIABLES;
  setAccountsEnd(load<u32>(v));
  setSlotsEnd(load<u32>(v, 4));
  setJournalEnd(load<u32>(v, 8));
  setTouchedAccountsEnd(load<u32>(v, 12));
  setTouchedSlotsEnd(load<u32>(v, 16));
  setLogsEnd(load<u32>(v, 20));
  setLogCount(load<u32>(v, 24));
  setReturnBytes(load<u32>(v, 28));
  setRefund(load<i64>(v, 32));
  setTemporaryEnd(load<u32>(v, 40));
  setFrame(load<u32>(v, 44));
  setPhase(load<u32>(v, 48));
  setAuthorization(load<u32>(v, 52));
  setAuthorizationRefund(load<i64>(v, 56));
  setUndeclared(load<u32>(v, 64));
  setListsSlots(load<u32>(v, 68) != 0);
  setIntrinsicGas(load<i64>(v, 72));
  setFloorGas(load<i64>(v, 80));
  setTopGas(load<i64>(v, 88));
  setTopStatus(load<u32>(v, 96));
  setCreatedAccount(load<u32>(v, 100));
  setFlags(load<u32>(v, 104));
  setMiss(load<u32>(v, 108), load<u32>(v, 112));
  setStamp(load<u32>(v, 116));
  setLogsFrom(load<u32>(v, 120));
  setPlace(load<u32>(v, 124), load<u32>(v, 128));
  setBatchEnd(0);
  setLimited(false);
  setLearned(false);
  forgetRecords();
  forgetDeclared();
  indexAccounts();
  indexSlots();
  setBlobHashes(hashesAt());
}
