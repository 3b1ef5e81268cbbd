/**
 * Walks a trace and keeps what its records only imply: the whole operand stack and the memory of every open frame, and
 * whose storage a frame works on. One pass, one frame object per open call.
 */
import { TraceError } from "./error.ts";
import type { EnterEvent, ExitEvent, MemoryEvent, StepEvent, TraceEvent } from "./events.ts";
import { RecordKind } from "./layout.ts";
import { opcodeName, stackInputs, stackOutputs } from "./opcode-facts.ts";

export interface OpenFrame {
  readonly enter: EnterEvent;
  /** 20 bytes: account whose storage the frame reads and writes. */
  readonly owner: Uint8Array;
  /** Bottom first. */
  readonly stack: bigint[];
  /** Contents as far as the trace recorded them. */
  memory: Uint8Array;
  /** Last opcode begun in this frame. */
  lastOp: number | undefined;
}

/** A step with what was on the stack before it, and what came next in the trace. */
export interface ReplayedStep {
  readonly step: StepEvent;
  readonly frame: OpenFrame;
  /** Word that the opcode left on the stack; undefined when none, or the frame ended. */
  readonly result: bigint | undefined;
  /** Next record that is not of memory. */
  readonly next: StepEvent | EnterEvent | ExitEvent | undefined;
}

export interface TraceVisitor {
  enter?(event: EnterEvent, frame: OpenFrame): void;
  /** Called when the record after the step is known; stack and memory are still as before the step. */
  step?(replayed: ReplayedStep): void;
  exit?(event: ExitEvent, frame: OpenFrame): void;
}

const DELEGATECALL = 0xf4;
const CALLCODE = 0xf2;

/** @throws TraceError `format` when records contradict each other */
export function replayTrace(events: Iterable<TraceEvent>, visitor: TraceVisitor): void {
  const frames: OpenFrame[] = [];
  let waiting: { step: StepEvent; frame: OpenFrame } | undefined;
  let written: MemoryEvent[] = [];

  // What an opcode did shows in the record after it; only then may stack and memory move on.
  const settle = (next: StepEvent | EnterEvent | ExitEvent | undefined): void => {
    if (waiting === undefined) return;
    const { step, frame } = waiting;
    const inFrame = next?.kind === RecordKind.step && next.depth === step.depth;
    const result = inFrame && stackOutputs(step.op) > 0 ? next.top : undefined;
    visitor.step?.({ step, frame, result, next });
    frame.lastOp = step.op;
    waiting = undefined;
  };

  for (const event of events) {
    if (event.kind === RecordKind.memory) {
      written.push(event);
      continue;
    }
    settle(event);
    for (const { depth, offset, bytes } of written) writeMemory(frameAt(frames, depth), offset, bytes);
    written = [];
    if (event.kind === RecordKind.enter) {
      const parent = frames[event.depth - 1];
      if (event.depth !== frames.length)
        throw contradiction(`a frame of depth ${event.depth} begins`, frames);
      const shares = event.op === DELEGATECALL || event.op === CALLCODE;
      const owner = shares && parent !== undefined ? parent.owner : event.to;
      const frame: OpenFrame = {
        enter: event,
        owner,
        stack: [],
        memory: new Uint8Array(0),
        lastOp: undefined,
      };
      frames.push(frame);
      visitor.enter?.(event, frame);
    } else if (event.kind === RecordKind.exit) {
      if (event.depth !== frames.length - 1)
        throw contradiction(`a frame of depth ${event.depth} ends`, frames);
      const ended = frames.pop()!;
      visitor.exit?.(event, ended);
    } else {
      const frame = frameAt(frames, event.depth);
      advance(frame, event);
      waiting = { step: event, frame };
    }
  }
  settle(undefined);
}

const contradiction = (what: string, frames: readonly OpenFrame[]): TraceError =>
  new TraceError("format", `${what} while ${frames.length} frames are open`);

function frameAt(frames: readonly OpenFrame[], depth: number): OpenFrame {
  const frame = frames[depth];
  if (frame === undefined || depth !== frames.length - 1)
    throw contradiction(`a record is of depth ${depth}`, frames);
  return frame;
}

/** Applies the frame's last opcode to its stack; `now` shows the top that it left. */
function advance(frame: OpenFrame, now: StepEvent): void {
  const { stack, lastOp } = frame;
  if (lastOp !== undefined) {
    const name = opcodeName(lastOp);
    if (name.startsWith("DUP")) stack.push(stack[stack.length - (lastOp - 0x7f)] ?? 0n);
    else if (name.startsWith("SWAP")) {
      const other = stack.length - 1 - (lastOp - 0x8f);
      const top = stack[stack.length - 1]!;
      stack[stack.length - 1] = stack[other]!;
      stack[other] = top;
    } else {
      stack.length = Math.max(0, stack.length - stackInputs(lastOp));
      if (stackOutputs(lastOp) > 0) stack.push(now.top);
    }
  }
  if (stack.length !== now.stackHeight || (stack.length > 0 && stack[stack.length - 1] !== now.top))
    throw new TraceError(
      "format",
      `pc ${now.pc} at depth ${now.depth}: the stack has ${stack.length} words, the record says ${now.stackHeight}`,
    );
}

function writeMemory(frame: OpenFrame, offset: number, bytes: Uint8Array): void {
  const end = offset + bytes.length;
  if (end > frame.memory.length) {
    const grown = new Uint8Array(Math.max(end, frame.memory.length * 2));
    grown.set(frame.memory);
    frame.memory = grown;
  }
  frame.memory.set(bytes, offset);
}

/** Memory of a frame between two offsets; what was never written is zero. */
export function memoryOf(frame: OpenFrame, offset: number, length: number): Uint8Array {
  const out = new Uint8Array(length);
  out.set(frame.memory.subarray(Math.min(offset, frame.memory.length), offset + length));
  return out;
}
