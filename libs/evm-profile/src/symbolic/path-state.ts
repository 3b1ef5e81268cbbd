/** One path under exploration. */
import type { IrFunction } from "@velarium/evm-ir";
import type { ExpressionId, Step, StepId } from "../profile/format.ts";
import type { Expressions } from "./expressions.ts";
import { SymbolicMemory } from "./memory.ts";

const NONE = -1;

/** A call step while the paths behind it are explored: what they make of its return data is noted there. */
export type MadeCall = {
  -readonly [K in keyof Extract<Step, { kind: "call" }>]: Extract<Step, { kind: "call" }>[K];
};

export class PathState {
  block = 0;
  /** Expression of each value of the function; −1 where there is none yet. */
  values: Int32Array;
  memory = new SymbolicMemory();
  /** Conditions that this path has decided already. */
  decided = new Map<ExpressionId, boolean>();
  /** Number of the next step that finds something. */
  step: StepId = 0;
  /** The call whose return data is there; its size where it is assumed. */
  lastCall: { readonly step: StepId; readonly size: number | undefined; readonly made: MadeCall } | undefined;
  depth = 0;
  private visits = new Map<number, number>();
  private forks = new Map<number, number>();

  constructor(values: number) {
    this.values = new Int32Array(values).fill(NONE);
  }

  clone(): PathState {
    const copy = new PathState(0);
    copy.block = this.block;
    copy.values = this.values.slice();
    copy.memory = this.memory.clone();
    copy.decided = new Map(this.decided);
    copy.step = this.step;
    copy.lastCall = this.lastCall;
    copy.depth = this.depth;
    copy.visits = new Map(this.visits);
    copy.forks = new Map(this.forks);
    return copy;
  }

  /** Expression of a value of the function. */
  of(fn: IrFunction, expressions: Expressions, id: number): ExpressionId {
    const known = this.values[id]!;
    if (known !== NONE) return known;
    const value = fn.values[id]!;
    if (value.kind === "constant") return (this.values[id] = expressions.constant(value.value));
    if (value.kind === "immediate")
      return (this.values[id] = expressions.intern({ op: "immediate", index: value.index }));
    return expressions.intern({ op: "opaque", what: "undefined" });
  }

  /** Counts a visit. */
  visit(block: number): number {
    const count = (this.visits.get(block) ?? 0) + 1;
    this.visits.set(block, count);
    return count;
  }

  /** Counts a fork where the path is. */
  fork(): number {
    this.depth++;
    const count = (this.forks.get(this.block) ?? 0) + 1;
    this.forks.set(this.block, count);
    return count;
  }

  /** What the step just made found. */
  found(expressions: Expressions): ExpressionId {
    return expressions.intern({ op: "found", step: this.step++ });
  }

  returnSize(expressions: Expressions): ExpressionId {
    const call = this.lastCall;
    if (call === undefined) return expressions.constant(0n);
    if (call.size === undefined) return expressions.intern({ op: "returnsize", step: call.step });
    // Compilers move their memory pointer by it, which must stay a constant: most callees return what is asked for.
    call.made.isExact = true;
    return expressions.constant(BigInt(call.size));
  }
}
