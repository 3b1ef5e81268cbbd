// The end of a transaction: refunds, the sender's change, the beneficiary's fee, and accounts that are removed.
import {
  addDelta, exists, firstCode, hasNoHash, isCodeless, knowBalance, knowCode, knowNonce, setBalance, setCode,
  setExists, setNonce, touch,
} from "./accounts";
import { PAID, PAID_ALL } from "./admission";
import { BLOCK, INPUT, RESULT, RETURNS, TOUCHED_ACCOUNTS } from "./bounds";
import { CONTINUE } from "./calls";
import { NO_CODE } from "./codes";
import {
  authorizationRefund, createdAccount, flags, floorGas, intrinsicGas, learned, logCount, logsEnd, logsFrom, refund, returnBytes,
  topGas, topStatus, touchedAccountsEnd,
} from "./execution";
import {
  BLOCK_BASE_FEE, BLOCK_GAS_PRICE, RESULT_CREATED, RESULT_EXECUTION_GAS, RESULT_FEE, RESULT_GAS_USED,
  RESULT_HAS_CREATED, RESULT_LOG_BYTES, RESULT_LOG_COUNT, RESULT_LOGS, RESULT_OUTCOME, RESULT_REASON, RESULT_REFUND,
  RESULT_RETURN, RESULT_RETURN_BYTES, RESULT_STATUS, STATUS_LEARNED, STATUS_MISS, STATUS_RETURN, TX_GAS_LIMIT,
  TXFLAG_CALL, TXFLAG_KEEPS_EMPTY, TXFLAG_SYSTEM,
} from "./layout";
import { putAddress } from "./misses";
import { beneficiary, sender } from "./parties";
import {
  A_BALANCE, A_CODE, A_DELTA, A_NONCE, A_TX, DESTROYED, EXISTS, HAS_DELTA, NEW, SETTLED, TOUCHED, WIPED,
} from "./records";
import { cancun, eip158, london, maxRefundQuotient } from "./rules";
import { add, copy, isZero, less, reverse, sub, zero } from "./u256";
import { mulSmall } from "./u256-products";

const WORD = memory.data(32, 64);
const FEE = memory.data(32, 64);

/** Settled: what comes after may miss, and must not pay again. Kept behind PAID. */
const SETTLED_AT: usize = 36;

export function beginSettlement(): void {
  store<u32>(PAID, 0, SETTLED_AT);
}

/** CONTINUE when all is done. */
export function settle(): i32 {
  if (flags & (TXFLAG_CALL | TXFLAG_SYSTEM)) {
    report(load<i64>(INPUT, TX_GAS_LIMIT) - topGas, refund);
    return CONTINUE;
  }
  if (load<u32>(PAID, SETTLED_AT) == 0) {
    const status = pay();
    if (status != CONTINUE) return status;
    store<u32>(PAID, 1, SETTLED_AT);
  }
  return cleanUp();
}

function pay(): i32 {
  const gasLimit = load<i64>(INPUT, TX_GAS_LIMIT);
  const spent = gasLimit - topGas;
  const back = min<i64>(authorizationRefund + refund, spent / maxRefundQuotient);
  const used = max<i64>(spent - back, floorGas);
  mulFee(used);
  const collector = beneficiary();
  const free = isZero(FEE);
  if (free && !eip158) {
    const there = exists(collector);
    if (there < 0) return STATUS_MISS;
    if (there == 0 && (!knowNonce(collector) || !knowBalance(collector))) return STATUS_MISS;
    if (learned) return STATUS_LEARNED;
  }
  const account = sender();
  mulSmall(BLOCK + BLOCK_GAS_PRICE, <u64>(gasLimit - used), WORD);
  if (load<u32>(PAID, PAID_ALL) == 0 && less(PAID, WORD)) copy(PAID, WORD);
  add(account + A_BALANCE, WORD, WORD);
  setBalance(account, WORD);
  if (!free) {
    addDelta(collector, FEE);
    const tx = load<u32>(collector, A_TX);
    if (!eip158 && (tx & SETTLED) != 0 && (tx & EXISTS) == 0) store<u32>(collector, tx | EXISTS, A_TX);
  } else if (!eip158) store<u32>(collector, load<u32>(collector, A_TX) | SETTLED | EXISTS, A_TX);
  else if (flags & TXFLAG_KEEPS_EMPTY) touch(collector);
  reverse(FEE, RESULT + RESULT_FEE);
  report(used, back);
  return CONTINUE;
}

