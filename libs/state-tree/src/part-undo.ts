/** What one block did to a partition, enough to take it back and to read what was before. */
import { compareHashes } from "./hash-words.ts";

export interface PartUndo {
  /** Number of the first entry it appended. */
  readonly first: number;
  /** For each appended entry the one it replaced, or -1. */
  readonly replaced: Float64Array;
  /** Deleted keys in order: hashes as words, and the entries they had. */
  readonly deleted: Uint32Array;
  readonly deletedEntries: Float64Array;
  /** Compaction's position before the block. */
  readonly tail: number;
}

/** Entry that a key had before the blocks of `undos` (newest last), given the one it has after them; -1: none. */
export function numberBefore(
  undos: readonly PartUndo[],
  after: number,
  hashes: Uint32Array,
  at: number,
): number {
  let number = after;
  for (let b = undos.length - 1; b >= 0; b--) {
    const undo = undos[b]!;
    if (number >= undo.first) number = undo.replaced[number - undo.first]!;
    else if (number < 0) number = findDeleted(undo, hashes, at);
  }
  return number;
}

/** Number of the sorted deleted hashes that sort before a hash. */
export function deletedBelow(undo: PartUndo, hash: Uint32Array, hashAt: number): number {
  let low = 0;
  let high = undo.deletedEntries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareHashes(undo.deleted, middle * 8, hash, hashAt) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function findDeleted(undo: PartUndo, hash: Uint32Array, hashAt: number): number {
  const at = deletedBelow(undo, hash, hashAt);
  const found = at < undo.deletedEntries.length && compareHashes(undo.deleted, at * 8, hash, hashAt) === 0;
  return found ? undo.deletedEntries[at]! : -1;
}
