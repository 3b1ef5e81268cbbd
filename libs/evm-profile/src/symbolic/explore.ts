/**
 * Follows every path of a function of the intermediate representation for one selector, with expressions for values.
 * A branch with a side that can only fail is a guard; other branches on what is not known fork the path. Everything is
 * bounded, and where a bound is met the profile says "unknown". Recursion is as deep as paths have forks, which is
 * bounded too.
 */
import type { Edge, IrFunction, Terminator } from "@velarium/evm-ir";
import { BOUNDARY_INPUTS, boundaryHasResult } from "@velarium/evm-ir";
import { doomedBlocks } from "../evaluate/doomed.ts";
import { compacted } from "../profile/compact.ts";
import { withDeltas } from "../profile/deltas.ts";
import {
  type Bytes,
  type ExpressionId,
  OTHER_SELECTOR,
  type ProfileUnknown,
  type Segment,
  type SegmentId,
  type SelectorProfile,
  type Step,
} from "../profile/format.ts";
import { Calls } from "./calls.ts";
import { Expressions, TooManyExpressions } from "./expressions.ts";
import { FrameData } from "./frame-data.ts";
import { Instructions } from "./instructions.ts";
import { PathState } from "./path-state.ts";
import { SegmentTable } from "./segments.ts";
import { SoughtSelector } from "./sought-selector.ts";
import { Unknown } from "./unknown.ts";

export interface ExploreBudget {
  /** Ends of paths. */
  readonly paths: number;
  /** Instructions, over all paths. */
  readonly instructions: number;
  readonly expressions: number;
  /** Visits of one block on one path. */
  readonly visits: number;
  /** Forks of one path at one block: turns of a loop whose length is not known. */
  readonly forks: number;
  /** Forks of one path. */
  readonly depth: number;
}

export const DEFAULT_BUDGET: ExploreBudget = {
  paths: 192,
  instructions: 120_000,
  expressions: 6_000,
  visits: 48,
  forks: 3,
  depth: 96,
};

export interface ExploreOptions {
  readonly budget?: ExploreBudget | undefined;
  /** Stop where the first step or fork would be. */
  readonly onlyDispatch?: boolean | undefined;
  readonly doomed?: readonly boolean[] | undefined;
  /** Positions of the PUSH instructions whose data differs between codes of one template. */
  readonly positions?: readonly number[] | undefined;
}

export class Explorer {
  readonly expressions: Expressions;
  /** Blocks that some path went through. */
  readonly visited = new Set<number>();
  private readonly fn: IrFunction;
  private readonly selector: SoughtSelector;
  private readonly data: FrameData;
  private readonly body: Instructions;
  private readonly calls: Calls;
  private readonly budget: ExploreBudget;
  private readonly doomed: readonly boolean[];
  private readonly segments = new SegmentTable();
  private readonly onlyDispatch: boolean;
  private paths = 0;
  private instructions = 0;

  /** `selector`: four bytes as a number, or NO_CALLDATA. */
  constructor(fn: IrFunction, code: Uint8Array, selector: number, options: ExploreOptions = {}) {
    this.fn = fn;
    this.selector = new SoughtSelector(selector);
    this.budget = options.budget ?? DEFAULT_BUDGET;
    this.onlyDispatch = options.onlyDispatch ?? false;
    this.doomed = options.doomed ?? doomedBlocks(fn);
    this.expressions = new Expressions(this.budget.expressions);
    this.data = new FrameData(this.expressions, code, this.selector, options.positions ?? []);
    this.body = new Instructions(fn, this.expressions, this.selector, this.data);
    this.calls = new Calls(this.expressions, this.data);
  }

  /** The profile; `selector` as given, or −1 for what no selector of the dispatcher matches. */
  profile(): SelectorProfile {
    const state = new PathState(this.fn.values.length);
    if (this.selector.isEmpty) this.selector.matched = true;
    const root = this.segmentFrom(state);
    const { all } = this.expressions;
    const selector = this.matched ? this.selector.value : OTHER_SELECTOR;
    return withDeltas(compacted({ selector, expressions: all, segments: this.segments.all, root }));
  }

