// A whole transaction, step by step. Each step first makes known what it needs and only then changes anything, so that
// it can be begun again after a miss.
import {
  accountOf, addDelta, codeOf, exists, fetchEntry, fetchRecord, isCodeless, knowBalance, knowCode, knowNonce, setBalance, setExists, setNonce, touch,
} from "./accounts";
import { applyAuthorizations } from "./authorizations";
import { BLOCK, INPUT, RESULT, RETURNS } from "./bounds";
import { CONTINUE, delegateOf, transfer } from "./calls";
import { accountByNonce, beginCreation, collides, traceCollision, traceCreation } from "./creates";
import { NO_CODE } from "./codes";
import {
  batchEnd, flags, floorGas, intrinsicGas, learned, limited, phase, resident, setCreatedAccount, setFlags, setFloorGas,
  returnBytes, setIntrinsicGas, setListsSlots, setPhase, setReturnBytes, setTopGas, setTopStatus,
} from "./execution";
import { mark, pushFrame, rewind } from "./frames";
import {
  AUTH_BYTES, BLOCK_BASE_FEE, BLOCK_BLOB_BASE_FEE, BLOCK_CHAIN_ID, BLOCK_COINBASE, BLOCK_GAS_LIMIT, BLOCK_GAS_PRICE,
  BLOCK_ORIGIN, CODE_FLAGS, CODEFLAG_DELEGATION, FLAG_STATIC, FRAME_ADDRESS, FRAME_CALLER, FRAME_VALUE, OUTCOME_BYTES, RESULT_OUTCOME,
  RESULT_REASON, RUN_DONE, STATUS_HALT, STATUS_LEARNED, STATUS_LIMIT, STATUS_MISS, STATUS_REVERT, STATUS_STOP,
  TX_ACCESS_ADDRESSES, TX_AUTHORIZATIONS, TX_BLOB_HASHES, TX_BYTES, TX_CHAIN_ID, TX_DATA_BYTES, TX_FLAGS, TX_GAS_LIMIT,
  TX_MAX_BLOB_FEE, TX_MAX_FEE, TX_MAX_PRIORITY_FEE, TX_NONCE, TX_SENDER, TX_TO, TX_TYPE, TX_VALUE, TXFLAG_CALL,
  TXFLAG_CHAIN_ID, TXFLAG_CREATE, TXFLAG_SKIP_FEE, TXFLAG_SKIP_FUNDS, TXFLAG_SKIP_NONCE, TXFLAG_SKIP_SENDER_CODE,
  TXFLAG_STATIC, TXFLAG_SYSTEM,
} from "./layout";
import { runPrecompile } from "./precompiles";
import { A_BALANCE, A_NONCE, A_TX, CREATED, LISTED, S_TX, SLOT_WARM, WARM } from "./records";
import {
  berlin, blobLimit, eip158, homestead, initcodeLimit, initcodeWordGas, isPrecompile, istanbul, maxType, prague,
  shanghai, transactionGasLimit,
} from "./rules";
import { settle } from "./settlement";
import { setBlobHashes } from "./state-operations";
import { slotOf } from "./slots";
import {
  FAILED_FUNDS, FAILED_PRECOMPILE, traceBegin, traceCall, traceCode, traceEnd, traceFlush,
} from "./tracing";
import { add, addCarry, copy, isZero, less, mulSmall, reverse, sub } from "./u256";

export const PHASE_START: u32 = 0;
export const PHASE_SENDER: u32 = 1;
export const PHASE_AUTHORIZATIONS: u32 = 2;
export const PHASE_LAUNCH: u32 = 3;
export const PHASE_SETTLE: u32 = 4;
export const PHASE_DONE: u32 = 5;

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

@inline
export function accountAtBytes(at: usize): usize {
  return accountOf(
    bswap<u64>(load<u64>(at, 12)), bswap<u64>(load<u64>(at, 4)), <u64>bswap<u32>(load<u32>(at)),
  );
}

