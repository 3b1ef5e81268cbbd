// CALL, CALLCODE, DELEGATECALL and STATICCALL, on a frame in canonical state: first everything that may be missing is
// made known, in the order in which gas is paid for it; then it happens.
import {
  accountAt, accountOf, codeOf, exists, isDead, isWarm, knowBalance, knowCode, setBalance, setExists, touch, warm,
} from "./accounts";
import { NO_CODE } from "./codes";
import { learned, limited, setReturnBytes } from "./execution";
import { expansionGas, grow, rangeEnd } from "./expansion";
import { answer, mark, pushFrame, rewind } from "./frames";
import {
  CODE_AT, CODE_FLAGS, CODEFLAG_DELEGATION, FLAG_STATIC, FRAME_ADDRESS, FRAME_CALLER, FRAME_DEPTH, FRAME_FLAGS,
  FRAME_GAS, FRAME_MEMORY, FRAME_OUT, FRAME_OUT_BYTES, FRAME_PC, FRAME_SELF, FRAME_SP, FRAME_VALUE,
  MAX_DEPTH, STATUS_HALT, STATUS_LEARNED, STATUS_LIMIT, STATUS_MISS,
} from "./layout";
import { runPrecompile } from "./precompiles";
import { A_BALANCE } from "./records";
import {
  berlin, callNewAccountGas, callStipend, callValueGas, coldAccountGas, eip158, isPrecompile, prague, tangerine,
  warmAccountGas,
} from "./rules";
import { RETURNS } from "./bounds";
import { returnBytes } from "./execution";
import { accountGas } from "./state-operations";
import { FAILED_FUNDS, FAILED_PRECOMPILE, traceCall, traceCode, traceDone, traceEnd } from "./tracing";
import { addCarry, copy, isZero, less, saturated, sub, zero } from "./u256";
import { addressMask } from "./u256-bits";

const CALL: u32 = 0xf1;
const CALLCODE: u32 = 0xf2;
const DELEGATECALL: u32 = 0xf4;
const STATICCALL: u32 = 0xfa;

/** The trampoline goes on with the current frame. */
export const CONTINUE: i32 = -1;

const SUM = memory.data(32, 64);

/** Account that a delegation designator (0xef0100 and 20 bytes) names. */
export function delegateOf(entry: usize): usize {
  const at = <usize>load<u32>(entry, CODE_AT) + 3;
  return accountOf(
    bswap<u64>(load<u64>(at, 12)), bswap<u64>(load<u64>(at, 4)), <u64>bswap<u32>(load<u32>(at)),
  );
}

/** Moves ether between accounts whose balances are known; false when the sum overflows. */
export function transfer(from: usize, to: usize, value: usize): bool {
  sub(from + A_BALANCE, value, SUM);
  setBalance(from, SUM);
  if (addCarry(to + A_BALANCE, value, SUM)) return false;
  setBalance(to, SUM);
  return true;
}