  /** The dispatcher has compared the selector with a constant and found it. */
  get matched(): boolean {
    return this.selector.matched;
  }

  private segmentFrom(state: PathState): SegmentId {
    const steps: Step[] = [];
    try {
      for (;;) {
        const ended = this.runBlock(state, steps);
        if (ended !== undefined) return ended;
      }
    } catch (thrown) {
      if (thrown instanceof Unknown) return this.unknown(steps, thrown.reason, state);
      if (thrown instanceof TooManyExpressions) return this.unknown(steps, "paths", state);
      throw thrown;
    }
  }

  private unknown(steps: readonly Step[], reason: ProfileUnknown, state: PathState): SegmentId {
    const pc = this.fn.blocks[state.block]!.pc;
    return this.end({ steps, end: { kind: "unknown", reason, pc } });
  }

  private end(segment: Segment): SegmentId {
    this.paths++;
    return this.segments.intern(segment);
  }

  /** Runs the block that the path is at; gives the segment when the path ends or forks here. */
  private runBlock(state: PathState, steps: Step[]): SegmentId | undefined {
    const { budget } = this;
    const block = this.fn.blocks[state.block]!;
    this.visited.add(block.id);
    if (state.visit(block.id) > budget.visits) throw new Unknown("loop");
    if (this.paths > budget.paths) throw new Unknown("paths");
    this.instructions += block.instructions.length + 1;
    if (this.instructions > budget.instructions) throw new Unknown("paths");
    for (const instruction of block.instructions) {
      const failed = this.body.run(instruction, state, steps);
      if (failed) return this.end({ steps, end: { kind: "revert" } });
      if (this.onlyDispatch && steps.some(({ kind }) => kind !== "guard")) throw new Unknown("paths");
    }
    return this.leave(block.terminator, state, steps);
  }

  private leave(end: Terminator, state: PathState, steps: Step[]): SegmentId | undefined {
    switch (end.kind) {
      case "jump":
        this.follow(end.edge, state);
        return undefined;
      case "branch":
        return this.branch(
          state.of(this.fn, this.expressions, end.condition),
          end.then,
          end.else,
          state,
          steps,
        );
      case "switch":
        return this.choose(end, state, steps);
      case "boundary":
        this.boundary(end, state, steps);
        if (this.onlyDispatch) throw new Unknown("paths");
        return undefined;
      case "return":
        return this.end({ steps, end: { kind: "return", data: this.returned(state, end) } });
      case "stop":
        return this.end({ steps, end: { kind: "return", data: { kind: "parts", parts: [] } } });
      case "revert":
      case "fail":
        return this.end({ steps, end: { kind: "revert" } });
      case "selfdestruct": {
        const beneficiary = state.of(this.fn, this.expressions, end.stack[end.stack.length - 1]!);
        return this.end({ steps, end: { kind: "selfdestruct", beneficiary } });
      }
      case "transfer":
      case "dispatch":
      case "exit":
        throw new Unknown("jump");
    }
  }

  private follow(edge: Edge, state: PathState, skip = 0): void {
    const { params } = this.fn.blocks[edge.block]!;
    const values = edge.args.map((id) => state.of(this.fn, this.expressions, id));
    for (let i = 0; i < values.length; i++) state.values[params[i + skip]!] = values[i]!;
    state.block = edge.block;
  }

  private branch(
    condition: ExpressionId,
    taken: Edge,
    passed: Edge,
    state: PathState,
    steps: Step[],
  ): SegmentId | undefined {
    const { base, negated } = this.stripped(condition);
    const known = this.expressions.valueOf(base);
    const decided = known !== undefined ? known !== 0n : state.decided.get(base);
    if (decided !== undefined) {
      this.follow(decided !== negated ? taken : passed, state);
      return undefined;
    }
    const takenFails = this.doomed[taken.block]!;
    const passedFails = this.doomed[passed.block]!;
    if (takenFails && passedFails) return this.end({ steps, end: { kind: "revert" } });
    if (takenFails || passedFails) {
      const holds = passedFails !== negated;
      state.decided.set(base, holds);
      steps.push({ kind: "guard", condition: base, holds });
      this.follow(passedFails ? taken : passed, state);
      return undefined;
    }
    return this.fork(base, negated ? passed : taken, negated ? taken : passed, state, steps);
  }

