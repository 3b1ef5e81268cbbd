// Operations on state, shared by interpreter and compiled code. Those with gas charge all of it and return what is
// left, or minus a status; on a miss nothing has happened. An access counts only when the gas before it is paid.
import {
  accountAt, codeOf, exists, isCodeless, isEmpty, isWarm, knowBalance, noteRead, warm,
} from "./accounts";
import { BLOCK, INPUT, OPCODES } from "./bounds";
import { NO_CODE } from "./codes";
import { learned, refund, resident, setRefund } from "./execution";
import {
  BLOCK_NUMBER, CODE_BYTES, CODE_HASH_WORD, FLAG_STATIC, FRAME_FLAGS, FRAME_SELF, OP_GAS, TX_ACCESS_ADDRESSES,
  TX_BLOB_HASHES, TX_BYTES, TX_DATA_BYTES,
} from "./layout";
import { missBlockHash } from "./misses";
import {
  A_BALANCE, BLOCK_HASH, S_FIRST, S_KIND, S_LOADED, S_TX, S_VALUE, SLOT_READ,
} from "./records";
import {
  berlin, coldAccountGas, coldSlotGas, eip158, sstoreClearRefund, sstoreDirtyGas, sstoreResetGas, sstoreRestoreRefund,
  sstoreRestoreZeroRefund, sstoreScheme, sstoreSentry, sstoreSetGas, warmAccountGas, warmSlotGas,
} from "./rules";
import { isSlotWarm, knowSlot, setSlot, slotOf, storageSlot, transientSlot, warmSlot } from "./slots";
import { traceDone, traceResult } from "./tracing";
import { copy, equals, isZero, reverse, saturated, small, zero } from "./u256";

export const OUT_OF_GAS: i64 = -3;
export const MISSING: i64 = -5;
export const LEARNED: i64 = -7;

@inline
export function staticGas(op: usize): i64 {
  return <i64>load<u16>(OPCODES + (op << 3), OP_GAS);
}

export function sload(frame: usize, key: usize, out: usize, gas: i64): i64 {
  const account = <usize>load<u32>(frame, FRAME_SELF);
  const slot = storageSlot(account, key);
  let cold = false;
  if (berlin) {
    cold = !isSlotWarm(account, slot);
    gas -= cold ? coldSlotGas : warmSlotGas;
  } else gas -= staticGas(0x54);
  if (gas < 0) return OUT_OF_GAS;
  if (!knowSlot(account, slot)) return MISSING;
  if (learned) return LEARNED;
  if (cold) warmSlot(slot);
  copy(slot + S_VALUE, out);
  if (TRACED) return traceResult(0x54, frame, gas, out);
  return gas;
}

/** Price and refund of a change, without the cold surcharge (EIP-1283, 2200, 2929, 3529). */
function sstorePrice(slot: usize, value: usize): i64 {
  const current = slot + S_VALUE;
  if (sstoreScheme == 0) {
    const cleared = isZero(value);
    if (isZero(current)) return cleared ? sstoreResetGas : sstoreSetGas;
    if (cleared) setRefund(refund + sstoreClearRefund);
    return sstoreResetGas;
  }
  if (equals(current, value)) return sstoreDirtyGas;
  const first = slot + S_FIRST;
  if (equals(first, current)) {
    if (isZero(first)) return sstoreSetGas;
    if (isZero(value)) setRefund(refund + sstoreClearRefund);
    return sstoreResetGas;
  }
  let back: i64 = 0;
  const wasZero = isZero(first);
  if (!wasZero) {
    if (isZero(current)) back -= sstoreClearRefund;
    else if (isZero(value)) back += sstoreClearRefund;
  }
  if (equals(first, value)) back += wasZero ? sstoreRestoreZeroRefund : sstoreRestoreRefund;
  setRefund(refund + back);
  return sstoreDirtyGas;
}

export function sstore(frame: usize, key: usize, value: usize, gas: i64): i64 {
  if (load<u32>(frame, FRAME_FLAGS) & FLAG_STATIC) return OUT_OF_GAS;
  if (gas <= sstoreSentry && sstoreScheme == 2) return OUT_OF_GAS;
  const account = <usize>load<u32>(frame, FRAME_SELF);
  const slot = storageSlot(account, key);
  if (!knowSlot(account, slot)) return MISSING;
  if (learned) return LEARNED;
  const before = refund;
  gas -= sstorePrice(slot, value);
  const cold = berlin && !isSlotWarm(account, slot);
  if (cold) gas -= coldSlotGas;
  if (gas < 0) {
    setRefund(before);
    return OUT_OF_GAS;
  }
  if (cold) warmSlot(slot);
  setSlot(slot, value);
  if (TRACED) return traceDone(0x55, frame, gas, 0);
  return gas;
}

