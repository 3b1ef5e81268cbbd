// Whether a transaction may run: checks that need no state, then those that need its sender; then it has bought its gas,
// and is charged whatever happens. What is refused has no effect.
import {
  accountAtBytes, codeOf, exists, fetchEntryAtBytes, fetchRecord, isCodeless, knowBalance, knowCode, knowNonce,
  setBalance, setNonce, touch, warmAlways,
} from "./accounts";
import { BLOCK, INPUT, RESULT } from "./bounds";
import { CONTINUE } from "./calls";
import {
  batchEnd, flags, floorGas, intrinsicGas, learned, PHASE_AUTHORIZATIONS, PHASE_DONE, PHASE_LAUNCH, PHASE_SENDER,
  resident, setFlags, setFloorGas, setIntrinsicGas, setListsSlots, setPhase,
} from "./execution";
import { oweGas } from "./intrinsic-gas";
import {
  BLOCK_BASE_FEE, BLOCK_BLOB_BASE_FEE, BLOCK_CHAIN_ID, BLOCK_GAS_LIMIT, BLOCK_GAS_PRICE, BLOCK_ORIGIN,
  CODEFLAG_DELEGATION, CODE_FLAGS, OUTCOME_BYTES, RESULT_OUTCOME, RESULT_REASON, RUN_DONE, STATUS_LEARNED, STATUS_MISS,
  TXFLAG_CALL, TXFLAG_CHAIN_ID, TXFLAG_CREATE, TXFLAG_SKIP_FEE, TXFLAG_SKIP_FUNDS, TXFLAG_SKIP_NONCE,
  TXFLAG_SKIP_SENDER_CODE, TXFLAG_SYSTEM, TX_ACCESS_ADDRESSES, TX_AUTHORIZATIONS, TX_BLOB_HASHES, TX_CHAIN_ID,
  TX_DATA_BYTES, TX_FLAGS, TX_GAS_LIMIT, TX_MAX_BLOB_FEE, TX_MAX_FEE, TX_MAX_PRIORITY_FEE, TX_NONCE, TX_SENDER, TX_TO,
  TX_TYPE, TX_VALUE,
} from "./layout";
import { hashesAt, listAt } from "./packed-transaction";
import { beneficiary, sender, target } from "./parties";
import { A_BALANCE, A_NONCE, LISTED, SLOT_WARM, S_TX } from "./records";
import { berlin, blobLimit, eip158, initcodeLimit, maxType, prague, shanghai, transactionGasLimit } from "./rules";
import { slotOf } from "./slots";
import { setBlobHashes } from "./state-operations";
import { add, addCarry, copy, isZero, less, reverse, sub } from "./u256";
import { mulSmall } from "./u256-products";

const BLOB_GAS: u64 = 131072;

/** Wei taken from the sender for gas; and u32 1 behind it when it was all that is due. Saved with the execution. */
export const PAID = memory.data(48, 64);
export const PAID_ALL: usize = 32;

const VALUE = memory.data(32, 64);
const MAX_FEE = memory.data(32, 64);
const PRIORITY = memory.data(32, 64);
const A = memory.data(32, 64);
const B = memory.data(32, 64);

// Places in REASONS of src/reasons.ts.
const NONCE_TOO_LOW: u32 = 1;
const NONCE_TOO_HIGH: u32 = 2;
const NONCE_MAX: u32 = 3;
const INSUFFICIENT_FUNDS: u32 = 4;
const FEE_CAP: u32 = 5;
const BLOB_FEE_CAP: u32 = 6;
const PRIORITY_ABOVE_CAP: u32 = 7;
const SENDER_NOT_EOA: u32 = 8;
const INTRINSIC_GAS: u32 = 9;
const GAS_LIMIT: u32 = 10;
const INITCODE_SIZE: u32 = 11;
const TYPE_UNSUPPORTED: u32 = 12;
const CHAIN_ID: u32 = 13;
const BLOBS_INVALID: u32 = 14;
const AUTHORIZATIONS_INVALID: u32 = 15;
const REJECTED: u32 = 1;
const RETURNED: u32 = 2;

/** Ends the transaction without effect. */
function refuse(outcome: u32, reason: u32): i32 {
  // Nothing of the transaction before shows through.
  memory.fill(RESULT, 0, OUTCOME_BYTES);
  store<u32>(RESULT, outcome, RESULT_OUTCOME);
  store<u32>(RESULT, reason, RESULT_REASON);
  setPhase(PHASE_DONE);
  return RUN_DONE;
}