export function call(frame: usize, op: u32): i32 {
  const sp = <usize>load<u32>(frame, FRAME_SP);
  const self = <usize>load<u32>(frame, FRAME_SELF);
  const hasValue = op == CALL || op == CALLCODE;
  const to = sp - 64;
  const value = sp - 96;
  const rest = hasValue ? sp - 128 : sp - 96;
  const moves = hasValue && !isZero(value);
  const isStatic = (load<u32>(frame, FRAME_FLAGS) & FLAG_STATIC) != 0;
  if (op == CALL && isStatic && moves) return STATUS_HALT;
  const inputAt = saturated(rest);
  const inputBytes = saturated(rest - 32);
  const outputAt = saturated(rest - 64);
  const outputBytes = saturated(rest - 96);
  const end = max<u64>(rangeEnd(inputAt, inputBytes), rangeEnd(outputAt, outputBytes));
  let cost = expansionGas(frame, end);
  if (cost < 0) return STATUS_HALT;
  const gas = load<i64>(frame, FRAME_GAS);
  const target = accountAt(to);
  cost += accountGas(target, op) + (moves ? callValueGas : 0);
  if (gas < cost) return STATUS_HALT;

  if (op == CALL && (moves || !eip158)) {
    const dead = isDead(target);
    if (dead < 0) return STATUS_MISS;
    if (dead > 0) cost += callNewAccountGas;
  }
  // Before EIP-150 what is asked for must be there, so nothing more of the target is looked at without it.
  if (!tangerine && (gas < cost || saturated(sp - 32) > <u64>(gas - cost))) return STATUS_HALT;
  const precompile = isPrecompile(load<u64>(to), load<u64>(to, 8), load<u64>(to, 16) & 0xffffffff);
  const tooDeep = load<u32>(frame, FRAME_DEPTH) >= <u32>MAX_DEPTH;
  let looks = true;
  if (!prague) {
    // Whether the callee delegates is part of the price from Prague on; before it, a call that cannot be made does not
    // look at the callee.
    if (gas < cost) return STATUS_HALT;
    looks = !tooDeep;
    if (looks && moves) {
      if (!knowBalance(self)) return STATUS_MISS;
      looks = !less(self + A_BALANCE, value);
    }
  }
  let entry = NO_CODE;
  let delegate: usize = 0;
  if (precompile) {
    // Whether a precompile delegates is asked like of any account.
    if (prague && !knowCode(target)) return STATUS_MISS;
  } else if (looks) {
    entry = codeOf(target);
    if (entry == 0) return STATUS_MISS;
    if (prague && load<u32>(entry, CODE_FLAGS) & CODEFLAG_DELEGATION) {
      delegate = delegateOf(entry);
      cost += isWarm(delegate) || delegate == target ? warmAccountGas : coldAccountGas;
    }
  }
  if (gas < cost) return STATUS_HALT;
  const remaining = gas - cost;
  const requested = saturated(sp - 32);
  let given: i64;
  if (tangerine) {
    const most = remaining - remaining / 64;
    given = requested < <u64>most ? <i64>requested : most;
  } else given = <i64>requested;
  let poor = false;
  if (moves && !tooDeep) {
    if (!knowBalance(self)) return STATUS_MISS;
    poor = less(self + A_BALANCE, value);
    if (!poor && op == CALL && !knowBalance(target)) return STATUS_MISS;
  }
  if (delegate != 0 && !tooDeep && !poor) {
    entry = codeOf(delegate);
    if (entry == 0) return STATUS_MISS;
  }
  if (!eip158 && !tooDeep && !poor && op == CALL && exists(target) < 0) return STATUS_MISS;
  if (learned) return STATUS_LEARNED;

  // Nothing can be missing from here on.
  if (berlin) {
    warm(target);
    if (delegate != 0) warm(delegate);
  }
  grow(frame, end);
  if (limited) return STATUS_LIMIT;
  store<i64>(frame, remaining - given, FRAME_GAS);
  store<u32>(frame, load<u32>(frame, FRAME_PC) + 1, FRAME_PC);
  store<u32>(frame, <u32>(rest - 96), FRAME_SP);
  setReturnBytes(0);
  if (moves) given += callStipend;
  if (tooDeep || poor) {
    if (TRACED) traceDone(op, frame, load<i64>(frame, FRAME_GAS) + given, 0);
    return back(frame, given, 0);
  }

  // Pushing the child overwrites nothing of the operands, but the answer does: take the value along.
  mark();
  if (TRACED) {
    const code = precompile ? 0 : traceCode(entry);
    traceCall(op, load<u32>(frame, FRAME_DEPTH) + 1, code, given, load<i64>(frame, FRAME_GAS), to);
  }
  if (op == CALL || op == STATICCALL) {
    touch(target);
    if (!eip158) setExists(target, true);
  }
  if (moves) {
    if (op == CALL) {
      if (!transfer(self, target, value)) {
        rewind();
        if (TRACED) traceEnd(FAILED_FUNDS, load<u32>(frame, FRAME_DEPTH) + 1, given, RETURNS, 0);
        return back(frame, given, 0);
      }
    } else setBalance(self, self + A_BALANCE);
  }
  const memoryAt = <usize>load<u32>(frame, FRAME_MEMORY);
  const input = inputBytes == 0 ? memoryAt : memoryAt + <usize>inputAt;
  if (precompile) {
    const left = runPrecompile(<i32>load<u64>(to), input, <usize>inputBytes, given);
    if (limited) return STATUS_LIMIT;
    if (left < 0) {
      rewind();
      if (TRACED) traceEnd(FAILED_PRECOMPILE, load<u32>(frame, FRAME_DEPTH) + 1, 0, RETURNS, 0);
      return back(frame, 0, 0);
    }
    if (TRACED) traceEnd(0, load<u32>(frame, FRAME_DEPTH) + 1, left, RETURNS, returnBytes);
    const there = min<u64>(outputBytes, <u64>returnBytes);
    if (there > 0) memory.copy(memoryAt + <usize>outputAt, RETURNS, <usize>there);
    return back(frame, left, 1);
  }
  if (entry == NO_CODE) {
    if (TRACED) traceEnd(0, load<u32>(frame, FRAME_DEPTH) + 1, given, RETURNS, 0);
    return back(frame, given, 1);
  }

  const inherits = op == DELEGATECALL || op == CALLCODE;
  const flags = op == STATICCALL || isStatic ? <u32>FLAG_STATIC : 0;
  // The child's stack begins where the operands were.
  copy(value, VALUE);
  copy(to, TO);
  const child = pushFrame(entry, op, flags, inherits ? self : target, input, <u32>inputBytes, given, 0);
  if (child == 0) return STATUS_LIMIT;
  store<u32>(child, <u32>outputAt, FRAME_OUT);
  store<u32>(child, <u32>outputBytes, FRAME_OUT_BYTES);
  if (inherits) copy(frame + FRAME_ADDRESS, child + FRAME_ADDRESS);
  else addressMask(TO, child + FRAME_ADDRESS);
  if (op == DELEGATECALL) {
    copy(frame + FRAME_CALLER, child + FRAME_CALLER);
    copy(frame + FRAME_VALUE, child + FRAME_VALUE);
  } else {
    copy(frame + FRAME_ADDRESS, child + FRAME_CALLER);
    if (hasValue) copy(VALUE, child + FRAME_VALUE);
    else zero(child + FRAME_VALUE);
  }
  return CONTINUE;
}

const VALUE = memory.data(32, 64);
const TO = memory.data(32, 64);

/** The call is over without a frame of its own. */
function back(frame: usize, gas: i64, result: u64): i32 {
  store<i64>(frame, load<i64>(frame, FRAME_GAS) + gas, FRAME_GAS);
  answer(frame, result);
  return CONTINUE;
}