/** What the beneficiary gets for `used` gas: the tip from London on. */
function mulFee(used: i64): void {
  const price = BLOCK + BLOCK_GAS_PRICE;
  if (!london) copy(price, FEE);
  else if (less(BLOCK + BLOCK_BASE_FEE, price)) sub(price, BLOCK + BLOCK_BASE_FEE, FEE);
  else zero(FEE);
  mulSmall(FEE, <u64>used, FEE);
}

function report(used: i64, back: i64): void {
  const succeeded = topStatus <= <u32>STATUS_RETURN;
  store<u32>(RESULT, 0, RESULT_OUTCOME);
  store<u32>(RESULT, 0, RESULT_REASON);
  store<u32>(RESULT, u32(succeeded), RESULT_STATUS);
  store<i64>(RESULT, used, RESULT_GAS_USED);
  store<i64>(RESULT, back, RESULT_REFUND);
  store<i64>(RESULT, load<i64>(INPUT, TX_GAS_LIMIT) - intrinsicGas - topGas, RESULT_EXECUTION_GAS);
  const created = succeeded && createdAccount != 0;
  store<u32>(RESULT, u32(created), RESULT_HAS_CREATED);
  if (created) putAddress(createdAccount, RESULT + RESULT_CREATED);
  store<u32>(RESULT, <u32>RETURNS, RESULT_RETURN);
  store<u32>(RESULT, <u32>returnBytes, RESULT_RETURN_BYTES);
  store<u32>(RESULT, <u32>logsFrom, RESULT_LOGS);
  store<u32>(RESULT, <u32>(logsEnd - logsFrom), RESULT_LOG_BYTES);
  store<u32>(RESULT, logCount, RESULT_LOG_COUNT);
}

/** Removes an account; its storage starts over under the next incarnation. False on a miss. */
function remove(account: usize): bool {
  if (!knowBalance(account) || !knowNonce(account) || !knowCode(account)) return false;
  zero(WORD);
  setBalance(account, WORD);
  setNonce(account, 0);
  const first = firstCode(account);
  const hadCode = !hasNoHash(first);
  const hadStorage = hadCode || (load<u8>(first) & 2) != 0;
  const incarnation = bswap<u32>(load<u32>(first)) & 0xffffff;
  setCode(account, 0, incarnation + u32(hadStorage), NO_CODE, 0);
  setExists(account, false);
  store<u32>(account, load<u32>(account, A_TX) | WIPED, A_TX);
  return true;
}

/** Accounts that selfdestructed, and from EIP-158 on those touched while empty. */
function cleanUp(): i32 {
  for (let at = TOUCHED_ACCOUNTS; at < touchedAccountsEnd; at += 4) {
    const account = <usize>load<u32>(at);
    const tx = load<u32>(account, A_TX);
    if ((tx & DESTROYED) == 0 || (tx & WIPED) != 0 || (cancun && (tx & NEW) == 0)) continue;
    if (!remove(account)) return STATUS_MISS;
  }
  if (!eip158 || (flags & TXFLAG_KEEPS_EMPTY) == 0) return CONTINUE;
  for (let at = TOUCHED_ACCOUNTS; at < touchedAccountsEnd; at += 4) {
    const account = <usize>load<u32>(at);
    const tx = load<u32>(account, A_TX);
    if ((tx & TOUCHED) == 0 || (tx & WIPED) != 0) continue;
    if (tx & HAS_DELTA && !isZero(account + A_DELTA)) continue;
    if (!knowCode(account)) return STATUS_MISS;
    if ((load<u8>(account, A_CODE) & 1) == 0 || !isCodeless(account)) continue;
    if (!knowNonce(account)) return STATUS_MISS;
    if (load<u64>(account, A_NONCE) != 0) continue;
    if (!knowBalance(account)) return STATUS_MISS;
    if (isZero(account + A_BALANCE) && !remove(account)) return STATUS_MISS;
  }
  if (learned) return STATUS_LEARNED;
  return CONTINUE;
}

