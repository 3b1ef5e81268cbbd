// The packed trace (format: libs/evm-trace/src/layout.ts), written only by the build with TRACED=1. In the other build
// every use stands behind `if (TRACED)`, a constant, and nothing of this file is left.
import { frame as current, limited, refund, setLimited } from "./execution";
import {
  FLAG_STATIC, FRAME_DEPTH, FRAME_FLAGS, FRAME_MEMORY, FRAME_MEMORY_BYTES, OP_BYTES,
  OP_FLAGS, OP_GAS, OP_INPUTS, OP_OUTPUTS, OPFLAG_INVALID, STATUS_HALT, STATUS_REVERT,
} from "./layout";
import { OPCODES } from "./bounds";
import { copy, zero } from "./u256";

/** Takes records; 0 when it takes no more. */
@external("host", "trace")
declare function hostTrace(at: usize, size: usize): i32;

const KIND_STEP: u8 = 1;
const KIND_ENTER: u8 = 2;
const KIND_EXIT: u8 = 3;
const KIND_MEMORY: u8 = 4;

const FAILED_REVERT: u32 = 1;
const FAILED_GAS: u32 = 2;
const FAILED_OPCODE: u32 = 3;
const FAILED_JUMP: u32 = 4;
const FAILED_UNDERFLOW: u32 = 5;
const FAILED_OVERFLOW: u32 = 6;
const FAILED_STATIC: u32 = 7;
export const FAILED_COLLISION: u32 = 8;
const FAILED_CODE: u32 = 9;
const FAILED_RETURN_DATA: u32 = 10;
export const FAILED_FUNDS: u32 = 12;
export const FAILED_PRECOMPILE: u32 = 15;

const RECORD: usize = 64;
const BUFFER_BYTES: usize = 1 << 16;
const BUFFER = memory.data(65536, 64);
let used: usize = 0;
let wantsMemory: bool = false;

/** The record of the last step, which tells why its frame halted: in the buffer, or kept when that was handed over. */
const KEPT = memory.data(32, 64);
let lastStep: usize = KEPT;

/** Starts a trace; false when this build writes none. */
export function startTrace(withMemory: bool): bool {
  used = 0;
  lastStep = KEPT;
  memory.fill(KEPT, 0, 32);
  wantsMemory = withMemory;
  return TRACED != 0;
}

/** Hands over what is in the buffer. */
export function traceFlush(): void {
  if (lastStep != KEPT) {
    memory.copy(KEPT, lastStep, 32);
    lastStep = KEPT;
  }
  if (used > 0 && hostTrace(BUFFER, used) == 0) setLimited(true);
  used = 0;
}

/** No room for another step: hand over before it. */
// @ts-ignore: decorator
@inline
export function isTraceFull(): bool {
  return used + RECORD > BUFFER_BYTES;
}

/** Room for a record, zeroed but for its first fields. */
function record(kind: u8, op: u32, depth: u32, pc: u32, gas: i64): usize {
  if (used + RECORD > BUFFER_BYTES) traceFlush();
  const at = BUFFER + used;
  used += RECORD;
  store<u32>(at, <u32>kind | (op << 8) | (depth << 16));
  store<u32>(at, pc, 4);
  store<i64>(at, gas, 8);
  return at;
}

/** Bytes behind a record, padded to 8 when `last`. `sofar`: bytes put behind it already. */
function put(at: usize, size: usize, sofar: usize): void {
  if (size > BUFFER_BYTES >> 1) {
    traceFlush();
    if (hostTrace(at, size) == 0) setLimited(true);
  } else {
    if (used + size + 8 > BUFFER_BYTES) traceFlush();
    memory.copy(BUFFER + used, at, size);
    used += size;
  }
  const padding = <usize>((8 - (<u32>(sofar + size) & 7)) & 7);
  if (padding == 0) return;
  if (used + 8 > BUFFER_BYTES) traceFlush();
  store<u64>(BUFFER + used, 0);
  used += padding;
}

/** What the records of a frame's steps have in common: kind and depth, at their places. */
export function stepHead(frame: usize): u64 {
  return <u64>KIND_STEP | (<u64>load<u32>(frame, FRAME_DEPTH) << 16);
}