/** As `fetchEntry`, by 20 bytes. */
export function fetchEntryAtBytes(at: usize): u32 {
  return fetchEntry(
    bswap<u64>(load<u64>(at, 12)), bswap<u64>(load<u64>(at, 4)), <u64>bswap<u32>(load<u32>(at)),
  );
}

// Records of the accounts that every transaction comes back to; 0: not looked up yet.
let senderRecord: usize = 0;
let targetRecord: usize = 0;
let beneficiaryRecord: usize = 0;

/** Another transaction is under way. */
export function forgetRecords(): void {
  senderRecord = 0;
  targetRecord = 0;
  beneficiaryRecord = 0;
}

export function sender(): usize {
  if (senderRecord == 0) senderRecord = accountAtBytes(INPUT + TX_SENDER);
  return senderRecord;
}

function target(): usize {
  if (targetRecord == 0) targetRecord = accountAtBytes(INPUT + TX_TO);
  return targetRecord;
}

export function beneficiary(): usize {
  if (beneficiaryRecord == 0)
    beneficiaryRecord = accountOf(
      load<u64>(BLOCK, BLOCK_COINBASE), load<u64>(BLOCK, BLOCK_COINBASE + 8), load<u64>(BLOCK, BLOCK_COINBASE + 16),
    );
  return beneficiaryRecord;
}

// ---- Places of the parts behind the header ----
@inline
function dataAt(): usize {
  return INPUT + TX_BYTES;
}

@inline
function listAt(): usize {
  return INPUT + TX_BYTES + ((<usize>load<u32>(INPUT, TX_DATA_BYTES) + 7) & ~(<usize>7));
}

export function hashesAt(): usize {
  return hashesOf(INPUT);
}

function hashesOf(packed: usize): usize {
  let at = packed + TX_BYTES + ((<usize>load<u32>(packed, TX_DATA_BYTES) + 7) & ~(<usize>7));
  for (let i = load<u32>(packed, TX_ACCESS_ADDRESSES); i > 0; i--) at += 24 + (<usize>load<u32>(at, 20) << 5);
  return at;
}

export function authorizationsAt(): usize {
  return hashesAt() + (<usize>load<u32>(INPUT, TX_BLOB_HASHES) << 5);
}

/** Bytes of the packed transaction. */
export function inputBytes(): usize {
  return endOf(INPUT) - INPUT;
}

/** End of a packed transaction: the next one of a batch stands there. */
export function endOf(packed: usize): usize {
  return (
    hashesOf(packed) + (<usize>load<u32>(packed, TX_BLOB_HASHES) << 5) +
    <usize>load<u32>(packed, TX_AUTHORIZATIONS) * AUTH_BYTES
  );
}

function countZeros(at: usize, size: usize): u64 {
  let zeros: u64 = 0;
  let i: usize = 0;
  for (; i + 16 <= size; i += 16)
    zeros += popcnt<u32>(v128.bitmask<i8>(v128.eq<i8>(v128.load(at + i), i8x16.splat(0))));
  for (; i < size; i++) zeros += u64(load<u8>(at + i) == 0);
  return zeros;
}