/** The block's gas limit was a double, so above 2^53 it may be up to 2047 too low; no real block is there. */
function exceeds(gasLimit: u64, blockLimit: u64): bool {
  return gasLimit > blockLimit && (gasLimit <= 1 << 53 || gasLimit - blockLimit > 2047);
}

/** Looks both accounts of a transfer up (a batch has, already): the processor waits for both at once. */
function fetchAccounts(): void {
  if (isZero(VALUE)) return;
  fetchRecord(fetchEntryAtBytes(INPUT + TX_SENDER));
  if ((flags & TXFLAG_CREATE) == 0) fetchRecord(fetchEntryAtBytes(INPUT + TX_TO));
}

/** Checks that need no state. */
export function start(): i32 {
  setFlags(load<u32>(INPUT, TX_FLAGS));
  setBlobHashes(hashesAt());
  reverse(INPUT + TX_VALUE, VALUE);
  const from = INPUT + TX_SENDER;
  store<u64>(BLOCK, bswap<u64>(load<u64>(from, 12)), BLOCK_ORIGIN);
  store<u64>(BLOCK, bswap<u64>(load<u64>(from, 4)), BLOCK_ORIGIN + 8);
  store<u64>(BLOCK, <u64>bswap<u32>(load<u32>(from)), BLOCK_ORIGIN + 16);
  store<u64>(BLOCK, 0, BLOCK_ORIGIN + 24);
  reverse(INPUT + TX_MAX_FEE, MAX_FEE);
  if (resident && batchEnd == 0) fetchAccounts();
  if (flags & (TXFLAG_CALL | TXFLAG_SYSTEM)) {
    copy(MAX_FEE, BLOCK + BLOCK_GAS_PRICE);
    setIntrinsicGas(0);
    setFloorGas(0);
    if (flags & TXFLAG_CALL) warmUp();
    setPhase(PHASE_LAUNCH);
    return CONTINUE;
  }
  const type = load<u32>(INPUT, TX_TYPE);
  if (type > maxType) return refuse(REJECTED, TYPE_UNSUPPORTED);
  if (flags & TXFLAG_CHAIN_ID && load<u64>(INPUT, TX_CHAIN_ID) != load<u64>(BLOCK, BLOCK_CHAIN_ID))
    return refuse(REJECTED, CHAIN_ID);
  const gasLimit = load<u64>(INPUT, TX_GAS_LIMIT);
  if (exceeds(gasLimit, load<u64>(BLOCK, BLOCK_GAS_LIMIT)) || gasLimit > transactionGasLimit)
    return refuse(REJECTED, GAS_LIMIT);
  const creates = (flags & TXFLAG_CREATE) != 0;
  if (creates && load<u32>(INPUT, TX_DATA_BYTES) > initcodeLimit) return refuse(REJECTED, INITCODE_SIZE);
  reverse(INPUT + TX_MAX_PRIORITY_FEE, PRIORITY);
  if (less(MAX_FEE, PRIORITY)) return refuse(REJECTED, PRIORITY_ABOVE_CAP);
  const cheap = less(MAX_FEE, BLOCK + BLOCK_BASE_FEE);
  if (cheap && (flags & TXFLAG_SKIP_FEE) == 0) return refuse(RETURNED, FEE_CAP);
  if (type == 3) {
    const count = load<u32>(INPUT, TX_BLOB_HASHES);
    if (count == 0 || count > blobLimit || creates) return refuse(REJECTED, BLOBS_INVALID);
    const hashes = hashesAt();
    for (let i: u32 = 0; i < count; i++)
      if (load<u8>(hashes + (<usize>i << 5)) != 1) return refuse(REJECTED, BLOBS_INVALID);
    reverse(INPUT + TX_MAX_BLOB_FEE, A);
    if (less(A, BLOCK + BLOCK_BLOB_BASE_FEE) && (flags & TXFLAG_SKIP_FEE) == 0) return refuse(RETURNED, BLOB_FEE_CAP);
  }
  if (type == 4 && (load<u32>(INPUT, TX_AUTHORIZATIONS) == 0 || creates))
    return refuse(REJECTED, AUTHORIZATIONS_INVALID);
  oweGas();
  if (<i64>gasLimit < intrinsicGas || <i64>gasLimit < floorGas) return refuse(REJECTED, INTRINSIC_GAS);
  // Price of gas: base fee and tip, as the caps allow.
  if (cheap) copy(MAX_FEE, BLOCK + BLOCK_GAS_PRICE);
  else {
    sub(MAX_FEE, BLOCK + BLOCK_BASE_FEE, A);
    add(BLOCK + BLOCK_BASE_FEE, less(PRIORITY, A) ? PRIORITY : A, BLOCK + BLOCK_GAS_PRICE);
  }
  setPhase(PHASE_SENDER);
  return CONTINUE;
}

