/** A function of the intermediate representation in the form that evaluation runs: numbers in flat arrays. */
import {
  BOUNDARY_INPUTS,
  type Edge,
  type IrFunction,
  type Operation,
  type Terminator,
} from "@velarium/evm-ir";
import { doomedBlocks } from "./doomed.ts";

const OPERATION_NAMES = [
  "add", "sub", "mul", "div", "sdiv", "mod", "smod", "addmod", "mulmod", "signextend", "lt", "gt", "slt", "sgt", "eq",
  "iszero", "and", "or", "xor", "not", "byte", "shl", "shr", "sar", "clz", "address", "origin", "caller", "callvalue",
  "calldataload", "calldatasize", "codesize", "gasprice", "returndatasize", "coinbase", "timestamp", "number",
  "prevrandao", "gaslimit", "chainid", "basefee", "blobhash", "blobbasefee", "section", "exp", "gas", "chargewords", "touch", "mload", "mstore",
  "mstore8", "msize", "calldatacopy", "codecopy", "returndatacopy", "mcopy", "keccak", "log", "tload", "tstore", "sload",
  "sstore", "balance", "selfbalance", "extcodesize", "extcodehash", "blockhash",
] as const satisfies readonly Operation[]; // biome-ignore format: a table

/** Numbers of operations in `Program`. */
export const Op = Object.fromEntries(OPERATION_NAMES.map((name, i) => [name, i])) as Readonly<
  Record<(typeof OPERATION_NAMES)[number], number>
>;

/** Int32 per instruction: operation, result, three operands, gas. `log` has the number of its topics as third operand. */
export const STRIDE = 6;

export interface ProgramEdge {
  readonly target: number;
  /** Values that parameters receive, and the parameters. */
  readonly from: Int32Array;
  readonly to: Int32Array;
}

export type ProgramEnd =
  | { readonly kind: "jump"; readonly edge: ProgramEdge }
  | {
      readonly kind: "branch";
      readonly condition: number;
      readonly taken: ProgramEdge;
      readonly passed: ProgramEdge;
    }
  | {
      readonly kind: "switch";
      readonly value: number;
      readonly cases: ReadonlyMap<bigint, ProgramEdge>;
      readonly default: ProgramEdge;
    }
  | {
      readonly kind: "boundary";
      readonly op: Extract<Terminator, { kind: "boundary" }>["op"];
      /** Operands, top of the stack first. */
      readonly operands: Int32Array;
      /** Parameter that receives the result; −1 when there is none. */
      readonly result: number;
      readonly next: ProgramEdge;
    }
  | { readonly kind: "return" | "revert"; readonly offset: number; readonly size: number }
  | { readonly kind: "selfdestruct"; readonly beneficiary: number }
  | { readonly kind: "stop" | "fail" | "exit" };

export interface ProgramBlock {
  readonly code: Int32Array;
  readonly end: ProgramEnd;
  /** Every way on from here ends in a revert or a failure. */
  readonly doomed: boolean;
}

export interface Program {
  readonly blocks: readonly ProgramBlock[];
  readonly codeSize: number;
  /** Values with the constants filled in; copied for each frame that runs at a time. */
  readonly initial: readonly bigint[];
  /** Pairs of value and index into the table of constants. */
  readonly immediates: readonly (readonly [number, number])[];
  /** Arrays of values that no frame uses at present. */
  readonly idle: bigint[][];
}

export function programOf(fn: IrFunction): Program {
  const immediates: [number, number][] = [];
  const initial = fn.values.map((value, id) => {
    if (value.kind === "immediate") immediates.push([id, value.index]);
    return value.kind === "constant" ? value.value : 0n;
  });
  const doomed = doomedBlocks(fn);
  const edgeOf = (edge: Edge, skip = 0): ProgramEdge => ({
    target: edge.block,
    from: Int32Array.from(edge.args),
    to: Int32Array.from(fn.blocks[edge.block]!.params.slice(skip, skip + edge.args.length)),
  });
  const blocks = fn.blocks.map((block, id): ProgramBlock => {
    const code: number[] = [];
    for (const { op, result, args, gas } of block.instructions) {
      const third = op === "log" ? args.length - 2 : (args[2] ?? -1);
      code.push(Op[op as keyof typeof Op], result, args[0] ?? -1, args[1] ?? -1, third, gas);
    }
    return { code: Int32Array.from(code), end: endOf(fn, block.terminator, edgeOf), doomed: doomed[id]! };
  });
  return { blocks, codeSize: fn.codeSize, initial, immediates, idle: [] };
}

function endOf(
  fn: IrFunction,
  end: Terminator,
  edgeOf: (edge: Edge, skip?: number) => ProgramEdge,
): ProgramEnd {
  switch (end.kind) {
    case "jump":
      return { kind: "jump", edge: edgeOf(end.edge) };
    case "branch":
      return { kind: "branch", condition: end.condition, taken: edgeOf(end.then), passed: edgeOf(end.else) };
    case "switch":
      return {
        kind: "switch",
        value: end.value,
        cases: new Map(end.cases.map(({ value, edge }) => [value, edgeOf(edge)])),
        default: edgeOf(end.default),
      };
    case "boundary": {
      const { op, stack, next } = end;
      const operands = Int32Array.from(stack.slice(stack.length - BOUNDARY_INPUTS[op]).reverse());
      const delivers = op !== "extcodecopy";
      const result = delivers ? fn.blocks[next.block]!.params[0]! : -1;
      return { kind: "boundary", op, operands, result, next: edgeOf(next, delivers ? 1 : 0) };
    }
    case "return":
    case "revert":
      return { kind: end.kind, offset: end.offset, size: end.size };
    case "selfdestruct":
      return { kind: "selfdestruct", beneficiary: end.stack[end.stack.length - 1]! };
    case "transfer":
    case "dispatch":
      return { kind: "exit" };
    default:
      return { kind: end.kind };
  }
}
