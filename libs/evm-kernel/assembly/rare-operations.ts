// EXTCODECOPY and SELFDESTRUCT, on a frame in canonical state.
import {
  accountAt, codeOf, isDead, isEmpty, isWarm, knowBalance, setBalance, setBits, setExists, touch, warm,
} from "./accounts";
import { CONTINUE } from "./calls";
import { copyCode } from "./data-operations";
import { learned, limited, refund, setRefund } from "./execution";
import { expansionGas, grow, rangeEnd } from "./expansion";
import {
  CODE_AT, CODE_BYTES, FLAG_STATIC, FRAME_FLAGS, FRAME_GAS, FRAME_PC, FRAME_SELF, FRAME_SP, STATUS_HALT,
  STATUS_LEARNED, STATUS_LIMIT, STATUS_MISS, STATUS_STOP,
} from "./layout";
import { A_BALANCE, A_TX, DESTROYED, NEW } from "./records";
import {
  berlin, cancun, coldAccountGas, eip158, selfdestructNewAccountGas, selfdestructRefund, tangerine,
} from "./rules";
import { accountGas, staticGas } from "./state-operations";
import { traceCode, traceDone } from "./tracing";
import { add, isZero, saturated, zero } from "./u256";

const WORD = memory.data(32, 64);

export function extcodecopy(frame: usize): i32 {
  const sp = <usize>load<u32>(frame, FRAME_SP);
  const account = accountAt(sp - 32);
  const to = saturated(sp - 64);
  const from = saturated(sp - 96);
  const size = saturated(sp - 128);
  const end = rangeEnd(to, size);
  let cost = expansionGas(frame, end);
  if (cost < 0) return STATUS_HALT;
  cost += accountGas(account, 0x3c) + <i64>(((size + 31) >> 5) * 3);
  const gas = load<i64>(frame, FRAME_GAS) - cost;
  if (gas < 0) return STATUS_HALT;
  let entry: usize = 0;
  if (size != 0) {
    entry = codeOf(account);
    if (entry == 0) return STATUS_MISS;
    if (learned) return STATUS_LEARNED;
  }
  if (berlin) warm(account);
  grow(frame, end);
  if (limited) return STATUS_LIMIT;
  if (size != 0) copyCode(frame, <usize>load<u32>(entry, CODE_AT), load<u32>(entry, CODE_BYTES), to, from, size);
  if (TRACED) traceDone(0x3c, frame, gas, size == 0 ? 0 : traceCode(entry));
  store<i64>(frame, gas, FRAME_GAS);
  store<u32>(frame, load<u32>(frame, FRAME_PC) + 1, FRAME_PC);
  store<u32>(frame, <u32>(sp - 128), FRAME_SP);
  return CONTINUE;
}

export function selfdestruct(frame: usize): i32 {
  if (load<u32>(frame, FRAME_FLAGS) & FLAG_STATIC) return STATUS_HALT;
  const sp = <usize>load<u32>(frame, FRAME_SP);
  const self = <usize>load<u32>(frame, FRAME_SELF);
  const target = accountAt(sp - 32);
  let gas = load<i64>(frame, FRAME_GAS) - staticGas(0xff);
  if (berlin && !isWarm(target)) gas -= coldAccountGas;
  if (gas < 0) return STATUS_HALT;
  if (!knowBalance(self)) return STATUS_MISS;
  const balance = self + A_BALANCE;
  const credits = eip158 ? !isZero(balance) : tangerine;
  if (credits) {
    const dead = isDead(target);
    if (dead < 0) return STATUS_MISS;
    if (dead > 0) gas -= selfdestructNewAccountGas;
    if (gas < 0) return STATUS_HALT;
  }
  if (target != self) {
    if (isDead(target) < 0 || isEmpty(target) < 0 || !knowBalance(target)) return STATUS_MISS;
  }
  if (learned) return STATUS_LEARNED;
  store<i64>(frame, gas, FRAME_GAS);
  if (berlin) warm(target);
  if ((load<u32>(self, A_TX) & DESTROYED) == 0) {
    setRefund(refund + selfdestructRefund);
    setBits(self, DESTROYED);
  }
  if (target != self) {
    add(target + A_BALANCE, balance, WORD);
    setBalance(target, WORD);
    touch(target);
    if (!eip158) setExists(target, true);
  }
  // EIP-6780: who names itself keeps its ether unless it was created in this transaction.
  if (!cancun || target != self || (load<u32>(self, A_TX) & NEW) != 0) {
    zero(WORD);
    setBalance(self, WORD);
  }
  return STATUS_STOP;
}
