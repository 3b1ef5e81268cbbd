// Copies into EVM memory, call data, and what ends a frame; shared by interpreter and compiled code.
import { RETURNS } from "./bounds";
import { returnBytes } from "./execution";
import { expand } from "./expansion";
import {
  FLAG_STATIC, FRAME_CODE, FRAME_CODE_BYTES, FRAME_FLAGS, FRAME_GAS, FRAME_INPUT, FRAME_INPUT_BYTES, FRAME_MEMORY,
} from "./layout";
import { appendLog } from "./logs";
import { reverse, saturated, zero } from "./u256";
import { byteLength } from "./u256-bits";
import { power } from "./u256-products";
import { expByteGas } from "./rules";

const SCRATCH = memory.data(32, 64);

export function calldataload(frame: usize, offset: usize, out: usize): void {
  const at = saturated(offset);
  const size = <u64>load<u32>(frame, FRAME_INPUT_BYTES);
  if (at >= size) return zero(out);
  const from = <usize>load<u32>(frame, FRAME_INPUT) + <usize>at;
  if (size - at >= 32) return reverse(from, out);
  zero(SCRATCH);
  memory.copy(SCRATCH, from, <usize>(size - at));
  reverse(SCRATCH, out);
}

/** Bytes of `have` at `from` from `offset` on, zeros behind. */
function copyPadded(to: usize, from: usize, have: u64, offset: u64, size: u64): void {
  const there = offset < have ? min<u64>(size, have - offset) : 0;
  if (there > 0) memory.copy(to, from + <usize>offset, <usize>there);
  if (there < size) memory.fill(to + <usize>there, 0, <usize>(size - there));
}

/** Gas per copied word (3), and memory. */
function payCopy(frame: usize, to: u64, size: u64, gas: i64): i64 {
  if (size == 0) return gas;
  gas = expand(frame, to, size, gas);
  if (gas < 0) return gas;
  gas -= <i64>(((size + 31) >> 5) * 3);
  return gas < 0 ? -3 : gas;
}

export function calldatacopy(frame: usize, to: usize, from: usize, size: usize, gas: i64): i64 {
  const bytes = saturated(size);
  const target = saturated(to);
  gas = payCopy(frame, target, bytes, gas);
  if (gas < 0 || bytes == 0) return gas;
  copyPadded(
    <usize>load<u32>(frame, FRAME_MEMORY) + <usize>target, load<u32>(frame, FRAME_INPUT),
    load<u32>(frame, FRAME_INPUT_BYTES), saturated(from), bytes,
  );
  return gas;
}

export function codecopy(frame: usize, to: usize, from: usize, size: usize, gas: i64): i64 {
  const bytes = saturated(size);
  const target = saturated(to);
  gas = payCopy(frame, target, bytes, gas);
  if (gas < 0 || bytes == 0) return gas;
  copyPadded(
    <usize>load<u32>(frame, FRAME_MEMORY) + <usize>target, load<u32>(frame, FRAME_CODE),
    load<u32>(frame, FRAME_CODE_BYTES), saturated(from), bytes,
  );
  return gas;
}

/** Copies code of another account, memory and words paid here. */
export function copyCode(frame: usize, code: usize, have: u32, to: u64, from: u64, size: u64): void {
  if (size > 0) copyPadded(<usize>load<u32>(frame, FRAME_MEMORY) + <usize>to, code, have, from, size);
}

export function returndatacopy(frame: usize, to: usize, from: usize, size: usize, gas: i64): i64 {
  const bytes = saturated(size);
  const offset = saturated(from);
  const have = <u64>returnBytes;
  if (bytes > have || offset > have - bytes) return -3;
  const target = saturated(to);
  gas = payCopy(frame, target, bytes, gas);
  if (gas < 0 || bytes == 0) return gas;
  memory.copy(<usize>load<u32>(frame, FRAME_MEMORY) + <usize>target, RETURNS + <usize>offset, <usize>bytes);
  return gas;
}

export function mcopy(frame: usize, to: usize, from: usize, size: usize, gas: i64): i64 {
  const bytes = saturated(size);
  if (bytes == 0) return gas;
  const target = saturated(to);
  const source = saturated(from);
  gas = payCopy(frame, max<u64>(target, source), bytes, gas);
  if (gas < 0) return gas;
  const base = <usize>load<u32>(frame, FRAME_MEMORY);
  memory.copy(base + <usize>target, base + <usize>source, <usize>bytes);
  return gas;
}

/** LOG0 to LOG4 on the operands below `sp`: data and memory are paid here. */
export function log(frame: usize, topics: i32, sp: usize, gas: i64): i64 {
  if (load<u32>(frame, FRAME_FLAGS) & FLAG_STATIC) return -3;
  const offset = saturated(sp - 32);
  const size = saturated(sp - 64);
  gas -= 375 * <i64>topics;
  if (gas < 0) return -3;
  if (size != 0) {
    gas = expand(frame, offset, size, gas);
    if (gas < 0) return gas;
    gas -= <i64>(size << 3);
    if (gas < 0) return -3;
  }
  appendLog(frame, size == 0 ? 0 : <usize>load<u32>(frame, FRAME_MEMORY) + <usize>offset, <usize>size, topics, sp - 64);
  return gas;
}

export function exp(frame: usize, a: usize, b: usize, out: usize, gas: i64): i64 {
  gas -= expByteGas * <i64>byteLength(b);
  if (gas < 0) return -3;
  power(a, b, out);
  return gas;
}

/** What RETURN or REVERT of the frame that ended last gave: an absolute address and a size. */
export let endedAt: usize = 0;
export let endedBytes: usize = 0;

/** RETURN and REVERT: offset and size are the operands below `sp`. Stores the gas; returns `status`, or another. */
export function returns(frame: usize, sp: usize, status: i32, gas: i64): i32 {
  const size = saturated(sp - 64);
  endedBytes = <usize>size;
  if (size != 0) {
    const offset = saturated(sp - 32);
    gas = expand(frame, offset, size, gas);
    if (gas < 0) return <i32>-gas;
    endedAt = <usize>load<u32>(frame, FRAME_MEMORY) + <usize>offset;
  }
  store<i64>(frame, gas, FRAME_GAS);
  return status;
}
