// CREATE, CREATE2 and the creation that a transaction makes.
import { keccak } from "../../hash-kernel/assembly/keccak";
import {
  accountOf, exists, isCodeless, knowBalance, knowCode, knowNonce, setBits, setExists, setNonce, touch, warm,
} from "./accounts";
import { CONTINUE, transfer } from "./calls";
import { addInitcode } from "./codes";
import { reach } from "./bounds";
import { learned, limited, setReturnBytes } from "./execution";
import { expansionGas, grow, rangeEnd } from "./expansion";
import { answer, mark, pushFrame, rewind } from "./frames";
import { addressWord } from "./accounts";
import {
  FLAG_CREATE, FLAG_STATIC, FRAME_ADDRESS, FRAME_CALLER, FRAME_DEPTH, FRAME_FLAGS, FRAME_GAS, FRAME_MEMORY,
  FRAME_MEMORY_BYTES, FRAME_PC, FRAME_SELF, FRAME_SP, FRAME_VALUE, MAX_DEPTH, STATUS_HALT, STATUS_LEARNED, STATUS_LIMIT,
  STATUS_MISS,
} from "./layout";
import { putAddress } from "./misses";
import { A_BALANCE, A_CODE, A_NONCE, CREATED, NEW } from "./records";
import { berlin, eip158, initcodeLimit, initcodeWordGas, shanghai, tangerine } from "./rules";
import { staticGas } from "./state-operations";
import {
  FAILED_COLLISION, FAILED_FUNDS, nextDepth, TRACE_INITCODE, TRACE_NO_CODE, traceCall, traceDone, traceEnd,
} from "./tracing";
import { copy, isZero, less, reverse, saturated } from "./u256";

const CREATE2: u32 = 0xf5;
const PREIMAGE = memory.data(96, 64);
const HASH = memory.data(32, 64);
const VALUE = memory.data(32, 64);
const TRACED_CREATED = memory.data(32, 64);

/** Account whose address is the last 20 bytes of the digest at HASH. */
function accountOfHash(): usize {
  return accountOf(
    bswap<u64>(load<u64>(HASH, 24)), bswap<u64>(load<u64>(HASH, 16)), <u64>bswap<u32>(load<u32>(HASH, 12)),
  );
}

/** Account that `creator` creates with its nonce: the hash of RLP [address, nonce]. */
export function accountByNonce(creator: usize, nonce: u64): usize {
  store<u8>(PREIMAGE, 0x94, 1);
  putAddress(creator, PREIMAGE + 2);
  let size: usize = 22;
  if (nonce == 0) {
    store<u8>(PREIMAGE + size, 0x80);
    size++;
  } else if (nonce < 0x80) {
    store<u8>(PREIMAGE + size, <u8>nonce);
    size++;
  } else {
    const bytes: usize = 8 - <usize>(clz<u64>(nonce) >> 3);
    store<u8>(PREIMAGE + size, 0x80 + <u8>bytes);
    for (let i: usize = 0; i < bytes; i++)
      store<u8>(PREIMAGE + size + 1 + i, <u8>(nonce >> (<u64>((bytes - 1 - i) << 3))));
    size += 1 + bytes;
  }
  store<u8>(PREIMAGE, 0xc0 + <u8>(size - 1));
  keccak(PREIMAGE, size, HASH);
  return accountOfHash();
}

/** EIP-1014. */
function accountBySalt(creator: usize, salt: usize, initcode: usize, size: usize): usize {
  keccak(initcode, size, HASH);
  store<u8>(PREIMAGE, 0xff);
  putAddress(creator, PREIMAGE + 1);
  reverse(salt, PREIMAGE + 21);
  copy(HASH, PREIMAGE + 53);
  keccak(PREIMAGE, 85, HASH);
  return accountOfHash();
}

/** Whether the account can be created (EIP-684, 7610): 1 when not, 0, or -1 on a miss. */
export function collides(account: usize): i32 {
  if (!eip158 && exists(account) < 0) return -1;
  if (!knowNonce(account)) return -1;
  if (load<u64>(account, A_NONCE) != 0) return 1;
  if (!knowCode(account)) return -1;
  return i32(!isCodeless(account) || (load<u8>(account, A_CODE) & 2) != 0);
}

/** Tells a trace that a creation begins, from `size` bytes of initcode; `callerGas` is what the creator keeps. */
export function traceCreation(op: u32, account: usize, size: usize, gas: i64, callerGas: i64): void {
  addressWord(account, TRACED_CREATED);
  traceCall(op, nextDepth(), size == 0 ? TRACE_NO_CODE : TRACE_INITCODE, gas, callerGas, TRACED_CREATED);
}

/** Tells a trace that it ended because the account is there. */
export function traceCollision(): void {
  traceEnd(FAILED_COLLISION, nextDepth(), 0, PREIMAGE, 0);
}

/** Makes the account: after the mark, value still to come. */
function bear(account: usize): void {
  touch(account);
  if (!eip158) setExists(account, true);
  setBits(account, CREATED | NEW);
  if (eip158) setNonce(account, 1);
}

/**
 * Creates `account` out of initcode: a frame, or at once when there is none. `moves`: the value is not zero, and both
 * balances are known. Returns 0 when a frame was pushed, 1 when it is done, 2 when it failed without using gas, -1 at a
 * limit.
 */