/** `gasLimit * price + blobs * blobPrice + extra` to `out`; true when it passes 256 bits. */
function total(price: usize, blobPrice: usize, extra: usize, out: usize): bool {
  let over = mulSmall(price, load<u64>(INPUT, TX_GAS_LIMIT), out) != 0;
  over = mulSmall(blobPrice, <u64>load<u32>(INPUT, TX_BLOB_HASHES) * BLOB_GAS, B) != 0 || over;
  over = addCarry(out, B, out) || over;
  if (extra != 0) over = addCarry(out, extra, out) || over;
  return over;
}

/** Checks that need the sender's account; then buys the gas and warms what starts warm. */
export function admit(): i32 {
  const account = sender();
  if (!knowNonce(account)) return STATUS_MISS;
  const nonce = load<u64>(account, A_NONCE);
  if ((flags & TXFLAG_SKIP_NONCE) == 0) {
    const given = load<u64>(INPUT, TX_NONCE);
    if (given < nonce) return refuse(REJECTED, NONCE_TOO_LOW);
    if (given > nonce) return refuse(RETURNED, NONCE_TOO_HIGH);
    if (nonce == u64.MAX_VALUE) return refuse(REJECTED, NONCE_MAX);
  }
  if ((flags & TXFLAG_SKIP_SENDER_CODE) == 0) {
    if (!knowCode(account)) return STATUS_MISS;
    if (!isCodeless(account)) {
      if (!prague) return refuse(REJECTED, SENDER_NOT_EOA);
      const entry = codeOf(account);
      if (entry == 0) return STATUS_MISS;
      if ((load<u32>(entry, CODE_FLAGS) & CODEFLAG_DELEGATION) == 0) return refuse(REJECTED, SENDER_NOT_EOA);
    }
  }
  if (!knowBalance(account)) return STATUS_MISS;
  reverse(INPUT + TX_VALUE, VALUE);
  reverse(INPUT + TX_MAX_FEE, MAX_FEE);
  reverse(INPUT + TX_MAX_BLOB_FEE, PRIORITY);
  const balance = account + A_BALANCE;
  const unpayable = total(MAX_FEE, PRIORITY, VALUE, A) || less(balance, A);
  if (unpayable && (flags & TXFLAG_SKIP_FUNDS) == 0) return refuse(REJECTED, INSUFFICIENT_FUNDS);
  if (learned) return STATUS_LEARNED;

  warmUp();
  // Who skips the check of funds buys gas with what is there.
  const beyond = total(BLOCK + BLOCK_GAS_PRICE, BLOCK + BLOCK_BLOB_BASE_FEE, 0, PAID) || less(balance, PAID);
  if (beyond) copy(balance, PAID);
  store<u32>(PAID, u32(!beyond), PAID_ALL);
  sub(balance, PAID, A);
  setBalance(account, A);
  setNonce(account, nonce + 1);
  touch(account);
  if (!eip158) exists(account);
  setPhase(PHASE_AUTHORIZATIONS);
  return CONTINUE;
}

/** EIP-2929, 2930, 3651. */
function warmUp(): void {
  if (!berlin) return;
  // A bare call may have no use for its caller's record: `isWarm` knows the address.
  if ((flags & TXFLAG_CALL) == 0) warmAlways(sender());
  if ((flags & TXFLAG_CREATE) == 0) warmAlways(target());
  if (shanghai) warmAlways(beneficiary());
  let at = listAt();
  for (let i = load<u32>(INPUT, TX_ACCESS_ADDRESSES); i > 0; i--) {
    const account = accountAtBytes(at);
    warmAlways(account);
    const keys = load<u32>(at, 20);
    at += 24;
    for (let k: u32 = 0; k < keys; k++) {
      reverse(at, A);
      const slot = slotOf(account, LISTED, A);
      store<u32>(slot, load<u32>(slot, S_TX) | SLOT_WARM, S_TX);
      setListsSlots(true);
      at += 32;
    }
  }
}