  private fork(
    condition: ExpressionId,
    nonzeroEdge: Edge,
    zeroEdge: Edge,
    state: PathState,
    steps: Step[],
  ): SegmentId {
    if (this.onlyDispatch) throw new Unknown("paths");
    if (state.fork() > this.budget.forks) throw new Unknown("loop");
    if (state.depth > this.budget.depth) throw new Unknown("paths");
    const other = state.clone();
    this.follow(nonzeroEdge, state);
    state.decided.set(condition, true);
    this.follow(zeroEdge, other);
    other.decided.set(condition, false);
    const nonzero = this.segmentFrom(state);
    const zero = this.segmentFrom(other);
    // Both ways come to the same: the condition does not matter.
    if (nonzero === zero) return this.segments.prepend(steps, nonzero);
    const nonzeroFails = this.segments.onlyFails(nonzero);
    if (nonzeroFails || this.segments.onlyFails(zero)) {
      const guard: Step = { kind: "guard", condition, holds: !nonzeroFails };
      return this.segments.prepend([...steps, guard], nonzeroFails ? zero : nonzero);
    }
    return this.segments.intern({ steps, end: { kind: "branch", condition, nonzero, zero } });
  }

  /** `iszero`s taken off a condition. */
  private stripped(condition: ExpressionId): { base: ExpressionId; negated: boolean } {
    let base = condition;
    let negated = false;
    for (;;) {
      const expression = this.expressions.all[base]!;
      if (expression.op !== "iszero") return { base, negated };
      base = expression.args[0]!;
      negated = !negated;
    }
  }

  private choose(
    end: Extract<Terminator, { kind: "switch" }>,
    state: PathState,
    steps: Step[],
  ): SegmentId | undefined {
    const value = state.of(this.fn, this.expressions, end.value);
    const known = this.expressions.valueOf(value);
    if (known !== undefined) {
      const found = end.cases.find((each) => each.value === known);
      if (found !== undefined && this.selector.is(known)) this.selector.matched = true;
      this.follow(found?.edge ?? end.default, state);
      return undefined;
    }
    if (this.onlyDispatch || end.cases.length > this.budget.forks) throw new Unknown("paths");
    return this.chooseFrom(value, end, 0, state, steps);
  }

  private chooseFrom(
    value: ExpressionId,
    end: Extract<Terminator, { kind: "switch" }>,
    at: number,
    state: PathState,
    steps: Step[],
  ): SegmentId {
    const each = end.cases[at];
    if (each === undefined) {
      this.follow(end.default, state);
      return this.segments.prepend(steps, this.segmentFrom(state));
    }
    const condition = this.expressions.apply("eq", [value, this.expressions.constant(each.value)]);
    const other = state.clone();
    this.follow(each.edge, state);
    const nonzero = this.segmentFrom(state);
    const zero = this.chooseFrom(value, end, at + 1, other, []);
    return this.segments.intern({ steps, end: { kind: "branch", condition, nonzero, zero } });
  }

  private returned(state: PathState, { offset, size }: Extract<Terminator, { kind: "return" }>): Bytes {
    const at = state.of(this.fn, this.expressions, offset);
    return this.data.bytesAt(state, at, state.of(this.fn, this.expressions, size));
  }

  private boundary(end: Extract<Terminator, { kind: "boundary" }>, state: PathState, steps: Step[]): void {
    const { op, stack, next } = end;
    if (op === "create" || op === "create2") throw new Unknown("create");
    if (op === "extcodecopy") throw new Unknown("memory");
    const operands = stack
      .slice(stack.length - BOUNDARY_INPUTS[op])
      .reverse()
      .map((id) => state.of(this.fn, this.expressions, id));
    const success = this.calls.make(op, operands, state, steps);
    const results = boundaryHasResult(op) ? 1 : 0;
    this.follow(next, state, results);
    state.values[this.fn.blocks[next.block]!.params[0]!] = success;
  }
}