export function beginCreation(
  account: usize, creator: usize, value: usize, moves: bool, initcode: usize, size: usize, gas: i64, kind: u32,
): i32 {
  copy(value, VALUE);
  bear(account);
  if (moves && !transfer(creator, account, VALUE)) {
    rewind();
    if (TRACED) traceEnd(FAILED_FUNDS, nextDepth(), gas, initcode, 0);
    return 2;
  }
  if (size == 0) {
    if (TRACED) traceEnd(0, nextDepth(), gas, initcode, 0);
    return 1;
  }
  const entry = addInitcode(initcode, size);
  if (entry == 0) return -1;
  const child = pushFrame(entry, kind, FLAG_CREATE, account, 0, 0, gas, account);
  if (child == 0) return -1;
  addressWord(account, child + FRAME_ADDRESS);
  addressWord(creator, child + FRAME_CALLER);
  copy(VALUE, child + FRAME_VALUE);
  return 0;
}

/** Makes the range readable, zeros where memory has not grown yet, without growing it. */
function preview(frame: usize, end: u64): bool {
  const have = load<u32>(frame, FRAME_MEMORY_BYTES);
  if (end <= <u64>have) return true;
  const base = <usize>load<u32>(frame, FRAME_MEMORY);
  if (end > 0x7fffffff || !reach(base + <usize>end)) return false;
  memory.fill(base + have, 0, <usize>end - have);
  return true;
}

export function create(frame: usize, op: u32): i32 {
  if (load<u32>(frame, FRAME_FLAGS) & FLAG_STATIC) return STATUS_HALT;
  const sp = <usize>load<u32>(frame, FRAME_SP);
  const self = <usize>load<u32>(frame, FRAME_SELF);
  const value = sp - 32;
  const offset = saturated(sp - 64);
  const size = saturated(sp - 96);
  const end = rangeEnd(offset, size);
  let cost = expansionGas(frame, end);
  if (cost < 0) return STATUS_HALT;
  if (shanghai && size > <u64>initcodeLimit) return STATUS_HALT;
  const words = <i64>((size + 31) >> 5);
  cost += staticGas(op) + words * (initcodeWordGas + (op == CREATE2 ? 6 : 0));
  const gas = load<i64>(frame, FRAME_GAS);
  if (gas < cost) return STATUS_HALT;
  const remaining = gas - cost;
  const given = tangerine ? remaining - remaining / 64 : remaining;

  const moves = !isZero(value);
  let fails = load<u32>(frame, FRAME_DEPTH) >= <u32>MAX_DEPTH;
  if (!fails && moves) {
    if (!knowBalance(self)) return STATUS_MISS;
    fails = less(self + A_BALANCE, value);
  }
  if (!fails) {
    if (!knowNonce(self)) return STATUS_MISS;
    fails = load<u64>(self, A_NONCE) == u64.MAX_VALUE;
  }
  let account: usize = 0;
  let collision: i32 = 0;
  if (!fails) {
    if (op == CREATE2) {
      if (!preview(frame, end)) return STATUS_LIMIT;
      account = accountBySalt(self, sp - 128, <usize>load<u32>(frame, FRAME_MEMORY) + <usize>offset, <usize>size);
    } else account = accountByNonce(self, load<u64>(self, A_NONCE));
    collision = collides(account);
    if (collision < 0) return STATUS_MISS;
    if (collision == 0 && moves && !knowBalance(account)) return STATUS_MISS;
  }
  if (learned) return STATUS_LEARNED;

  grow(frame, end);
  if (limited) return STATUS_LIMIT;
  const lowest = op == CREATE2 ? sp - 128 : sp - 96;
  store<i64>(frame, remaining - given, FRAME_GAS);
  store<u32>(frame, load<u32>(frame, FRAME_PC) + 1, FRAME_PC);
  store<u32>(frame, <u32>lowest, FRAME_SP);
  setReturnBytes(0);
  if (fails) {
    if (TRACED) traceDone(op, frame, remaining, 0);
    return back(frame, given, 0);
  }
  if (berlin) warm(account);
  setNonce(self, load<u64>(self, A_NONCE) + 1);
  if (TRACED) traceCreation(op, account, <usize>size, given, remaining - given);
  if (collision > 0) {
    if (TRACED) traceCollision();
    return back(frame, 0, 0);
  }
  mark();
  const begun = beginCreation(
    account, self, value, moves, <usize>load<u32>(frame, FRAME_MEMORY) + <usize>offset, <usize>size, given, op,
  );
  if (begun < 0) return STATUS_LIMIT;
  if (begun == 0) return CONTINUE;
  return back(frame, given, begun == 1 ? account : 0);
}

/** The creation is over without a frame: its answer is the account's address, or zero. */
function back(frame: usize, gas: i64, account: usize): i32 {
  store<i64>(frame, load<i64>(frame, FRAME_GAS) + gas, FRAME_GAS);
  if (account == 0) answer(frame, 0);
  else {
    const sp = <usize>load<u32>(frame, FRAME_SP);
    addressWord(account, sp);
    store<u32>(frame, <u32>(sp + 32), FRAME_SP);
  }
  return CONTINUE;
}
