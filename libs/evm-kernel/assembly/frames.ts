// Call frames: beginning one, and what its end means for the parent.
import { addCode, ready } from "./codes";
import { FRAMES, MEMORY, RETURNS, RETURNS_END, STACKS } from "./bounds";
import { addressWord, setCode } from "./accounts";
import { endedAt, endedBytes } from "./data-operations";
import {
  frame, journalEnd, logCount, logsEnd, refund, setFrame, setLimited, setLogCount, setLogsEnd, setRefund, setReturnBytes,
  setTemporaryEnd, setTopGas, setTopStatus, temporaryEnd, returnBytes,
} from "./execution";
import { undo } from "./journal";
import {
  CODE_AT, CODE_BYTES, CODE_CALLS, CODE_FUNCTION, CODE_GAS, CODE_HASH, CODE_INTERPRETED, CODE_SECTIONS, FLAG_CREATE,
  FRAME_BYTES, FRAME_CODE, FRAME_CODE_BYTES, FRAME_CREATED, FRAME_DEPTH, FRAME_ENTRY, FRAME_FLAGS, FRAME_FUNCTION,
  FRAME_GAS, FRAME_GAS_GIVEN, FRAME_INPUT, FRAME_INPUT_BYTES, FRAME_JOURNAL, FRAME_KIND, FRAME_LOG_COUNT, FRAME_LOGS,
  FRAME_MEMORY, FRAME_MEMORY_BYTES, FRAME_OUT, FRAME_OUT_BYTES, FRAME_PC, FRAME_POINT, CODE_RULES, FRAME_REFUND, FRAME_RESUME, FRAME_SECTIONS,
  FRAME_SELF, FRAME_SP, FRAME_STACK, FRAME_TEMPORARY, STATUS_HALT, STATUS_RETURN, STATUS_REVERT, STATUS_STOP,
} from "./layout";
import { move } from "./moves";
import { A_CODE } from "./records";
import { codeDepositGas, codeLimit, homestead, london, rulesEpoch } from "./rules";
import { incarnationOf } from "./accounts";
import { failureOf, traceEnd } from "./tracing";
import { small, zero } from "./u256";

/** The host wants to see codes before they run, to install functions for them. */
@external("host", "prepare")
declare function prepare(entry: usize): void;

let prepares: bool = false;
export function setPrepares(wanted: bool): void {
  prepares = wanted;
}

/** Where a revert of the frame that comes next leads back to. Taken before its value is moved. */
let markJournal: usize = 0;
let markLogs: usize = 0;
let markLogCount: u32 = 0;
let markRefund: i64 = 0;
let markTemporary: usize = 0;

export function mark(): void {
  markJournal = journalEnd;
  markLogs = logsEnd;
  markLogCount = logCount;
  markRefund = refund;
  markTemporary = temporaryEnd;
}

/** Back to the mark. */
export function rewind(): void {
  undo(markJournal);
  setLogsEnd(markLogs);
  setLogCount(markLogCount);
  setRefund(markRefund);
  setTemporaryEnd(markTemporary);
}

/**
 * Begins a frame on top of the current one, reverting to the last mark. The caller fills in address, caller and value
 * of the returned frame. 0 when the code finds no room.
 */
export function pushFrame(
  entry: usize, kind: u32, flags: u32, self: usize, input: usize, inputBytes: u32, gas: i64, created: usize,
): usize {
  if ((flags & FLAG_CREATE) == 0) {
    if (load<u32>(entry, CODE_RULES) != rulesEpoch) {
      if (!ready(entry)) {
        setLimited(true);
        return 0;
      }
      if (prepares) prepare(entry);
    }
  } else if (prepares) prepare(entry);
  const parent = frame;
  const next = parent == 0 ? FRAMES : parent + FRAME_BYTES;
  const stack: usize = parent == 0 ? STACKS : load<u32>(parent, FRAME_SP);
  store<u32>(next, 0, FRAME_PC);
  store<u32>(next, <u32>stack, FRAME_SP);
  store<i64>(next, gas, FRAME_GAS);
  store<u32>(next, <u32>stack, FRAME_STACK);
  store<u32>(
    next, parent == 0 ? <u32>MEMORY : load<u32>(parent, FRAME_MEMORY) + load<u32>(parent, FRAME_MEMORY_BYTES),
    FRAME_MEMORY,
  );
  store<u32>(next, 0, FRAME_MEMORY_BYTES);
  store<u32>(next, load<u32>(entry, CODE_AT), FRAME_CODE);
  store<u32>(next, load<u32>(entry, CODE_BYTES), FRAME_CODE_BYTES);
  store<u32>(next, load<u32>(entry, CODE_SECTIONS), FRAME_SECTIONS);
  const compiled = load<u32>(entry, CODE_FUNCTION);
  store<u32>(next, compiled, FRAME_FUNCTION);
  store<u32>(next, <u32>input, FRAME_INPUT);
  store<u32>(next, inputBytes, FRAME_INPUT_BYTES);
  store<u32>(next, <u32>entry, FRAME_ENTRY);
  store<u32>(next, <u32>self, FRAME_SELF);
  store<u32>(next, flags, FRAME_FLAGS);
  store<u32>(next, parent == 0 ? 0 : load<u32>(parent, FRAME_DEPTH) + 1, FRAME_DEPTH);
  store<u32>(next, 0, FRAME_RESUME);
  store<u32>(next, <u32>markJournal, FRAME_JOURNAL);
  store<u32>(next, <u32>markLogs, FRAME_LOGS);
  store<u32>(next, markLogCount, FRAME_LOG_COUNT);
  store<i64>(next, markRefund, FRAME_REFUND);
  store<u32>(next, <u32>markTemporary, FRAME_TEMPORARY);
  store<u32>(next, kind, FRAME_KIND);
  store<i64>(next, gas, FRAME_GAS_GIVEN);
  store<u32>(next, <u32>created, FRAME_CREATED);
  store<u32>(next, 0, FRAME_OUT);
  store<u32>(next, 0, FRAME_OUT_BYTES);
  store<u32>(next, 0, FRAME_POINT);
  store<u64>(entry, load<u64>(entry, CODE_CALLS) + 1, CODE_CALLS);
  if (compiled == 0) store<u64>(entry, load<u64>(entry, CODE_INTERPRETED) + 1, CODE_INTERPRETED);
  setFrame(next);
  return next;
}

