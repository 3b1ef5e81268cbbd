/** Calls of a path: a step each, whose return data is assumed to be of the size that the caller asks for. */
import type { CallOperation, ExpressionId, Step } from "../profile/format.ts";
import type { Expressions } from "./expressions.ts";
import type { FrameData } from "./frame-data.ts";
import type { MadeCall, PathState } from "./path-state.ts";

/** The precompile that gives back what it is given. */
const IDENTITY = 4n;

export class Calls {
  private readonly expressions: Expressions;
  private readonly data: FrameData;

  constructor(expressions: Expressions, data: FrameData) {
    this.expressions = expressions;
    this.data = data;
  }

  /** Makes a call with its operands, the gas first; gives whether it succeeds. */
  make(op: CallOperation, operands: readonly ExpressionId[], state: PathState, steps: Step[]): ExpressionId {
    const { expressions } = this;
    const hasValue = op === "call" || op === "callcode";
    const target = expressions.asAddress(operands[1]!);
    const value = hasValue ? operands[2]! : expressions.constant(0n);
    const [inOffset, inSize, outOffset, outSize] = operands.slice(hasValue ? 3 : 2) as [
      number,
      number,
      number,
      number,
    ];
    const data = this.data.bytesAt(state, inOffset, inSize);
    const out = this.data.offset(outSize);
    if (expressions.valueOf(target) === IDENTITY && data.kind === "parts") {
      // The compiler's way to copy memory, long ago.
      let at = out === 0 ? 0 : this.data.offset(outOffset);
      let left = out;
      for (const part of data.parts) {
        const size = Math.min(left, part.size);
        if (size > 0) state.memory.store(at, part.value, part.from, size);
        at += size;
        left -= size;
      }
      state.lastCall = undefined;
      return expressions.constant(1n);
    }
    const { step } = state;
    const made: MadeCall = { kind: "call", step, op, target, value, data };
    if (out > 0) made.assumedSize = out;
    steps.push(made);
    state.step++;
    state.lastCall = { step, size: out > 0 ? out : undefined, made };
    if (out > 0) this.data.storeReturned(state.memory, this.data.offset(outOffset), step, 0, out);
    return expressions.intern({ op: "success", step });
  }
}
