/**
 * The block being translated: the operands on its abstract stack, and the gas section that is open in it. Instructions,
 * ends and edges are added to a function through it.
 */
import type { Opcode } from "@velarium/evm-opcodes";
import type { Construction } from "../construct.ts";
import {
  type Block,
  type Edge,
  type ExitReason,
  type FailReason,
  type Instruction,
  NO_VALUE,
  type ValueId,
} from "../ir.ts";
import type { Operation } from "../operations.ts";
import type { TargetFlow } from "./target-flow.ts";

/**
 * An operand on the abstract stack: a value, doubled, plus 1 when it was pushed as it is. Only pushed constants tell
 * contexts apart, so that a counter that happens to pass a jump destination does not multiply them.
 */
export type Entry = number;
export const entryOf = (value: ValueId, isPushed = false): Entry => value * 2 + (isPushed ? 1 : 0);
export const valueIn = (entry: Entry): ValueId => entry >> 1;

interface OpenSection {
  readonly instruction: Instruction;
  /** What is now in the window of the operands that were on the stack when the section began. */
  height: number;
}

export class OpenBlock {
  block!: Block;
  stack: Entry[] = [];
  readonly #ir: Construction;
  readonly #flow: Pick<TargetFlow<unknown>, "addEdge">;
  #section: OpenSection | undefined;

  constructor(ir: Construction, flow: Pick<TargetFlow<unknown>, "addEdge">) {
    this.#ir = ir;
    this.#flow = flow;
  }

  /** Goes on in `block`, with `stack`, which is changed from now on. */
  enter(block: Block, stack: Entry[]): void {
    this.block = block;
    this.stack = stack;
    this.#section = undefined;
  }

  /** What comes next is charged in a section of its own. */
  closeSection(): void {
    this.#section = undefined;
  }

  /** What the operands are, the top last. */
  values(): ValueId[] {
    return this.stack.map(valueIn);
  }

  /** Lets operands in the frame join the window until it has `count`. */
  takeOperands(count: number, pc: number): void {
    while (this.stack.length < count) {
      this.stack.unshift(entryOf(this.emit("operand", pc, [])));
      // They were on the stack before: the open section does not grow it by them.
      if (this.#section !== undefined) this.#section.height++;
    }
  }

  end(terminator: Block["terminator"]): void {
    this.block.terminator = terminator;
  }

  fail(reason: FailReason, pc: number): void {
    this.end({ kind: "fail", reason, pc });
  }

  exit(reason: ExitReason, pc: number): void {
    this.#ir.useOperands(this.stack.length);
    this.end({ kind: "exit", reason, stack: this.values(), pc });
  }

  /** Adds an instruction to the open section, opening one if there is none. */
  charge(opcode: Opcode, pc: number): void {
    const height = this.stack.length;
    if (this.#section === undefined) {
      const instruction: Instruction = {
        op: "section",
        pc,
        args: [],
        result: NO_VALUE,
        gas: 0,
        height,
        minStack: 0,
        maxStackGrowth: 0,
      };
      this.#ir.append(this.block, instruction);
      this.#section = { instruction, height };
    }
    const { instruction, height: base } = this.#section;
    instruction.gas += opcode.staticGas;
    // What is taken out of the frame checks for itself that it is there.
    const needed = Math.min(opcode.inputs - (height - base), instruction.height!);
    instruction.minStack = Math.max(instruction.minStack!, needed);
    instruction.maxStackGrowth = Math.max(
      instruction.maxStackGrowth!,
      height - opcode.inputs + opcode.outputs - base,
    );
  }

  /** Adds to what the section, which is open, costs. */
  addGas(gas: number): void {
    this.#section!.instruction.gas += gas;
  }

  pop(): ValueId {
    return valueIn(this.stack.pop()!);
  }

  pops(count: number): ValueId[] {
    const args: ValueId[] = [];
    for (let i = 0; i < count; i++) args.push(this.pop());
    return args;
  }

  push(value: ValueId, isPushed = false): void {
    this.stack.push(entryOf(value, isPushed));
  }

  constant(value: bigint | number): ValueId {
    return this.#ir.constant(BigInt(value));
  }

  emit(op: Operation, pc: number, args: ValueId[], gas = 0): ValueId {
    return this.#ir.emit(this.block, op, pc, args, gas);
  }

  /** A block for `pc` with the operands that are here. */
  newBlock(pc: number): Block {
    return this.#ir.block(pc, this.stack.length, this.block.floating);
  }

  /** An edge from here to `to`, whose first argument is for the parameter at `shift`. */
  edge(to: Block, args: ValueId[], shift = 0): Edge {
    this.#flow.addEdge(to, args, shift);
    return this.#ir.edge(to.id, args);
  }

  /** Goes on in `to`, with a parameter for each value on the stack that is local; gives the arguments for them. */
  goOnIn(to: Block): ValueId[] {
    const params = new Map<ValueId, ValueId>();
    const args: ValueId[] = [];
    this.#ir.useOperands(this.stack.length);
    this.stack = this.stack.map((entry) => {
      const value = valueIn(entry);
      if (this.#ir.isGlobal(value)) return entry;
      let param = params.get(value);
      if (param === undefined) {
        param = this.#ir.param(to, this.#ir.values[value]!.bits);
        params.set(value, param);
        args.push(value);
      }
      return entryOf(param);
    });
    this.block = to;
    return args;
  }
}