/** Gas charged before execution, and the least that is paid (EIP-7623). */
function oweGas(): void {
  const size = <u64>load<u32>(INPUT, TX_DATA_BYTES);
  const zeros = countZeros(dataAt(), <usize>size);
  const others = size - zeros;
  let gas: u64 = 21000 + zeros * 4 + others * (istanbul ? 16 : 68);
  if (flags & TXFLAG_CREATE) {
    if (homestead) gas += 32000;
    if (shanghai) gas += ((size + 31) >> 5) * <u64>initcodeWordGas;
  }
  let at = listAt();
  for (let i = load<u32>(INPUT, TX_ACCESS_ADDRESSES); i > 0; i--) {
    const keys = load<u32>(at, 20);
    gas += 2400 + <u64>keys * 1900;
    at += 24 + (<usize>keys << 5);
  }
  gas += <u64>load<u32>(INPUT, TX_AUTHORIZATIONS) * 25000;
  setIntrinsicGas(<i64>gas);
  setFloorGas(prague ? <i64>(21000 + 10 * (zeros + 4 * others)) : 0);
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
function start(): i32 {
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
function admit(): i32 {
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

/** Warms without undo. */
export function warmAlways(account: usize): void {
  store<u32>(account, load<u32>(account, A_TX) | WARM, A_TX);
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

/** The outermost frame ends before it began. */
function finish(status: u32, gas: i64): i32 {
  setTopStatus(status);
  setTopGas(gas);
  setPhase(PHASE_SETTLE);
  return CONTINUE;
}

function launch(): i32 {
  if (limited) return STATUS_LIMIT;
  reverse(INPUT + TX_VALUE, VALUE);
  const gas = load<i64>(INPUT, TX_GAS_LIMIT) - intrinsicGas;
  return flags & TXFLAG_CREATE ? launchCreation(gas) : launchCall(gas);
}

function launchCreation(gas: i64): i32 {
  const creator = sender();
  const moves = !isZero(VALUE);
  if (!knowNonce(creator)) return STATUS_MISS;
  if (moves && !knowBalance(creator)) return STATUS_MISS;
  // A bare call has not raised the nonce yet.
  const bare = (flags & TXFLAG_CALL) != 0;
  const nonce = load<u64>(creator, A_NONCE) - (bare ? 0 : 1);
  const account = accountByNonce(creator, nonce);
  const collision = collides(account);
  if (collision < 0) return STATUS_MISS;
  const poor = moves && less(creator + A_BALANCE, VALUE);
  if (moves && !poor && collision == 0 && !knowBalance(account)) return STATUS_MISS;
  if (learned) return STATUS_LEARNED;
  if (bare) setNonce(creator, nonce + 1);
  if (berlin) warmAlways(account);
  setPhase(PHASE_SETTLE);
  setReturnBytes(0);
  if (TRACED) {
    const size = <usize>load<u32>(INPUT, TX_DATA_BYTES);
    traceBegin(VALUE, dataAt(), size, false);
    traceCreation(0xf0, account, size, gas, 0);
  }
  if (poor) {
    if (TRACED) traceEnd(FAILED_FUNDS, 0, gas, INPUT, 0);
    return finish(STATUS_REVERT, gas);
  }
  if (collision > 0) {
    if (TRACED) traceCollision();
    return finish(STATUS_HALT, 0);
  }
  setCreatedAccount(account);
  mark();
  const begun = beginCreation(
    account, creator, VALUE, moves, dataAt(), <usize>load<u32>(INPUT, TX_DATA_BYTES), gas, 0,
  );
  if (begun < 0) return STATUS_LIMIT;
  if (begun == 0) return CONTINUE;
  return finish(begun == 1 ? STATUS_STOP : STATUS_REVERT, gas);
}

/** The word of 20 bytes of an address. */
function addressAt(bytes: usize, out: usize): void {
  store<u64>(out, bswap<u64>(load<u64>(bytes, 12)));
  store<u64>(out, bswap<u64>(load<u64>(bytes, 4)), 8);
  store<u64>(out, <u64>bswap<u32>(load<u32>(bytes)), 16);
  store<u64>(out, 0, 24);
}

function launchCall(gas: i64): i32 {
  const to = INPUT + TX_TO;
  const moves = !isZero(VALUE);
  const account = target();
  const low = bswap<u64>(load<u64>(to, 12));
  const precompile = isPrecompile(low, load<u64>(to, 4), <u64>load<u32>(to));
  let entry = NO_CODE;
  let delegate: usize = 0;
  let blind = false;
  if (!eip158 && exists(account) < 0) return STATUS_MISS;
  if (!precompile) {
    if (!knowCode(account)) return STATUS_MISS;
    // An account without code cannot look at what it receives: the credit commutes.
    blind = eip158 && isCodeless(account) && (load<u32>(account, A_TX) & CREATED) == 0;
  }
  const from = moves ? sender() : 0;
  if (moves) {
    if (!knowBalance(from)) return STATUS_MISS;
    if (!blind && !knowBalance(account)) return STATUS_MISS;
  }
  if (!precompile) {
    entry = codeOf(account);
    if (entry == 0) return STATUS_MISS;
    if (prague && load<u32>(entry, CODE_FLAGS) & CODEFLAG_DELEGATION) {
      delegate = delegateOf(entry);
      entry = codeOf(delegate);
      if (entry == 0) return STATUS_MISS;
    }
  }
  if (learned) return STATUS_LEARNED;
  setPhase(PHASE_SETTLE);
  setReturnBytes(0);
  if (flags & TXFLAG_SYSTEM && entry == NO_CODE) return finish(STATUS_STOP, gas);
  if (delegate != 0) warmAlways(delegate);
  mark();
  if (TRACED) {
    addressAt(to, A);
    traceBegin(VALUE, dataAt(), <usize>load<u32>(INPUT, TX_DATA_BYTES), (flags & TXFLAG_STATIC) != 0);
    traceCall(0xf1, 0, precompile ? 0 : traceCode(entry), gas, 0, A);
  }
  if (moves && less(from + A_BALANCE, VALUE)) {
    if (TRACED) traceEnd(FAILED_FUNDS, 0, gas, INPUT, 0);
    return finish(STATUS_REVERT, gas);
  }
  touch(account);
  if (!eip158) setExists(account, true);
  if (moves) {
    if (blind) {
      sub(from + A_BALANCE, VALUE, A);
      setBalance(from, A);
      addDelta(account, VALUE);
    } else if (!transfer(from, account, VALUE)) {
      rewind();
      if (TRACED) traceEnd(FAILED_FUNDS, 0, gas, INPUT, 0);
      return finish(STATUS_REVERT, gas);
    }
  }
  const size = load<u32>(INPUT, TX_DATA_BYTES);
  if (precompile) {
    const left = runPrecompile(<i32>low, dataAt(), size, gas);
    if (limited) return STATUS_LIMIT;
    if (TRACED) {
      if (left >= 0) traceEnd(0, 0, left, RETURNS, returnBytes);
      else traceEnd(FAILED_PRECOMPILE, 0, 0, RETURNS, 0);
    }
    if (left >= 0) return finish(STATUS_STOP, left);
    rewind();
    return finish(STATUS_HALT, 0);
  }
  if (entry == NO_CODE) {
    if (TRACED) traceEnd(0, 0, gas, RETURNS, 0);
    return finish(STATUS_STOP, gas);
  }
  const child = pushFrame(entry, 0, flags & TXFLAG_STATIC ? FLAG_STATIC : 0, account, dataAt(), size, gas, 0);
  if (child == 0) return STATUS_LIMIT;
  addressAt(to, child + FRAME_ADDRESS);
  copy(BLOCK + BLOCK_ORIGIN, child + FRAME_CALLER);
  copy(VALUE, child + FRAME_VALUE);
  return CONTINUE;
}

/** The transaction's next step, while no frame is there: CONTINUE, or a RUN_*. */
export function advance(): i32 {
  switch (phase) {
    case PHASE_START:
      return start();
    case PHASE_SENDER:
      return admit();
    case PHASE_AUTHORIZATIONS: {
      const status = applyAuthorizations();
      if (status == CONTINUE) setPhase(PHASE_LAUNCH);
      return status;
    }
    case PHASE_LAUNCH:
      return launch();
    case PHASE_SETTLE: {
      const status = settle();
      if (status == CONTINUE) {
        if (TRACED) traceFlush();
        setPhase(PHASE_DONE);
        return RUN_DONE;
      }
      return status;
    }
    default:
      return RUN_DONE;
  }
}