export function tload(frame: usize, key: usize, out: usize): void {
  copy(transientSlot(<usize>load<u32>(frame, FRAME_SELF), key) + S_VALUE, out);
}

/** 0, or a status. */
export function tstore(frame: usize, key: usize, value: usize): i32 {
  if (load<u32>(frame, FRAME_FLAGS) & FLAG_STATIC) return 3;
  setSlot(transientSlot(<usize>load<u32>(frame, FRAME_SELF), key), value);
  return 0;
}

/** Gas of touching an account, by the opcode's static gas before Berlin. */
@inline
export function accountGas(account: usize, op: usize): i64 {
  if (!berlin) return staticGas(op);
  return isWarm(account) ? warmAccountGas : coldAccountGas;
}

export function balance(frame: usize, address: usize, out: usize, gas: i64): i64 {
  const account = accountAt(address);
  gas -= accountGas(account, 0x31);
  if (gas < 0) return OUT_OF_GAS;
  if (!eip158 && exists(account) < 0) return MISSING;
  if (!knowBalance(account)) return MISSING;
  if (learned) return LEARNED;
  if (berlin) warm(account);
  copy(account + A_BALANCE, out);
  if (TRACED) return traceResult(0x31, frame, gas, out);
  return gas;
}

export function selfbalance(frame: usize, out: usize, gas: i64): i64 {
  const account = <usize>load<u32>(frame, FRAME_SELF);
  gas -= staticGas(0x47);
  if (gas < 0) return OUT_OF_GAS;
  if (!knowBalance(account)) return MISSING;
  if (learned) return LEARNED;
  copy(account + A_BALANCE, out);
  if (TRACED) return traceResult(0x47, frame, gas, out);
  return gas;
}

export function extcodesize(frame: usize, address: usize, out: usize, gas: i64): i64 {
  const account = accountAt(address);
  gas -= accountGas(account, 0x3b);
  if (gas < 0) return OUT_OF_GAS;
  const entry = codeOf(account);
  if (entry == 0) return MISSING;
  if (learned) return LEARNED;
  if (berlin) warm(account);
  small(out, load<u32>(entry, CODE_BYTES));
  if (TRACED) return traceResult(0x3b, frame, gas, out);
  return gas;
}

export function extcodehash(frame: usize, address: usize, out: usize, gas: i64): i64 {
  const account = accountAt(address);
  gas -= accountGas(account, 0x3f);
  if (gas < 0) return OUT_OF_GAS;
  const entry = codeOf(account);
  if (entry == 0) return MISSING;
  const empty = isEmpty(account);
  if (empty < 0) return MISSING;
  if (learned) return LEARNED;
  if (berlin) warm(account);
  if (empty > 0) zero(out);
  else copy((isCodeless(account) ? NO_CODE : entry) + CODE_HASH_WORD, out);
  if (TRACED) return traceResult(0x3f, frame, gas, out);
  return gas;
}

const NUMBER = memory.data(32, 64);

export function blockhash(frame: usize, number: usize, out: usize, gas: i64): i64 {
  gas -= staticGas(0x40);
  if (gas < 0) return OUT_OF_GAS;
  const wanted = saturated(number);
  const current = load<u64>(BLOCK, BLOCK_NUMBER);
  if (wanted >= current || current - wanted > 256) {
    zero(out);
    if (TRACED) return traceResult(0x40, frame, gas, out);
    return gas;
  }
  small(NUMBER, wanted);
  const slot = slotOf(0, BLOCK_HASH, NUMBER);
  if (load<u32>(slot, S_LOADED) == 0) {
    if (!resident) {
      missBlockHash(slot, wanted);
      return MISSING;
    }
    store<u32>(slot, 1, S_LOADED);
  }
  if ((load<u32>(slot, S_TX) & SLOT_READ) == 0) {
    store<u32>(slot, load<u32>(slot, S_TX) | SLOT_READ, S_TX);
    noteRead(load<u32>(slot, S_KIND));
  }
  if (learned) return LEARNED;
  copy(slot + S_VALUE, out);
  if (TRACED) return traceResult(0x40, frame, gas, out);
  return gas;
}

/** Where blob hashes start in the transaction. Set when it begins. */
export let blobHashes: usize = 0;
export function setBlobHashes(at: usize): void {
  blobHashes = at;
}

export function blobhash(index: usize, out: usize): void {
  const i = saturated(index);
  if (i < <u64>load<u32>(INPUT, TX_BLOB_HASHES)) reverse(blobHashes + (<usize>i << 5), out);
  else zero(out);
}
