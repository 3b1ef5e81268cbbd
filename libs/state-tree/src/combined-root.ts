/** The state root: a binary tree over the roots of all partitions, whoever holds them. */
import { HASH_BYTES } from "./format.ts";
import { hashPairs } from "./layers.ts";

/** Combined root of `partitions` (a power of two) roots, 32 bytes each, in order of partition. */
export function combinedRoot(roots: Uint8Array, partitions: number): Uint8Array {
  let layer = roots.slice(0, partitions * HASH_BYTES);
  for (let nodes = partitions >>> 1; nodes >= 1; nodes >>>= 1) {
    const next = new Uint8Array(nodes * HASH_BYTES);
    hashPairs(layer, 0, nodes, next, 0);
    layer = next;
  }
  return layer;
}

/** Siblings on the way from a partition's root up to the combined root, lowest first. */
export function combinedPath(roots: Uint8Array, partitions: number, partition: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  let layer = roots.slice(0, partitions * HASH_BYTES);
  let at = partition;
  for (let nodes = partitions >>> 1; nodes >= 1; nodes >>>= 1, at >>>= 1) {
    const sibling = at ^ 1;
    path.push(layer.slice(sibling * HASH_BYTES, (sibling + 1) * HASH_BYTES));
    const next = new Uint8Array(nodes * HASH_BYTES);
    hashPairs(layer, 0, nodes, next, 0);
    layer = next;
  }
  return path;
}
