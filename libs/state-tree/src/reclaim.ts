/**
 * Freeing log space in front of which nothing is active and nothing can be rolled back to. Entries die from the front, so
 * the blocks whose predecessors are all dead come first.
 */
import type { AppliedBlocks } from "./applied-blocks.ts";
import { writeBase } from "./base-file.ts";
import type { EntryLog } from "./entry-log.ts";
import { HASH_BYTES, TWIG_ENTRIES } from "./format.ts";
import type { Partition } from "./partition.ts";

/** True when no entry in front of the block record at a position can be active again. */
function isDeadBefore(blocks: AppliedBlocks, parts: readonly Partition[], position: number): boolean {
  return blocks.partsAt(position).every((b, i) => b.first <= parts[i]!.tree.baseTwig * TWIG_ENTRIES);
}

/** The last of the cuts that nothing active lies in front of; undefined when there is none. */
function lastDeadCut(
  cuts: readonly number[],
  blocks: AppliedBlocks,
  parts: readonly Partition[],
): number | undefined {
  let low = 0;
  for (let high = cuts.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (isDeadBefore(blocks, parts, cuts[middle]!)) low = middle + 1;
    else high = middle;
  }
  return cuts[low - 1];
}

/** Frees what lies in front of the blocks up to `height`, at the most. Returns the bytes freed. */
export function reclaimLog(
  height: number,
  blocks: AppliedBlocks,
  parts: readonly Partition[],
  log: EntryLog,
  dir: string | null,
): number {
  let cuts = blocks.positionsTo(height);
  if (dir !== null) {
    const starts = new Set(log.segmentStarts());
    cuts = cuts.filter((position) => starts.has(position));
  }
  const cut = lastDeadCut(cuts, blocks, parts);
  if (cut === undefined) return 0;
  if (dir !== null) {
    const partitions = parts.map(({ id, tree }) => {
      const twigRoots = new Uint8Array(tree.baseTwig * HASH_BYTES);
      for (let t = 0; t < tree.baseTwig; t++) twigRoots.set(tree.twigRoot(t), t * HASH_BYTES);
      return { partition: id, baseTwig: tree.baseTwig, twigRoots };
    });
    const { oldestHeight } = blocks;
    writeBase(dir, { position: cut, firstHeight: blocks.heightAt(cut), oldestHeight, partitions });
  }
  const freed = blocks.dropBefore(cut);
  for (const part of parts) part.dropLocations();
  return freed;
}
