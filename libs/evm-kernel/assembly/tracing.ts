// The packed trace (format: libs/evm-trace/src/layout.ts), written only by the build with TRACED=1. In the other build
// every use stands behind `if (TRACED)`, a constant, and nothing of this file is left.
//
// A trace holds what cannot be worked out again: the environment, codes, what operations on state found and cost, where
// calls begin and end. A reader runs the rest. So code runs as it does without a trace, compiled or interpreted.
import { BLOCK, INPUT } from "./bounds";
import { frame as current, limited, refund, setLimited } from "./execution";
import {
  BLOCK_BYTES, CODE_AT, CODE_BYTES, CODE_TRACE, CODE_TRACE_NUMBER, FRAME_DEPTH, STATUS_HALT, STATUS_LIMIT, STATUS_REVERT, TX_BLOB_HASHES,
} from "./layout";
import { NO_CODE } from "./codes";
import { fork } from "./rules";
import { blobHashes } from "./state-operations";
import { copy, zero } from "./u256";

/** Takes records; 0 when it takes no more. */
@external("host", "trace")
declare function hostTrace(at: usize, size: usize): i32;

const KIND_BEGIN: u64 = 5;
const KIND_CODE: u64 = 6;
const KIND_CALL: u64 = 7;
const KIND_END: u64 = 8;
const KIND_RESULT: u64 = 9;

const FAILED_REVERT: u32 = 1;
const FAILED_GAS: u32 = 2;
export const FAILED_COLLISION: u32 = 8;
const FAILED_CODE: u32 = 9;
export const FAILED_FUNDS: u32 = 12;
export const FAILED_PRECOMPILE: u32 = 15;
/** The code that ran says why. */
const FAILED_OTHER: u32 = 16;

/** In place of a code's number: none runs; it is the initcode. */
export const TRACE_NO_CODE: u32 = 0;
export const TRACE_INITCODE: u32 = 0xffffffff;

const BUFFER_BYTES: usize = 1 << 16;
/** What is longer is handed over from where it stands. */
const LONG: usize = 1 << 12;
const BUFFER = memory.data(65536, 64);
let used: usize = 0;
/** Number of the trace, and of its codes so far. */
let trace: u32 = 0;
let codes: u32 = 0;

/** Starts a trace; false when this build writes none. */
export function startTrace(): bool {
  used = 0;
  codes = 0;
  trace++;
  return TRACED != 0;
}

/** Hands over what is in the buffer. */
export function traceFlush(): void {
  if (used > 0 && hostTrace(BUFFER, used) == 0) setLimited(true);
  used = 0;
}

/** Room for the fields of a record. */
// @ts-ignore: decorator
@inline
function room(size: usize): usize {
  if (used + size > BUFFER_BYTES) traceFlush();
  const at = BUFFER + used;
  used += size;
  return at;
}

// @ts-ignore: decorator
@inline
function head(kind: u64, detail: u32, depth: u32, number: u32): u64 {
  return kind | (<u64>detail << 8) | (<u64>depth << 16) | (<u64>number << 32);
}

/** Bytes behind a record, then zeros to a multiple of 8. */
function put(at: usize, size: usize): void {
  if (size > LONG) {
    traceFlush();
    if (hostTrace(at, size) == 0) setLimited(true);
  } else {
    if (used + size > BUFFER_BYTES) traceFlush();
    memory.copy(BUFFER + used, at, size);
    used += size;
  }
  const padding: usize = (8 - (size & 7)) & 7;
  if (padding == 0) return;
  if (used + 8 > BUFFER_BYTES) traceFlush();
  store<u64>(BUFFER + used, 0);
  used += padding;
}

/** The execution begins: what its code can ask for. `value` is a word. */
export function traceBegin(value: usize, input: usize, size: usize, isStatic: bool): void {
  const hashes = load<u32>(INPUT, TX_BLOB_HASHES);
  const at = room(48 + BLOCK_BYTES);
  store<u64>(at, head(KIND_BEGIN, fork, 0, hashes));
  store<u64>(at, <u64>size | (<u64>isStatic << 32), 8);
  copy(value, at + 16);
  memory.copy(at + 48, BLOCK, BLOCK_BYTES);
  put(blobHashes, <usize>hashes << 5);
  put(input, size);
}

/** Number of the code in this trace, which it is put into when it is the first time. */
export function traceCode(entry: usize): u32 {
  if (entry == NO_CODE) return TRACE_NO_CODE;
  if (load<u32>(entry, CODE_TRACE) == trace) return load<u32>(entry, CODE_TRACE_NUMBER);
  const number = ++codes;
  store<u32>(entry, trace, CODE_TRACE);
  store<u32>(entry, number, CODE_TRACE_NUMBER);
  const size = load<u32>(entry, CODE_BYTES);
  const at = room(16);
  store<u64>(at, head(KIND_CODE, 0, 0, size));
  store<u64>(at, <u64>number, 8);
  put(<usize>load<u32>(entry, CODE_AT), <usize>size);
  return number;
}

/** A call or creation begins, of the account whose address is the word at `to`. `code` is a number of `traceCode`. */
export function traceCall(op: u32, depth: u32, code: u32, gas: i64, callerGas: i64, to: usize): void {
  const at = room(48);
  store<u64>(at, head(KIND_CALL, op, depth, code));
  store<i64>(at, gas, 8);
  store<i64>(at, callerGas, 16);
  store<u64>(at, load<u64>(to), 24);
  store<u64>(at, load<u64>(to, 8), 32);
  store<u64>(at, load<u64>(to, 16) & 0xffffffff, 40);
}

/** It ends; `output` is given when no code ran. */
export function traceEnd(failure: u32, depth: u32, gasLeft: i64, output: usize, size: usize): void {
  const at = room(24);
  store<u64>(at, head(KIND_END, failure, depth, <u32>size));
  store<i64>(at, gasLeft, 8);
  store<i64>(at, refund, 16);
  put(output, size);
}

/** What an operation on state, done, has left: gas, refund, and the word at `result`. The gas, or minus a status. */
// @ts-ignore: decorator
@inline
export function traceResult(op: u32, frame: usize, gas: i64, result: usize): i64 {
  const at = room(56);
  store<u64>(at, head(KIND_RESULT, op, load<u32>(frame, FRAME_DEPTH), 0));
  store<i64>(at, gas, 8);
  store<i64>(at, refund, 16);
  v128.store(at, v128.load(result), 24);
  v128.store(at, v128.load(result, 16), 40);
  return limited ? -STATUS_LIMIT : gas;
}

/** An operation that leaves no word, or zero; `code` is the number of what EXTCODECOPY has copied from. */
export function traceDone(op: u32, frame: usize, gas: i64, code: u32): i64 {
  const at = room(56);
  store<u64>(at, head(KIND_RESULT, op, load<u32>(frame, FRAME_DEPTH), code));
  store<i64>(at, gas, 8);
  store<i64>(at, refund, 16);
  zero(at + 24);
  return limited ? -STATUS_LIMIT : gas;
}

/**
 * Why a frame ended that did so with `status`, as far as its code does not tell. `deposits`: it had returned code, which
 * was `refused` for what it is, or could not be paid.
 */
export function failureOf(status: i32, deposits: bool, refused: bool): u32 {
  if (status == STATUS_REVERT) return FAILED_REVERT;
  if (status != STATUS_HALT) return 0;
  if (deposits) return refused ? FAILED_CODE : FAILED_GAS;
  return FAILED_OTHER;
}

/** Depth of what the current frame calls. */
export function nextDepth(): u32 {
  return current == 0 ? 0 : load<u32>(current, FRAME_DEPTH) + 1;
}
