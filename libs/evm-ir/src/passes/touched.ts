/** How much of memory is sure to have been touched on entry of each block, so that constant addresses need no check. */
import { edgesOf, type Instruction, type IrFunction, type ValueId } from "../ir.ts";

/** Ends beyond this are left to the machine: they cannot be paid for. */
export const MAX_TOUCHED = 1n << 32n;

/** Bytes that memory has after `touch`, if its operands are constants; 0 if nothing is known. */
export function touchedEnd(
  { op, args }: Instruction,
  constantOf: (id: ValueId) => bigint | undefined,
): number {
  if (op !== "touch") return 0;
  const offset = constantOf(args[0]!);
  const size = constantOf(args[1]!);
  if (offset === undefined || size === undefined || size === 0n || offset + size > MAX_TOUCHED) return 0;
  return Number(offset + size);
}

/** Greatest solution of: entry of a block = least of its predecessors' ends; end = greater of entry and touches inside. */
export function touchedOnEntry(
  fn: IrFunction,
  order: readonly number[],
  constantOf: (id: ValueId) => bigint | undefined,
  checkTime: () => void,
): Float64Array {
  const inside = new Float64Array(fn.blocks.length);
  for (const { id, instructions } of fn.blocks)
    for (const instruction of instructions)
      inside[id] = Math.max(inside[id]!, touchedEnd(instruction, constantOf));
  const entry = new Float64Array(fn.blocks.length).fill(Number.POSITIVE_INFINITY);
  entry[0] = 0;
  for (const { id, resume } of fn.blocks) if (resume?.landing === true) entry[id] = 0;
  // Values only fall, each to one of finitely many; loops settle in as many rounds as they nest.
  for (let changed = true; changed; ) {
    changed = false;
    checkTime();
    for (const id of order) {
      const end = Math.max(entry[id]!, inside[id]!);
      for (const { block } of edgesOf(fn.blocks[id]!.terminator))
        if (end < entry[block]!) {
          entry[block] = end;
          changed = true;
        }
    }
  }
  return entry;
}
