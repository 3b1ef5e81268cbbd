/** Blocks from which a frame can only fail: where guards lead that do not hold. */
import { edgesOf, type IrFunction } from "@velarium/evm-ir";

/** One flag per block: every way on from it ends in a revert or a failure. Blocks of endless loops are not doomed. */
export function doomedBlocks(fn: IrFunction): boolean[] {
  const doomed = fn.blocks.map(({ terminator: { kind } }) => kind === "revert" || kind === "fail");
  const predecessors: number[][] = fn.blocks.map(() => []);
  // Ways on from each block that are not known to be doomed.
  const open = fn.blocks.map(({ terminator }, id) => {
    const targets = new Set(edgesOf(terminator).map(({ block }) => block));
    for (const target of targets) predecessors[target]!.push(id);
    return targets.size;
  });
  const work = doomed.flatMap((is, id) => (is ? [id] : []));
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    for (const before of predecessors[id]!) {
      if (--open[before]! > 0 || doomed[before]) continue;
      doomed[before] = true;
      work.push(before);
    }
  }
  return doomed;
}
