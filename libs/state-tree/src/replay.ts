/** Opening a store on what its data directory holds: partitions and blocks as the log has them, checked against its roots. */
import type { AppliedBlocks } from "./applied-blocks.ts";
import { readBase } from "./base-file.ts";
import type { EntryLog } from "./entry-log.ts";
import { StateError } from "./errors.ts";
import { ENTRY_WORDS, HASH_BYTES, TWIG_ENTRIES } from "./format.ts";
import { hashesToWords } from "./hash-words.ts";
import {
  decodeBlockMeta,
  decodeImageMeta,
  entriesOffset,
  type RecordHeader,
  RecordKind,
  recordBytes,
} from "./log-record.ts";
import type { PartUndo } from "./part-undo.ts";
import type { PartitionSet } from "./partition-set.ts";

/**
 * Fills `set` and `blocks` from the log. False when the log holds images without their block record, a genesis that was
 * cut short: then it is empty now, and the set must not be used.
 */
export function replayLog(dir: string, log: EntryLog, set: PartitionSet, blocks: AppliedBlocks): boolean {
  let kept = 0;
  let images = 0;
  const base = readBase(dir);
  if (base !== null) {
    log.dropBefore(base.position);
    blocks.beginAt(base.position, base.firstHeight);
    base.partitions.forEach((p, i) => {
      set.list[i]!.tree.restore(p.baseTwig, p.twigRoots);
    });
  }
  log.scan((header, position, meta, entries) => {
    if (header.kind === RecordKind.image) {
      images++;
      const image = decodeImageMeta(meta);
      const part = set.list[set.places[image.partition]!]!;
      part.loadImage(image.baseTwig, image.twigRoots, image.bits, entries, position + entriesOffset(header));
      return;
    }
    const end = position + recordBytes(header);
    if (blocks.height < 0) blocks.begin(header.height, position, end);
    else {
      const { undos, skips } = replayBlock(header, meta, entries, set);
      log.end = end;
      blocks.add(
        { height: header.height, logStart: position, parts: undos, roots: blocks.roots.slice() },
        set.list,
        position + entriesOffset(header),
        skips,
      );
    }
    for (const [i, part] of decodeBlockMeta(meta).entries()) blocks.roots.set(part.root, i * HASH_BYTES);
    kept = end;
  });
  if (blocks.height < 0) {
    log.truncate(0);
    return images === 0;
  }
  log.truncate(kept);
  if (base !== null) blocks.forgetUndosTo(base.oldestHeight);
  checkRoots(set, blocks);
  return true;
}

/** Applies the entries of a block to the partitions. `skips`: how many of each partition are dead and left out. */
function replayBlock(
  header: RecordHeader,
  meta: Uint8Array,
  entries: Uint8Array,
  set: PartitionSet,
): { readonly undos: readonly PartUndo[]; readonly skips: readonly number[] } {
  const words = new Uint32Array(entries.buffer, entries.byteOffset, entries.length / 4);
  let at = 0;
  const skips: number[] = [];
  const undos = decodeBlockMeta(meta).map((block, i) => {
    const part = set.list[i]!;
    // Entries before a restored base are dead; the block that the log now begins in may still hold some.
    const base = part.tree.baseTwig * TWIG_ENTRIES;
    const skip = part.tree.count === base ? Math.min(Math.max(base - block.first, 0), block.appended) : 0;
    if (block.partition !== part.id || (block.first + skip !== part.tree.count && skip < block.appended))
      throw new StateError("corrupt-log", `block ${header.height} does not continue partition ${part.id}`);
    const deleted = new Uint32Array(block.deleted.length / 4);
    hashesToWords(block.deleted, block.deleted.length / HASH_BYTES, deleted);
    const undo = part.replay(words, (at + skip) * ENTRY_WORDS, block.appended - skip, deleted);
    at += block.appended;
    skips.push(skip);
    return undo;
  });
  return { undos, skips };
}

/** Works the roots out that the records say. */
function checkRoots(set: PartitionSet, { roots, height }: AppliedBlocks): void {
  const stored = roots.slice();
  set.list.forEach((part, i) => {
    part.tree.updateRoot(roots, i * HASH_BYTES);
  });
  if (Buffer.compare(stored, roots) !== 0)
    throw new StateError(
      "corrupt-log",
      `the roots rebuilt from the log differ from those of block ${height}`,
    );
}
