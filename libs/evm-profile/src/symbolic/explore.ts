/**
 * Follows every path of a function of the intermediate representation for one selector, with expressions for values.
 * A branch with a side that can only fail is a guard; other branches on what is not known fork the path. Everything is
 * bounded, and where a bound is met the profile says "unknown". Recursion is as deep as paths have forks, which is
 * bounded too.
 */
import type { Edge, Instruction, IrFunction, Terminator } from "@velarium/evm-ir";
import { BOUNDARY_INPUTS, boundaryHasResult } from "@velarium/evm-ir";
import { doomedBlocks } from "../evaluate/doomed.ts";
import { compacted } from "../profile/compact.ts";
import { withDeltas } from "../profile/deltas.ts";
import {
  type Bytes,
  type CallOperation,
  ENVIRONMENT,
  type ExpressionId,
  NO_CALLDATA,
  OTHER_SELECTOR,
  type ProfileUnknown,
  type PureOperation,
  type Segment,
  type SegmentId,
  type SelectorProfile,
  type Step,
} from "../profile/format.ts";
import { Expressions, PURE, TooManyExpressions } from "./expressions.ts";
import { SymbolicMemory } from "./memory.ts";
import { type MadeCall, PathState } from "./path-state.ts";
import { SegmentTable } from "./segments.ts";

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

/** Ends one path. */
class Unknown extends Error {
  readonly reason: ProfileUnknown;
  constructor(reason: ProfileUnknown) {
    super(reason);
    this.reason = reason;
  }
}

const ENVIRONMENT_NAMES: ReadonlySet<string> = new Set(ENVIRONMENT);
const isPure = (op: string): op is PureOperation => Object.hasOwn(PURE, op);
/** The selector's place in the first word of calldata. */
const SELECTOR_SHIFT = 224n;
const IDENTITY = 4n;

export class Explorer {
  readonly expressions: Expressions;
  /** The dispatcher has compared the selector with a constant and found it. */
  matched = false;
  /** Blocks that some path went through. */
  readonly visited = new Set<number>();
  private readonly fn: IrFunction;
  private readonly code: Uint8Array;
  private readonly selector: number;
  private readonly budget: ExploreBudget;
  private readonly doomed: readonly boolean[];
  private readonly segments = new SegmentTable();
  private readonly onlyDispatch: boolean;
  private readonly positions: readonly number[];
  private paths = 0;
  private instructions = 0;

  /** `selector`: four bytes as a number, or NO_CALLDATA. */
  constructor(fn: IrFunction, code: Uint8Array, selector: number, options: ExploreOptions = {}) {
    this.fn = fn;
    this.code = code;
    this.selector = selector;
    this.budget = options.budget ?? DEFAULT_BUDGET;
    this.onlyDispatch = options.onlyDispatch ?? false;
    this.positions = options.positions ?? [];
    this.doomed = options.doomed ?? doomedBlocks(fn);
    this.expressions = new Expressions(this.budget.expressions);
  }

  /** The profile; `selector` as given, or −1 for what no selector of the dispatcher matches. */
  profile(): SelectorProfile {
    const state = new PathState(this.fn.values.length);
    if (this.isEmpty) this.matched = true;
    const root = this.segmentFrom(state);
    const { all } = this.expressions;
    const selector = this.matched ? this.selector : OTHER_SELECTOR;
    return withDeltas(compacted({ selector, expressions: all, segments: this.segments.all, root }));
  }