/** Before the operation at `ip`, `gas` being what is left before it is paid. There is room. Inlined: this is what a trace costs. */
// @ts-ignore: decorator
@inline
export function traceStep(frame: usize, head: u64, op: u32, pc: usize, sp: usize, height: u32, gas: i64): void {
  const at = BUFFER + used;
  used += RECORD;
  lastStep = at;
  store<u64>(at, head | (<u64>op << 8) | (<u64>pc << 32));
  store<i64>(at, gas, 8);
  store<u64>(at, <u64>(load<u32>(frame, FRAME_MEMORY_BYTES) >> 5) | (<u64>height << 32), 16);
  store<i64>(at, refund, 24);
  v128.store(at, v128.load(sp - 32), 32);
  v128.store(at, v128.load(sp - 32, 16), 48);
  // Below an empty stack stands something else.
  if (height == 0) zero(at + 32);
}

function putAddressOf(word: usize): void {
  if (used + 24 > BUFFER_BYTES) traceFlush();
  const at = BUFFER + used;
  store<u32>(at, bswap<u32>(load<u32>(word, 16)));
  store<u64>(at, bswap<u64>(load<u64>(word, 8)), 4);
  store<u64>(at, bswap<u64>(load<u64>(word)), 12);
  used += 20;
}

/** A call or creation begins; `from`, `to` and `value` point to words. */
export function traceEnter(
  op: u32, depth: u32, gas: i64, callerGas: i64, from: usize, to: usize, value: usize, input: usize, size: usize,
): void {
  const at = record(KIND_ENTER, op, depth, <u32>size, gas);
  store<i64>(at, callerGas, 16);
  store<i64>(at, 0, 24);
  copy(value, at + 32);
  putAddressOf(from);
  putAddressOf(to);
  put(input, size, 40);
}

export function traceExit(failure: u32, depth: u32, gasLeft: i64, output: usize, size: usize): void {
  const at = record(KIND_EXIT, failure, depth, <u32>size, gasLeft);
  store<i64>(at, 0, 16);
  store<i64>(at, 0, 24);
  zero(at + 32);
  put(output, size, 0);
}

/** The operation has written `size` bytes of the frame's memory at `offset`. */
export function traceMemory(frame: usize, offset: usize, size: usize): void {
  if (!wantsMemory || size == 0) return;
  const at = record(KIND_MEMORY, 0, load<u32>(frame, FRAME_DEPTH), <u32>size, 0);
  store<u32>(at, <u32>offset, 16);
  store<u32>(at, 0, 20);
  store<i64>(at, 0, 24);
  zero(at + 32);
  put(<usize>load<u32>(frame, FRAME_MEMORY) + offset, size, 0);
}

/**
 * Why a frame that ended with `status` did so; its last step says it. `deposits`: it had returned code, which was
 * `refused` for what it is, or could not be paid.
 */
export function failureOf(frame: usize, status: i32, deposits: bool, refused: bool): u32 {
  if (status == STATUS_REVERT) return FAILED_REVERT;
  if (status != STATUS_HALT) return 0;
  if (deposits) return refused ? FAILED_CODE : FAILED_GAS;
  const lastOp = <u32>load<u8>(lastStep, 1);
  const lastHeight = load<u32>(lastStep, 20);
  const lastGas = load<i64>(lastStep, 8);
  const info = OPCODES + <usize>lastOp * OP_BYTES;
  if (load<u8>(info, OP_FLAGS) & OPFLAG_INVALID) return FAILED_OPCODE;
  const inputs = <u32>load<u8>(info, OP_INPUTS);
  if (lastHeight < inputs) return FAILED_UNDERFLOW;
  if (lastHeight - inputs + <u32>load<u8>(info, OP_OUTPUTS) > 1024) return FAILED_OVERFLOW;
  if (lastGas < <i64>load<u16>(info, OP_GAS)) return FAILED_GAS;
  if (lastOp == 0x56 || lastOp == 0x57) return FAILED_JUMP;
  if (load<u32>(frame, FRAME_FLAGS) & FLAG_STATIC && writes(lastOp)) return FAILED_STATIC;
  return lastOp == 0x3e ? FAILED_RETURN_DATA : FAILED_GAS;
}

/** Operations that a static frame forbids; CALL is forbidden with a value only, and has failed for that. */
function writes(op: u32): bool {
  return (
    op == 0x55 || op == 0x5d || (op >= 0xa0 && op <= 0xa4) || op == 0xf0 || op == 0xf1 || op == 0xf5 || op == 0xff
  );
}

/** Depth of what the current frame calls. */
export function nextDepth(): u32 {
  return current == 0 ? 0 : load<u32>(current, FRAME_DEPTH) + 1;
}
