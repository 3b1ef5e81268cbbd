/**
 * The intermediate representation: one function per code and fork, SSA over 256-bit values with block parameters.
 * docs/ir.md specifies what each part means. Nothing here knows of EVM bytecode beyond a program counter per
 * instruction, which is what the frame holds when control leaves the function.
 */
import type { Fork } from "@velarium/chain-rules";
import type { Operation } from "./operations.ts";

/** Index into `IrFunction.values`. */
export type ValueId = number;
/** Index into `IrFunction.blocks`. */
export type BlockId = number;

/** `Instruction.result` of an instruction that has none. */
export const NO_VALUE: ValueId = -1;

/** Proven bound: the value is below 2^bits; 0 bits is the constant zero, 256 says nothing. */
export type Bits = number;

/** The classes of values that emission distinguishes, by their bound. */
export type Width = "w1" | "w64" | "w160" | "w256";

export const widthOf = (bits: Bits): Width =>
  bits <= 1 ? "w1" : bits <= 64 ? "w64" : bits <= 160 ? "w160" : "w256";

/** Bits of the width class of `bits`: 1, 64, 160 or 256. */
export const classBits = (bits: Bits): Bits => (bits <= 1 ? 1 : bits <= 64 ? 64 : bits <= 160 ? 160 : 256);

export type Value =
  | { readonly kind: "constant"; readonly bits: Bits; readonly value: bigint }
  /** Entry of the table of constants that code and template differ in; known when the frame starts. */
  | { readonly kind: "immediate"; readonly bits: Bits; readonly index: number }
  | { readonly kind: "param"; bits: Bits; readonly block: BlockId }
  | { readonly kind: "result"; bits: Bits; readonly block: BlockId };

/** An instruction that is no terminator. What it does is said by `OPERATIONS[op]` and docs/ir.md. */
export interface Instruction {
  readonly op: Operation;
  /** Position in the source. */
  readonly pc: number;
  /** Operands; where an EVM instruction of the same name exists, in its order, top of the stack first. */
  args: ValueId[];
  /** `NO_VALUE` when the operation has no result. */
  readonly result: ValueId;
  /**
   * - `section`: sum of the static gas of its instructions
   * - `chargewords`: price of one word
   * - accesses: static gas that the instruction pays itself, beside what warm and cold cost
   * - others: 0
   */
  gas: number;
  /** `section` only: operands in the window on entry. */
  height?: number;
  /** `section` only: operands needed on entry. */
  minStack?: number;
  /** `section` only: the most operands that are on the stack above the height at entry. */
  maxStackGrowth?: number;
  /** `keccak` only, when known: the words that the hashed bytes consist of, 32 bytes each, first word first. */
  words?: ValueId[];
}

/** Control flow to a block, with one value for each of its parameters that is not delivered by the frame. */
export interface Edge {
  block: BlockId;
  args: ValueId[];
}

export interface SwitchCase {
  readonly value: bigint;
  readonly edge: Edge;
}

/** Operations that the kernel carries out on the operand stack in the frame; nothing of their price is charged before. */
export type BoundaryOperation =
  | "call"
  | "callcode"
  | "delegatecall"
  | "staticcall"
  | "create"
  | "create2"
  | "extcodecopy";

/** Why a frame fails: all gas is gone, state is restored. All reasons have the same effect. */
export type FailReason = "invalid" | "undefined" | "underflow" | "overflow" | "badjump";

/** Why a frame is handed to the interpreter. */
export type ExitReason = "unknownjump" | "variants" | "depth";