  private get isEmpty(): boolean {
    return this.selector === NO_CALLDATA;
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
      const failed = this.run(instruction, state, steps);
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
        return this.end({ steps, end: { kind: "return", data: this.bytes(state, end.offset, end.size) } });
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
      if (found !== undefined && known === BigInt(this.selector)) this.matched = true;
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

  /** True when the frame fails here. */
  private run(instruction: Instruction, state: PathState, steps: Step[]): boolean {
    const { op, result } = instruction;
    const { expressions } = this;
    const args = instruction.args.map((id) => state.of(this.fn, expressions, id));
    const [a, b, c] = args as [ExpressionId, ExpressionId, ExpressionId];
    if (isPure(op)) {
      if (op === "eq" || op === "sub" || op === "xor") this.noteMatch(instruction, args);
      state.values[result] = this.knownOfCalldatasize(op, args) ?? expressions.apply(op, args);
      return false;
    }
    if (op === "calldatasize" && this.isEmpty) {
      state.values[result] = expressions.constant(0n);
      return false;
    }
    if (ENVIRONMENT_NAMES.has(op)) {
      state.values[result] = expressions.intern({
        op: "environment",
        name: op as (typeof ENVIRONMENT)[number],
      });
      return false;
    }
    switch (op) {
      case "section":
      case "chargewords":
      case "touch":
      case "log":
        return false;
      case "gas":
      case "msize":
      case "blobhash":
        state.values[result] = expressions.intern({ op: "opaque", what: op });
        return false;
      case "calldataload":
        state.values[result] = this.calldata(a);
        return false;
      case "returndatasize":
        state.values[result] = state.returnSize(expressions);
        return false;
      case "mload":
        state.values[result] = this.known(state.memory.load(this.offset(a), expressions));
        return false;
      case "mstore":
        state.memory.store(this.offset(a), b);
        return false;
      case "mstore8":
        state.memory.store(this.offset(a), b, 31, 1);
        return false;
      case "calldatacopy":
        this.copyCalldata(state.memory, a, b, c);
        return false;
      case "codecopy":
        this.copyCode(state.memory, a, b, c);
        return false;
      case "returndatacopy":
        return this.copyReturned(state, a, b, c);
      case "mcopy":
        this.move(state.memory, a, b, c);
        return false;
      case "keccak": {
        const size = this.offset(b);
        const parts = size === 0 ? [] : this.known(state.memory.parts(this.offset(a), size, expressions));
        state.values[result] = expressions.keccak(parts);
        return false;
      }
      case "sload":
        steps.push({ kind: "read", step: state.step, slot: a });
        state.values[result] = state.found(expressions);
        return false;
      case "sstore":
        steps.push({ kind: "write", slot: a, value: b });
        return false;
      case "tload":
        steps.push({ kind: "transientread", step: state.step, slot: a });
        state.values[result] = state.found(expressions);
        return false;
      case "tstore":
        steps.push({ kind: "transientwrite", slot: a, value: b });
        return false;
      case "balance":
      case "selfbalance":
      case "extcodesize":
      case "extcodehash": {
        const what = op === "extcodesize" ? "codesize" : op === "extcodehash" ? "codehash" : "balance";
        const address = op === "selfbalance" ? expressions.intern({ op: "environment", name: "address" }) : a;
        steps.push({ kind: "account", step: state.step, what, address: this.asAddress(address) });
        state.values[result] = state.found(expressions);
        return false;
      }
      case "blockhash":
        steps.push({ kind: "blockhash", step: state.step, number: a });
        state.values[result] = state.found(expressions);
        return false;
      default:
        throw new Unknown("memory");
    }
  }

  /** A comparison of the selector with a constant of the code, before anything is touched. */
  private noteMatch(instruction: Instruction, args: readonly ExpressionId[]): void {
    const selector = BigInt(this.selector);
    const fixed = instruction.args.findIndex((id) => {
      const value = this.fn.values[id]!;
      return value.kind === "constant" && value.value === selector;
    });
    if (fixed >= 0 && this.expressions.valueOf(args[1 - fixed]!) === selector) this.matched = true;
  }

  /** Whoever names a function sends its selector: there are at least four bytes. */
  private knownOfCalldatasize(op: PureOperation, [a, b]: readonly ExpressionId[]): ExpressionId | undefined {
    if (op !== "lt" && op !== "gt" && op !== "iszero") return undefined;
    const { expressions } = this;
    const isSize = (id: ExpressionId | undefined): boolean => {
      const expression = id === undefined ? undefined : expressions.all[id];
      return expression?.op === "environment" && expression.name === "calldatasize";
    };
    if (op === "iszero") return isSize(a) ? expressions.constant(0n) : undefined;
    const [size, bound] = op === "lt" ? [a, b] : [b, a];
    const limit = isSize(size) ? expressions.valueOf(bound!) : undefined;
    return limit !== undefined && limit <= 4n ? expressions.constant(0n) : undefined;
  }

  private known<T>(value: T | undefined): T {
    if (value === undefined) throw new Unknown("memory");
    return value;
  }

  private offset(id: ExpressionId): number {
    const value = this.expressions.valueOf(id);
    if (!SymbolicMemory.isOffset(value)) throw new Unknown("memory");
    return Number(value);
  }

  private asAddress(id: ExpressionId): ExpressionId {
    return this.expressions.apply("and", [id, this.expressions.constant((1n << 160n) - 1n)]);
  }

  /** The word of calldata at an offset; the first four bytes are the selector. */
  private calldata(offset: ExpressionId): ExpressionId {
    const { expressions } = this;
    if (this.isEmpty) return expressions.constant(0n);
    const at = expressions.valueOf(offset);
    if (at === undefined) return expressions.intern({ op: "calldataat", args: [offset] });
    if (at >= 4n)
      return expressions.intern({ op: "calldata", offset: Number(at > 0xffff_ffffn ? 0xffff_ffffn : at) });
    const head = expressions.constant(BigInt(this.selector) << SELECTOR_SHIFT);
    const tail = expressions.intern({ op: "calldata", offset: 4 });
    const inHead = 4 - Number(at);
    return expressions.joined([
      { value: head, from: Number(at), size: inHead },
      { value: tail, from: 0, size: 32 - inHead },
    ]);
  }

  private copyCalldata(
    memory: SymbolicMemory,
    to: ExpressionId,
    from: ExpressionId,
    size: ExpressionId,
  ): void {
    const { expressions } = this;
    const source = expressions.all[from]!;
    const count = expressions.all[size]!;
    if (count.op === "environment" && count.name === "calldatasize" && expressions.valueOf(from) === 0n)
      return memory.storeWhole(this.offset(to), { kind: "calldata" });
    const bytes = this.offset(size);
    if (bytes === 0) return;
    const at = this.offset(to);
    const isZeros = source.op === "environment" && source.name === "calldatasize";
    for (let done = 0; done < bytes; done += 32) {
      const value = isZeros
        ? expressions.constant(0n)
        : this.calldata(expressions.apply("add", [from, expressions.constant(BigInt(done))]));
      memory.store(at + done, value, 0, Math.min(32, bytes - done));
    }
  }

  private copyCode(memory: SymbolicMemory, to: ExpressionId, from: ExpressionId, size: ExpressionId): void {
    const bytes = this.offset(size);
    if (bytes === 0) return;
    const source = this.offset(from);
    const at = this.offset(to);
    // What differs between codes of one template is not known here. A PUSH has 32 bytes of data at most.
    if (this.positions.some((pc) => pc + 33 > source && pc + 1 < source + bytes)) throw new Unknown("memory");
    for (let done = 0; done < bytes; done += 32) {
      let word = 0n;
      for (let i = 0; i < 32; i++) word = (word << 8n) | BigInt(this.code[source + done + i] ?? 0);
      memory.store(at + done, this.expressions.constant(word), 0, Math.min(32, bytes - done));
    }
  }

  private copyReturned(state: PathState, to: ExpressionId, from: ExpressionId, size: ExpressionId): boolean {
    const { expressions } = this;
    const count = expressions.all[size]!;
    const call = state.lastCall;
    if (
      call !== undefined &&
      count.op === "returnsize" &&
      count.step === call.step &&
      expressions.valueOf(from) === 0n
    ) {
      state.memory.storeWhole(this.offset(to), { kind: "returned", step: call.step });
      return false;
    }
    const bytes = expressions.valueOf(size);
    const start = expressions.valueOf(from);
    if (bytes === undefined || start === undefined) throw new Unknown("returndata");
    if (bytes === 0n && start === 0n) return false;
    if (call === undefined) return true;
    if (call.size === undefined || start + bytes > BigInt(call.size)) throw new Unknown("returndata");
    this.storeReturned(state.memory, this.offset(to), call.step, Number(start), Number(bytes));
    return false;
  }

  private storeReturned(memory: SymbolicMemory, at: number, step: number, from: number, size: number): void {
    for (let done = 0; done < size; done += 32) {
      const value = this.expressions.intern({ op: "returned", step, offset: from + done });
      memory.store(at + done, value, 0, Math.min(32, size - done));
    }
  }

  private move(memory: SymbolicMemory, to: ExpressionId, from: ExpressionId, size: ExpressionId): void {
    const bytes = this.offset(size);
    if (bytes === 0) return;
    const parts = this.known(memory.parts(this.offset(from), bytes, this.expressions));
    let at = this.offset(to);
    for (const part of parts) {
      memory.store(at, part.value, part.from, part.size);
      at += part.size;
    }
  }

  /** `size` bytes of memory at `offset`, as a frame passes them on. */
  private bytes(state: PathState, offset: number, size: number): Bytes {
    const at = state.of(this.fn, this.expressions, offset);
    return this.bytesAt(state, at, state.of(this.fn, this.expressions, size));
  }

  private bytesAt(state: PathState, offset: ExpressionId, size: ExpressionId): Bytes {
    const count = this.expressions.valueOf(size);
    if (count === 0n) return { kind: "parts", parts: [] };
    if (count === undefined) {
      const expression = this.expressions.all[size]!;
      const whole = state.memory.whole(this.offset(offset));
      const fits =
        (whole?.kind === "calldata" &&
          expression.op === "environment" &&
          expression.name === "calldatasize") ||
        (whole?.kind === "returned" && expression.op === "returnsize" && expression.step === whole.step);
      if (fits && whole !== undefined) return whole;
      throw new Unknown("memory");
    }
    const parts = this.known(state.memory.parts(this.offset(offset), this.offset(size), this.expressions));
    return { kind: "parts", parts };
  }

  private boundary(end: Extract<Terminator, { kind: "boundary" }>, state: PathState, steps: Step[]): void {
    const { op, stack, next } = end;
    if (op === "create" || op === "create2") throw new Unknown("create");
    if (op === "extcodecopy") throw new Unknown("memory");
    const operands = stack
      .slice(stack.length - BOUNDARY_INPUTS[op])
      .reverse()
      .map((id) => state.of(this.fn, this.expressions, id));
    const success = this.call(op, operands, state, steps);
    const results = boundaryHasResult(op) ? 1 : 0;
    this.follow(next, state, results);
    state.values[this.fn.blocks[next.block]!.params[0]!] = success;
  }

  private call(
    op: CallOperation,
    operands: readonly ExpressionId[],
    state: PathState,
    steps: Step[],
  ): ExpressionId {
    const { expressions } = this;
    const hasValue = op === "call" || op === "callcode";
    const target = this.asAddress(operands[1]!);
    const value = hasValue ? operands[2]! : expressions.constant(0n);
    const [inOffset, inSize, outOffset, outSize] = operands.slice(hasValue ? 3 : 2) as [
      number,
      number,
      number,
      number,
    ];
    const data = this.bytesAt(state, inOffset, inSize);
    const out = this.offset(outSize);
    if (expressions.valueOf(target) === IDENTITY && data.kind === "parts") {
      // The compiler's way to copy memory, long ago.
      let at = out === 0 ? 0 : this.offset(outOffset);
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
    if (out > 0) this.storeReturned(state.memory, this.offset(outOffset), step, 0, out);
    return expressions.intern({ op: "success", step });
  }
}
