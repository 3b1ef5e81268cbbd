/**
 * Dominators of a function's blocks, where entry and every resume block are roots. Iterative (Cooper, Harvey, Kennedy,
 * "A Simple, Fast Dominance Algorithm", figure 3) over a virtual root.
 */
import { type BlockId, edgesOf, type IrFunction } from "./ir.ts";

/** The virtual root, and the immediate dominator of roots. */
export const ROOT = -1;
const UNREACHED = -2;

export interface Dominance {
  /** False for blocks that no path from a root reaches. */
  isReachable(block: BlockId): boolean;
  /** `ROOT` for roots. */
  immediateDominator(block: BlockId): BlockId;
  /** True when every path from a root to `block` passes `dominator`; a block dominates itself. */
  dominates(dominator: BlockId, block: BlockId): boolean;
  /** Reachable blocks so that, loops aside, predecessors come first. */
  readonly order: readonly BlockId[];
}

/** Depth-first postorder from the roots, without recursion, reversed. */
export function reversePostorder(fn: IrFunction): BlockId[] {
  const state = new Uint8Array(fn.blocks.length);
  const postorder: BlockId[] = [];
  const roots = fn.blocks.filter(({ id, resume }) => id === 0 || resume !== undefined).map(({ id }) => id);
  const path: { block: BlockId; successors: BlockId[]; next: number }[] = [];
  const enter = (block: BlockId) => {
    state[block] = 1;
    path.push({
      block,
      successors: edgesOf(fn.blocks[block]!.terminator).map((edge) => edge.block),
      next: 0,
    });
  };
  // The entry last, so that it comes first in the reversed order.
  for (const root of roots.reverse()) {
    if (state[root] !== 0) continue;
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const successor = top.successors[top.next++];
      if (successor === undefined) {
        postorder.push(top.block);
        path.pop();
      } else if (state[successor] === 0) enter(successor);
    }
  }
  return postorder.reverse();
}

function immediateDominators(fn: IrFunction, order: readonly BlockId[]): Int32Array {
  const rank = new Int32Array(fn.blocks.length).fill(UNREACHED);
  for (const [i, block] of order.entries()) rank[block] = i;
  const predecessors: BlockId[][] = fn.blocks.map(() => []);
  for (const block of order)
    for (const edge of edgesOf(fn.blocks[block]!.terminator)) predecessors[edge.block]!.push(block);
  const idom = new Int32Array(fn.blocks.length).fill(UNREACHED);
  const rankOf = (block: BlockId) => (block === ROOT ? ROOT : rank[block]!);
  const meet = (first: BlockId, second: BlockId): BlockId => {
    let a = first;
    let b = second;
    while (a !== b) {
      while (rankOf(a) > rankOf(b)) a = idom[a]!;
      while (rankOf(b) > rankOf(a)) b = idom[b]!;
    }
    return a;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of order) {
      const isRoot = block === 0 || fn.blocks[block]!.resume !== undefined;
      let found = isRoot ? ROOT : UNREACHED;
      for (const predecessor of predecessors[block]!)
        if (idom[predecessor] !== UNREACHED)
          found = found === UNREACHED ? predecessor : meet(predecessor, found);
      if (found !== UNREACHED && idom[block] !== found) {
        idom[block] = found;
        changed = true;
      }
    }
  }
  return idom;
}

export function dominanceOf(fn: IrFunction): Dominance {
  const order = reversePostorder(fn);
  const idom = immediateDominators(fn, order);
  const children: BlockId[][] = fn.blocks.map(() => []);
  const tops: BlockId[] = [];
  for (const block of order) (idom[block] === ROOT ? tops : children[idom[block]!]!).push(block);
  // Intervals of a walk of the tree: a dominator's encloses those of what it dominates.
  const first = new Int32Array(fn.blocks.length).fill(-1);
  const last = new Int32Array(fn.blocks.length).fill(-1);
  let clock = 0;
  const work: { block: BlockId; leaving: boolean }[] = tops.map((block) => ({ block, leaving: false }));
  for (let item = work.pop(); item !== undefined; item = work.pop()) {
    if (item.leaving) {
      last[item.block] = clock++;
      continue;
    }
    first[item.block] = clock++;
    work.push({ block: item.block, leaving: true });
    for (const child of children[item.block]!) work.push({ block: child, leaving: false });
  }
  return {
    order,
    isReachable: (block) => first[block]! >= 0,
    immediateDominator: (block) => idom[block]!,
    dominates: (dominator, block) => first[dominator]! <= first[block]! && last[block]! <= last[dominator]!,
  };
}
