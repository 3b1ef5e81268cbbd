/** EIP-3155: one JSON line per step, and one for the outcome. */
import type { TraceEvent } from "./events.ts";
import { gasCostOf } from "./gas-cost.ts";
import { bytesHex, quantity } from "./hex.ts";
import { FAILURE_TEXT, RecordKind } from "./layout.ts";
import { opcodeName } from "./opcode-facts.ts";
import { memoryOf, replayTrace } from "./replay.ts";

export interface Eip3155Options {
  /** Show memory with each step; the trace must have recorded it. */
  readonly memory?: boolean;
}

export interface Eip3155Outcome {
  readonly output: Uint8Array;
  readonly gasUsed: number;
  readonly pass: boolean;
}

/** Calls `line` for each line, without its end. @throws TraceError `format` */
export function writeEip3155(
  events: Iterable<TraceEvent>,
  outcome: Eip3155Outcome,
  options: Eip3155Options,
  line: (text: string) => void,
): void {
  replayTrace(events, {
    step({ step, frame, next }) {
      const failure = next?.kind === RecordKind.exit ? FAILURE_TEXT[next.failure] : undefined;
      line(
        JSON.stringify({
          pc: step.pc,
          op: step.op,
          gas: quantity(step.gas),
          gasCost: quantity(gasCostOf(step, next)),
          memSize: step.memoryWords * 32,
          stack: frame.stack.map(quantity),
          depth: step.depth + 1,
          refund: Number(step.refund),
          opName: opcodeName(step.op),
          ...(options.memory ? { memory: bytesHex(memoryOf(frame, 0, step.memoryWords * 32)) } : {}),
          ...(failure === undefined ? {} : { error: failure }),
        }),
      );
    },
  });
  line(
    JSON.stringify({
      output: bytesHex(outcome.output),
      gasUsed: quantity(outcome.gasUsed),
      pass: outcome.pass,
    }),
  );
}
