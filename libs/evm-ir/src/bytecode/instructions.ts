/**
 * Instructions that stay in their section: the operations of the IR that each is. What is known here is worked out here:
 * moves of the stack leave nothing behind, and arithmetic on constants is a constant.
 */
import type { Opcode, OpcodeTable } from "@velarium/evm-opcodes";
import { pushed, type Template } from "../code.ts";
import type { Construction } from "../construct.ts";
import { NO_VALUE, type ValueId } from "../ir.ts";
import type { Operation } from "../operations.ts";
import { bitLength, evaluatePure } from "../semantics.ts";
import { entryOf, type OpenBlock } from "./open-block.ts";

/** Bits that the position of a destination may have. */
const TARGET_BITS = 0xffffffn;

/** Opcodes whose instruction is the operation of the same meaning, over their operands. */
const DIRECT: Readonly<Record<string, Operation>> = {
  SELFBALANCE: "selfbalance",
  DIFFICULTY: "prevrandao",
  KECCAK256: "keccak",
};

export class Instructions {
  readonly #code: Uint8Array;
  readonly #table: OpcodeTable;
  readonly #ir: Construction;
  readonly #open: OpenBlock;
  /** Numbers of the template's immediates, by position. */
  readonly #immediateAt: ReadonlyMap<number, number>;
  readonly #masked = new Map<ValueId, ValueId>();

  constructor(
    code: Uint8Array,
    table: OpcodeTable,
    ir: Construction,
    open: OpenBlock,
    template: Template | undefined,
  ) {
    this.#code = code;
    this.#table = table;
    this.#ir = ir;
    this.#open = open;
    this.#immediateAt = new Map(template?.positions.map((pc, index) => [pc, index]));
  }

  /** The value that `value` is behind a mask that leaves destinations what they are. */
  unmasked(value: ValueId): ValueId {
    return this.#masked.get(value) ?? value;
  }

  /** One instruction that is in a section; true when the block ends with it. */
  translate(opcode: Opcode, pc: number): boolean {
    const { kind, mnemonic, code } = opcode;
    switch (kind) {
      case "stack":
        this.#moveOperands(code, pc);
        return false;
      case "arithmetic":
        this.#arithmetic(opcode, pc);
        return false;
      case "halt":
        this.#halt(mnemonic, pc);
        return true;
      case "jump": // JUMPDEST
        return false;
      case "gas":
        this.#open.push(this.#open.emit("gas", pc, []));
        this.#open.closeSection();
        return false;
      case "log":
        this.#open.emit("log", pc, this.#open.pops(opcode.inputs));
        return false;
      default:
        this.#direct(opcode, pc);
        return false;
    }
  }

  #moveOperands(code: number, pc: number): void {
    const stack = this.#open.stack;
    if (code === 0x50) stack.pop();
    else if (code < 0x80) this.#pushConstant(code - 0x5f, pc);
    else if (code < 0x90) stack.push(stack[stack.length - (code - 0x7f)]!);
    else {
      const top = stack.length - 1;
      const other = top - (code - 0x8f);
      const entry = stack[top]!;
      stack[top] = stack[other]!;
      stack[other] = entry;
    }
  }

  #pushConstant(size: number, pc: number): void {
    const index = this.#immediateAt.get(pc);
    if (index === undefined) this.#open.push(this.#open.constant(pushed(this.#code, pc + 1, size)), true);
    else this.#open.push(this.#ir.immediate(index, size * 8));
  }

  #arithmetic(opcode: Opcode, pc: number): void {
    const entries = this.#open.stack.slice(this.#open.stack.length - opcode.inputs).reverse();
    const args = this.#open.pops(opcode.inputs);
    const op = opcode.mnemonic.toLowerCase() as Operation;
    const constants: bigint[] = [];
    for (const arg of args) {
      const constant = this.#ir.constantOf(arg);
      if (constant === undefined) break;
      constants.push(constant);
    }
    if (constants.length < args.length) {
      const result = this.#open.emit(op, pc, args, op === "exp" ? this.#table.gas.expByte : 0);
      if (op === "and") this.#noteMask(result, args);
      return this.#open.push(result);
    }
    const result = this.#open.constant(evaluatePure(op, constants)!);
    if (op === "exp") this.#open.addGas(this.#table.gas.expByte * Math.ceil(bitLength(constants[1]!) / 8));
    // Cleaning a pushed jump target with a mask leaves it what it was.
    this.#open.push(result, op === "and" && entries.some((entry) => entry === entryOf(result, true)));
  }

  /** Solidity masks the targets of internal function values before it jumps to them. */
  #noteMask(result: ValueId, [a, b]: readonly ValueId[]): void {
    const [mask, other] = this.#ir.constantOf(a!) === undefined ? [b!, a!] : [a!, b!];
    const constant = this.#ir.constantOf(mask);
    if (constant === undefined || (constant & TARGET_BITS) !== TARGET_BITS) return;
    this.#masked.set(result, this.#masked.get(other) ?? other);
  }

  #halt(mnemonic: string, pc: number): void {
    if (mnemonic === "STOP") return this.#open.end({ kind: "stop", pc });
    if (mnemonic === "INVALID") return this.#open.fail("invalid", pc);
    const [offset, size] = this.#open.pops(2) as [ValueId, ValueId];
    this.#open.emit("touch", pc, [offset, size]);
    this.#open.end({ kind: mnemonic === "RETURN" ? "return" : "revert", offset, size, pc });
  }

  /** Instructions that are one operation, with what expands memory before them. */
  #direct(opcode: Opcode, pc: number): void {
    const { mnemonic } = opcode;
    if (mnemonic === "CODESIZE") return this.#open.push(this.#open.constant(this.#code.length));
    if (mnemonic === "PC") return this.#open.push(this.#open.constant(pc));
    const args = this.#open.pops(opcode.inputs);
    const op = DIRECT[mnemonic] ?? (mnemonic.toLowerCase() as Operation);
    if (op === "keccak") {
      this.#open.emit("touch", pc, [args[0]!, args[1]!]);
      this.#open.emit("chargewords", pc, [args[1]!], this.#table.gas.keccakWord);
    } else if (op === "mload" || op === "mstore")
      this.#open.emit("touch", pc, [args[0]!, this.#open.constant(32)]);
    else if (op === "mstore8") this.#open.emit("touch", pc, [args[0]!, this.#open.constant(1)]);
    const result = this.#open.emit(op, pc, args);
    if (result !== NO_VALUE) this.#open.push(result);
  }
}
