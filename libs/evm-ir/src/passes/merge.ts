/** Joins a block with the only one that jumps to it, and their gas sections where nothing lies between that sees gas. */
import { type Block, edgesOf, type Instruction, type IrFunction } from "../ir.ts";
import { operationInfo } from "../operations.ts";
import { Replacements } from "./replacements.ts";

/** The section that is open at the end of `instructions`, if any. */
export function openSection(instructions: readonly Instruction[]): Instruction | undefined {
  for (let i = instructions.length - 1; i >= 0; i--) {
    const instruction = instructions[i]!;
    if (instruction.op === "section") return instruction;
    if (instruction.op === "gas" || operationInfo(instruction.op).effect === "access") return undefined;
  }
  return undefined;
}

/** `section` also charges what `next` did, which follows it; `taken` operands have joined the window in between. */
export function extendSection(section: Instruction, next: Instruction, taken: number): void {
  const above = next.height! - taken - section.height!;
  section.gas += next.gas;
  // What is taken out of the frame checks for itself that it is there.
  section.minStack = Math.max(section.minStack!, Math.min(next.minStack! - above, section.height!));
  section.maxStackGrowth = Math.max(section.maxStackGrowth!, next.maxStackGrowth! + above);
}

/** Operands that have joined the window of `block` since `section`. */
export function operandsSince({ instructions }: Block, section: Instruction): number {
  const since = instructions.slice(instructions.lastIndexOf(section));
  return since.filter(({ op }) => op === "operand").length;
}

/** Appends `tail` to `head`, which jumps to it. */
function append(head: Block, tail: Block): void {
  const section = openSection(head.instructions);
  const first = tail.instructions[0];
  let rest: readonly Instruction[] = tail.instructions;
  if (section !== undefined && first?.op === "section") {
    extendSection(section, first, operandsSince(head, section));
    rest = rest.slice(1);
  }
  for (const instruction of rest) head.instructions.push(instruction);
  head.terminator = tail.terminator;
}

/**
 * Merges chains of jumps. Blocks that are merged away keep their place and become unreachable. `maxInstructions` bounds
 * the blocks that result.
 */
export function mergeBlocks(fn: IrFunction, maxInstructions: number): void {
  const entries = new Int32Array(fn.blocks.length);
  for (const { terminator } of fn.blocks) for (const { block } of edgesOf(terminator)) entries[block]!++;
  const replacements = new Replacements(fn.values.length);
  const home = fn.blocks.map(({ id }) => id);
  const gone = new Uint8Array(fn.blocks.length);
  for (const head of fn.blocks) {
    if (gone[head.id] === 1) continue;
    while (head.terminator.kind === "jump") {
      const { block: id, args } = head.terminator.edge;
      const tail = fn.blocks[id]!;
      if (entries[id] !== 1 || tail.resume !== undefined || tail === head) break;
      if (head.instructions.length + tail.instructions.length > maxInstructions) break;
      for (const [i, param] of tail.params.entries()) replacements.set(param, args[i]!);
      append(head, tail);
      home[id] = head.id;
      gone[id] = 1;
      tail.instructions = [];
      tail.params = [];
      tail.terminator = { kind: "fail", reason: "undefined", pc: tail.pc };
    }
  }
  rehome(fn, home, gone);
  replacements.apply(fn.blocks);
}

/** Results belong to the block that their instructions are in now. */
function rehome(fn: IrFunction, home: readonly number[], gone: Uint8Array): void {
  const root = (block: number): number => {
    let at = block;
    while (home[at] !== at) at = home[at]!;
    return at;
  };
  for (let id = 0; id < fn.values.length; id++) {
    const value = fn.values[id]!;
    if (value.kind === "result" && gone[value.block] === 1)
      fn.values[id] = { kind: "result", bits: value.bits, block: root(value.block) };
  }
}
