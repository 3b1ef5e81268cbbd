/** The tree of calls, as geth's `callTracer` shapes it. */
import type { EnterEvent, ExitEvent, TraceEvent } from "./events.ts";
import { bytesHex, quantity, wordHex } from "./hex.ts";
import { FAILURE_TEXT, Failure } from "./layout.ts";
import { opcodeName } from "./opcode-facts.ts";
import { memoryOf, replayTrace } from "./replay.ts";
import { revertReason } from "./revert-reason.ts";

export interface CallTracerOptions {
  readonly onlyTopCall?: boolean;
  /** Show logs of calls that were not reverted; the trace must have recorded memory. */
  readonly withLog?: boolean;
}

export interface CallLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly position: string;
}

export interface CallFrame {
  readonly type: string;
  readonly from: string;
  readonly to?: string;
  readonly value?: string;
  readonly gas: string;
  gasUsed: string;
  readonly input: string;
  output?: string;
  error?: string;
  revertReason?: string;
  calls?: CallFrame[];
  logs?: CallLog[];
}

/** Gas of the whole transaction, which the top frame shows in place of its own. */
export interface TransactionGas {
  readonly gasLimit: number;
  readonly gasUsed: number;
}

const LOG0 = 0xa0;
const LOG4 = 0xa4;

/** Undefined when nothing ran. @throws TraceError `format` */
export function callTree(
  events: Iterable<TraceEvent>,
  gas: TransactionGas,
  options: CallTracerOptions,
): CallFrame | undefined {
  const open: CallFrame[] = [];
  let top: CallFrame | undefined;
  replayTrace(events, {
    enter(event) {
      const frame = frameOf(event, gas);
      const parent = open.at(-1);
      open.push(frame);
      if (parent === undefined) top = frame;
      else if (options.onlyTopCall !== true) (parent.calls ??= []).push(frame);
    },
    step({ step, frame, next }) {
      if (options.withLog !== true || step.op < LOG0 || step.op > LOG4 || next?.kind === undefined) return;
      const current = open.at(-1)!;
      const { stack } = frame;
      const topics = step.op - LOG0;
      if (stack.length < 2 + topics) return;
      const offset = Number(stack.at(-1)!);
      const length = Number(stack.at(-2)!);
      if (length > frame.memory.length + step.memoryWords * 32) return;
      (current.logs ??= []).push({
        address: bytesHex(frame.owner),
        topics: Array.from({ length: topics }, (_, i) => wordHex(stack.at(-3 - i)!)),
        data: bytesHex(memoryOf(frame, offset, length)),
        position: quantity(current.calls?.length ?? 0),
      });
    },
    exit(event, frame) {
      finish(open.pop()!, event, frame.enter, open.length === 0 ? gas : undefined);
    },
  });
  return top;
}

function frameOf(event: EnterEvent, gas: TransactionGas): CallFrame {
  const type = opcodeName(event.op);
  return {
    type,
    from: bytesHex(event.from),
    to: bytesHex(event.to),
    ...(type === "STATICCALL" ? {} : { value: quantity(event.value) }),
    gas: quantity(event.depth === 0 ? gas.gasLimit : event.gas),
    gasUsed: "0x0",
    input: bytesHex(event.input),
  };
}

function finish(
  frame: CallFrame,
  event: ExitEvent,
  enter: EnterEvent,
  gas: TransactionGas | undefined,
): void {
  frame.gasUsed = quantity(gas?.gasUsed ?? enter.gas - event.gasLeft);
  if (event.output.length > 0) frame.output = bytesHex(event.output);
  const error = FAILURE_TEXT[event.failure];
  if (error === undefined) return;
  frame.error = error;
  // What a reverted call logged never happened.
  dropLogs(frame);
  if (event.failure !== Failure.revert) return;
  const reason = revertReason(event.output);
  if (reason !== undefined) frame.revertReason = reason;
}

function dropLogs(root: CallFrame): void {
  const rest = [root];
  for (let frame = rest.pop(); frame !== undefined; frame = rest.pop()) {
    delete frame.logs;
    if (frame.calls !== undefined) rest.push(...frame.calls);
  }
}