/** Puts an answer on the parent's stack. */
export function answer(parent: usize, value: u64): void {
  const sp = <usize>load<u32>(parent, FRAME_SP);
  small(sp, value);
  store<u32>(parent, <u32>(sp + 32), FRAME_SP);
}

/** Keeps `size` bytes at `from` as return data. */
export function keepReturn(from: usize, size: usize): void {
  if (RETURNS + size > RETURNS_END) {
    setLimited(true);
    return;
  }
  move(RETURNS, from, size);
  setReturnBytes(size);
}

/** Deposits the code that a creation returned: the status that the frame ends with, its gas paid. */
function deposit(ending: usize, status: i32): i32 {
  const size: usize = status == STATUS_RETURN ? endedBytes : 0;
  if (size == 0) return STATUS_STOP;
  if (size > <usize>codeLimit) return STATUS_HALT;
  const gas = load<i64>(ending, FRAME_GAS) - codeDepositGas * <i64>size;
  if (gas < 0) return homestead ? STATUS_HALT : STATUS_STOP;
  if (london && load<u8>(endedAt) == 0xef) return STATUS_HALT;
  const entry = addCode(endedAt, size);
  if (entry == 0) {
    setLimited(true);
    return STATUS_HALT;
  }
  store<i64>(ending, gas, FRAME_GAS);
  const account = <usize>load<u32>(ending, FRAME_CREATED);
  setCode(account, load<u8>(account, A_CODE), incarnationOf(account), entry, entry + CODE_HASH);
  return STATUS_STOP;
}

/** Tells a trace how the frame ended. `returned`: a creation that had returned its code. */
function traceFrameEnd(ending: usize, status: i32, gas: i64, returned: bool): void {
  const refused = endedBytes > <usize>codeLimit || load<i64>(ending, FRAME_GAS) >= codeDepositGas * <i64>endedBytes;
  traceEnd(failureOf(status, returned, refused), load<u32>(ending, FRAME_DEPTH), gas, endedAt, 0);
}

/** Ends the current frame with STOP, RETURN, REVERT or HALT. */
export function endFrame(result: i32): void {
  const ending = frame;
  let status = result;
  const creates = (load<u32>(ending, FRAME_FLAGS) & FLAG_CREATE) != 0;
  if (creates && status <= STATUS_RETURN) status = deposit(ending, status);
  const succeeded = status <= STATUS_RETURN;
  const gas = status == STATUS_HALT ? 0 : load<i64>(ending, FRAME_GAS);
  const entry = <usize>load<u32>(ending, FRAME_ENTRY);
  store<u64>(entry, load<u64>(entry, CODE_GAS) + <u64>(load<i64>(ending, FRAME_GAS_GIVEN) - gas), CODE_GAS);
  if (TRACED) traceFrameEnd(ending, status, gas, creates && result == STATUS_RETURN);
  if (!succeeded) {
    undo(load<u32>(ending, FRAME_JOURNAL));
    setLogsEnd(load<u32>(ending, FRAME_LOGS));
    setLogCount(load<u32>(ending, FRAME_LOG_COUNT));
    setRefund(load<i64>(ending, FRAME_REFUND));
  }
  setTemporaryEnd(load<u32>(ending, FRAME_TEMPORARY));
  // Whoever calls a creation from outside gets the code that it deployed.
  const deployed = creates && ending == FRAMES && succeeded && result == STATUS_RETURN;
  if (deployed || (status == STATUS_RETURN && !creates) || status == STATUS_REVERT) keepReturn(endedAt, endedBytes);
  else setReturnBytes(0);
  if (ending == FRAMES) {
    setTopStatus(status);
    setTopGas(gas);
    setFrame(0);
    return;
  }
  const parent = ending - FRAME_BYTES;
  setFrame(parent);
  store<i64>(parent, load<i64>(parent, FRAME_GAS) + gas, FRAME_GAS);
  if (creates) {
    const sp = <usize>load<u32>(parent, FRAME_SP);
    if (succeeded) addressWord(<usize>load<u32>(ending, FRAME_CREATED), sp);
    else zero(sp);
    store<u32>(parent, <u32>(sp + 32), FRAME_SP);
    return;
  }
  answer(parent, u64(succeeded));
  const wanted = load<u32>(ending, FRAME_OUT_BYTES);
  const there = min<u32>(wanted, <u32>returnBytes);
  if (there > 0)
    move(<usize>load<u32>(parent, FRAME_MEMORY) + <usize>load<u32>(ending, FRAME_OUT), RETURNS, there);
}

