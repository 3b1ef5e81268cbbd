/**
 * Lets the sections of those that jump to a block pay for its first one too, where all of them have a section that is
 * still open: a loop whose head is left by a branch then pays once a turn.
 */
import { type Block, edgesOf, type Instruction, type IrFunction } from "../ir.ts";
import { extendSection, openSection, operandsSince } from "./merge.ts";

/** By block: those that jump to it; undefined when something else leads there. */
function jumpersOf(fn: IrFunction): (Block[] | undefined)[] {
  const jumpers: (Block[] | undefined)[] = fn.blocks.map(({ id, resume }) =>
    id === 0 || resume !== undefined ? undefined : [],
  );
  for (const block of fn.blocks)
    for (const edge of edgesOf(block.terminator)) {
      if (block.terminator.kind === "jump") jumpers[edge.block]?.push(block);
      else jumpers[edge.block] = undefined;
    }
  return jumpers;
}

export function hoistSections(fn: IrFunction): void {
  const jumpers = jumpersOf(fn);
  for (const block of fn.blocks) {
    const from = jumpers[block.id];
    const first = block.instructions[0];
    if (from === undefined || from.length === 0 || first?.op !== "section" || from.includes(block)) continue;
    const open: Instruction[] = [];
    for (const { instructions } of from) {
      const section = openSection(instructions);
      if (section !== undefined) open.push(section);
    }
    if (open.length < from.length) continue;
    for (const [i, section] of open.entries())
      extendSection(section, first, operandsSince(from[i]!, section));
    block.instructions = block.instructions.slice(1);
  }
}
