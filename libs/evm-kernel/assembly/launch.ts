// The outermost call or creation of a transaction: value moves, and the first frame begins, unless it ends at once.
import {
  addDelta, codeOf, exists, isCodeless, knowBalance, knowCode, knowNonce, setBalance, setExists, setNonce, touch,
  warmAlways,
} from "./accounts";
import { BLOCK, INPUT, RETURNS } from "./bounds";
import { CONTINUE, delegateOf, transfer } from "./calls";
import { NO_CODE } from "./codes";
import { accountByNonce, beginCreation, collides, traceCollision, traceCreation } from "./creates";
import {
  flags, intrinsicGas, learned, limited, PHASE_SETTLE, returnBytes, setCreatedAccount, setPhase, setReturnBytes,
  setTopGas, setTopStatus,
} from "./execution";
import { mark, pushFrame, rewind } from "./frames";
import {
  BLOCK_ORIGIN, CODEFLAG_DELEGATION, CODE_FLAGS, FLAG_STATIC, FRAME_ADDRESS, FRAME_CALLER, FRAME_VALUE, STATUS_HALT,
  STATUS_LEARNED, STATUS_LIMIT, STATUS_MISS, STATUS_REVERT, STATUS_STOP, TXFLAG_CALL, TXFLAG_CREATE, TXFLAG_STATIC,
  TXFLAG_SYSTEM, TX_DATA_BYTES, TX_GAS_LIMIT, TX_TO, TX_VALUE,
} from "./layout";
import { dataAt } from "./packed-transaction";
import { sender, target } from "./parties";
import { runPrecompile } from "./precompiles";
import { A_BALANCE, A_NONCE, A_TX, CREATED } from "./records";
import { berlin, eip158, isPrecompile, prague } from "./rules";
import { FAILED_FUNDS, FAILED_PRECOMPILE, traceBegin, traceCall, traceCode, traceEnd } from "./tracing";
import { copy, isZero, less, reverse, sub } from "./u256";

const VALUE = memory.data(32, 64);
const A = memory.data(32, 64);

/** The outermost frame ends before it began. */
function finish(status: u32, gas: i64): i32 {
  setTopStatus(status);
  setTopGas(gas);
  setPhase(PHASE_SETTLE);
  return CONTINUE;
}

export function launch(): i32 {
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
