/**
 * Parts of a function between which control goes by landings only. Each becomes a function of the module: V8 takes more
 * than twice as long for one that is twice as large, and compiles several at a time.
 */
import { edgesOf, type IrFunction } from "@velarium/evm-ir";

export interface Components {
  /** Blocks of each, ascending; that with block 0 comes first. */
  readonly blocks: readonly (readonly number[])[];
  /** By block: its component. */
  readonly of: Int32Array;
  /** By block: its place in its component. */
  readonly place: Int32Array;
}

export function componentsOf({ blocks }: IrFunction): Components {
  const parent = Int32Array.from(blocks, (_, id) => id);
  const root = (block: number): number => {
    let at = block;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  };
  for (const { id, terminator } of blocks) {
    for (const { block } of edgesOf(terminator)) {
      const [a, b] = [root(id), root(block)];
      // The lower one leads, so that components come in the order of their first blocks.
      if (a < b) parent[b] = a;
      else parent[a] = b;
    }
  }
  const of = new Int32Array(blocks.length);
  const place = new Int32Array(blocks.length);
  const members: number[][] = [];
  for (const { id } of blocks) {
    const leader = root(id);
    if (leader === id) of[id] = members.push([]) - 1;
    else of[id] = of[leader]!;
    place[id] = members[of[id]!]!.push(id) - 1;
  }
  return { blocks: members, of, place };
}
