// The loop over frames: interpreter or compiled function, operations that need the trampoline, ends of frames; and
// between frames, the transaction's own steps.
import { MISS } from "./bounds";
import { call, CONTINUE } from "./calls";
import { create } from "./creates";
import { frame, limited } from "./execution";
import { endFrame } from "./frames";
import { interpret as interpretFrame } from "./interpreter";
import {
  FRAME_CODE, FRAME_FUNCTION, FRAME_GAS, FRAME_PC, FRAME_RESUME, MISS_OPCODE, RUN_DONE, STATUS_HALT, STATUS_LIMIT,
  STATUS_MISS, STATUS_OPERATION,
} from "./layout";
import { extcodecopy, selfdestruct } from "./rare-operations";
import { advance } from "./transaction";

let interpreted: i64 = 0;
/** Gas that the interpreter has used since the kernel was made. Operations of the trampoline are not in it. */
export function interpretedGas(): i64 {
  return interpreted;
}

/** Interprets the frame from its pc, and counts the gas. Returns a STATUS_*. */
export function interpret(current: usize): i32 {
  const before = load<i64>(current, FRAME_GAS);
  const status = interpretFrame(current);
  interpreted += status == STATUS_HALT ? before : before - load<i64>(current, FRAME_GAS);
  return status;
}

/** Executes the operation at the frame's pc. Returns CONTINUE or a status. */
function operate(current: usize): i32 {
  const op = <u32>load<u8>(<usize>load<u32>(current, FRAME_CODE) + <usize>load<u32>(current, FRAME_PC));
  store<u32>(current, 0, FRAME_RESUME);
  switch (op) {
    case 0xf1:
    case 0xf2:
    case 0xf4:
    case 0xfa:
      return call(current, op);
    case 0xf0:
    case 0xf5:
      return create(current, op);
    case 0x3c:
      return extcodecopy(current);
    case 0xff:
      return selfdestruct(current);
    default:
      return STATUS_HALT;
  }
}

/** Runs until the execution is done or cannot go on: a RUN_*. */
export function run(): i32 {
  while (true) {
    if (limited) return STATUS_LIMIT;
    const current = frame;
    if (current == 0) {
      const step = advance();
      if (step != CONTINUE) {
        store<u32>(MISS, 0, MISS_OPCODE);
        return step;
      }
      continue;
    }
    const compiled = load<u32>(current, FRAME_FUNCTION);
    let status = compiled == 0 ? interpret(current) : call_indirect<i32>(compiled, current);
    if (status == STATUS_OPERATION) status = operate(current);
    if (status == CONTINUE) continue;
    if (limited) return STATUS_LIMIT;
    if (status >= STATUS_MISS) {
      store<u32>(current, 1, FRAME_RESUME);
      const pc = load<u32>(current, FRAME_PC);
      store<u32>(MISS, load<u8>(load<u32>(current, FRAME_CODE) + pc), MISS_OPCODE);
      return status;
    }
    endFrame(status);
  }
  return RUN_DONE;
}
