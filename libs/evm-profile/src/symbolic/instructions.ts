/** Instructions of a path: the expression that each results in, and the steps that those that touch state leave. */
import type { Instruction, IrFunction } from "@velarium/evm-ir";
import { ENVIRONMENT, type ExpressionId, type PureOperation, type Step } from "../profile/format.ts";
import { type Expressions, PURE } from "./expressions.ts";
import type { FrameData } from "./frame-data.ts";
import type { PathState } from "./path-state.ts";
import type { SoughtSelector } from "./sought-selector.ts";
import { Unknown } from "./unknown.ts";

const ENVIRONMENT_NAMES: ReadonlySet<string> = new Set(ENVIRONMENT);
const isPure = (op: string): op is PureOperation => Object.hasOwn(PURE, op);

export class Instructions {
  private readonly fn: IrFunction;
  private readonly expressions: Expressions;
  private readonly selector: SoughtSelector;
  private readonly data: FrameData;

  constructor(fn: IrFunction, expressions: Expressions, selector: SoughtSelector, data: FrameData) {
    this.fn = fn;
    this.expressions = expressions;
    this.selector = selector;
    this.data = data;
  }

  /** True when the frame fails here. */
  run(instruction: Instruction, state: PathState, steps: Step[]): boolean {
    const { op, result } = instruction;
    const { expressions } = this;
    const args = instruction.args.map((id) => state.of(this.fn, expressions, id));
    const [a, b, c] = args as [ExpressionId, ExpressionId, ExpressionId];
    if (isPure(op)) {
      if (op === "eq" || op === "sub" || op === "xor") this.noteMatch(instruction, args);
      state.values[result] = this.knownOfCalldatasize(op, args) ?? expressions.apply(op, args);
      return false;
    }
    if (op === "calldatasize" && this.selector.isEmpty) {
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
        state.values[result] = this.data.calldata(a);
        return false;
      case "returndatasize":
        state.values[result] = state.returnSize(expressions);
        return false;
      case "mload":
        state.values[result] = this.data.load(state.memory, a);
        return false;
      case "mstore":
        state.memory.store(this.data.offset(a), b);
        return false;
      case "mstore8":
        state.memory.store(this.data.offset(a), b, 31, 1);
        return false;
      case "calldatacopy":
        this.data.copyCalldata(state.memory, a, b, c);
        return false;
      case "codecopy":
        this.data.copyCode(state.memory, a, b, c);
        return false;
      case "returndatacopy":
        return this.data.copyReturned(state, a, b, c);
      case "mcopy":
        this.data.move(state.memory, a, b, c);
        return false;
      case "keccak":
        state.values[result] = this.data.keccak(state.memory, a, b);
        return false;
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
        steps.push({ kind: "account", step: state.step, what, address: expressions.asAddress(address) });
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
    const fixed = instruction.args.findIndex((id) => {
      const value = this.fn.values[id]!;
      return value.kind === "constant" && this.selector.is(value.value);
    });
    if (fixed >= 0 && this.selector.is(this.expressions.valueOf(args[1 - fixed]!)))
      this.selector.matched = true;
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
}