export type Terminator =
  | { readonly kind: "jump"; edge: Edge; pc: number }
  /** To `then` when the condition is not zero. */
  | { readonly kind: "branch"; condition: ValueId; then: Edge; else: Edge; pc: number }
  | { readonly kind: "switch"; value: ValueId; cases: SwitchCase[]; default: Edge; pc: number }
  /**
   * Leaves to the kernel with the complete operand stack, operands on top; goes on at `next`, which is a resume block
   * with this as its only predecessor. If the operation has a result, `next`'s first parameter is it, delivered by the
   * frame, and `edge.args` are the values of the others.
   */
  | { readonly kind: "boundary"; op: BoundaryOperation; stack: ValueId[]; next: Edge; pc: number }
  /** Memory is expanded before; `size` bytes at `offset`. */
  | { readonly kind: "return"; offset: ValueId; size: ValueId; pc: number }
  | { readonly kind: "revert"; offset: ValueId; size: ValueId; pc: number }
  | { readonly kind: "stop"; pc: number }
  /** Leaves to the kernel like a boundary and does not come back. */
  | { readonly kind: "selfdestruct"; stack: ValueId[]; pc: number }
  | { readonly kind: "fail"; reason: FailReason; pc: number }
  /** Writes the window to the frame and goes on at a landing. */
  | { readonly kind: "transfer"; stack: ValueId[]; to: BlockId; pc: number }
  /**
   * Jumps to the target on top of the stack: writes the rest of the window to the frame and goes on at the landing that
   * has the target as its `pc`, charging `gas` for the jump. Where there is none it is an exit at `pc`, with nothing charged.
   */
  | { readonly kind: "dispatch"; stack: ValueId[]; gas: number; pc: number }
  /** The interpreter goes on at `pc` with this operand stack; nothing of the instruction there has been charged. */
  | { readonly kind: "exit"; reason: ExitReason; stack: ValueId[]; pc: number };

/** How a frame that left the function comes back to a block. */
export interface Resume {
  /** Dense from 0 within a function: what the frame remembers. */
  readonly index: number;
  /** Transfers and dispatches come here, whatever the operand stack: the window is empty. One per `pc` at most. */
  readonly landing: boolean;
  /** The window of the operand stack on entry, bottom first: parameters of the block, constants, immediates. */
  stack: ValueId[];
}

export interface Block {
  readonly id: BlockId;
  /** Position in the source of what the block begins with. */
  readonly pc: number;
  /** Operands in the window on entry. */
  readonly height: number;
  /** There may be operands in the frame below the window; else the window is the whole operand stack. */
  readonly floating: boolean;
  params: ValueId[];
  /**
   * A block that the frame can come back to uses no value of another block but constants and immediates. It begins with
   * an access, or it follows a boundary.
   */
  readonly resume: Resume | undefined;
  instructions: Instruction[];
  terminator: Terminator;
}

export interface IrFunction {
  readonly fork: Fork;
  /** Bytes of the code, which is what `codesize` gives. */
  readonly codeSize: number;
  /** Values of the immediates of the code that the function was built from, by index. */
  readonly immediates: readonly bigint[];
  readonly values: Value[];
  /** Entry is block 0; it has no parameters and no predecessors. */
  readonly blocks: Block[];
}

/** Where control may go from `terminator` with values. Transfers and dispatches carry none: they go to landings. */
export function edgesOf(terminator: Terminator): Edge[] {
  switch (terminator.kind) {
    case "jump":
      return [terminator.edge];
    case "branch":
      return [terminator.then, terminator.else];
    case "switch":
      return [...terminator.cases.map(({ edge }) => edge), terminator.default];
    case "boundary":
      return [terminator.next];
    default:
      return [];
  }
}

/** Values that `terminator` uses itself, its edges' arguments not included. */
export function usesOf(terminator: Terminator): readonly ValueId[] {
  switch (terminator.kind) {
    case "branch":
      return [terminator.condition];
    case "switch":
      return [terminator.value];
    case "return":
    case "revert":
      return [terminator.offset, terminator.size];
    case "boundary":
    case "selfdestruct":
    case "transfer":
    case "dispatch":
    case "exit":
      return terminator.stack;
    default:
      return [];
  }
}

/** True for boundaries that push a result. */
export const boundaryHasResult = (op: BoundaryOperation): boolean => op !== "extcodecopy";

/** Operands that a boundary takes off the stack. */
export const BOUNDARY_INPUTS: Readonly<Record<BoundaryOperation, number>> = {
  call: 7,
  callcode: 7,
  delegatecall: 6,
  staticcall: 6,
  create: 3,
  create2: 4,
  extcodecopy: 4,
};
