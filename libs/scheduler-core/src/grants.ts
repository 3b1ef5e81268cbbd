/**
 * Grants: the one local rule of the slot table (docs/protocol.md, "Grants"). For each access the version to observe is
 * the latest one before it in the total order; the row then says what the next access will find.
 */
import { GrantMode } from "@velarium/wire";
import type { PlacedColumns } from "./placed.ts";
import {
  COMPLETE_AT,
  DEPTH,
  GEN_COUNT,
  GEN_DEPTH,
  GEN_LAST,
  GEN_SEQ,
  ID_HI,
  ID_LO,
  META,
  NO_WRITER,
  type SlotGroup,
  VERSION,
} from "./slot-table.ts";

/** How far execution and commit are, as seqs. */
export interface Progress {
  /** Everything up to here is complete. */
  complete: number;
  /** Everything up to here is committed on every shard. */
  durable: number;
}

/** Delta generations that close without a reader, to be told to the shards. */
export interface SealSink {
  seal(hi: number, lo: number, mode: number, version: number, seq: number, count: number, last: number): void;
}

/** Commit has folded a generation of a durable block into the committed value: it is an ordinary, complete version. */
export function foldDurable(group: SlotGroup, row: number, durable: number): void {
  const { f64, u32 } = group;
  const last = f64[row + GEN_LAST]!;
  if (f64[row + GEN_SEQ]! < 0 || last > durable) return;
  closeGeneration(group, row, last, last);
  u32[(row << 1) + META] = u32[(row << 1) + META]! | NO_WRITER;
}

function closeGeneration(group: SlotGroup, row: number, version: number, completeAt: number): void {
  const { f64, u32 } = group;
  const w = row << 1;
  f64[row + VERSION] = version;
  f64[row + COMPLETE_AT] = completeAt;
  f64[row + GEN_SEQ] = -1;
  u32[w + GEN_COUNT] = 0;
  if (u32[w + GEN_DEPTH]! > u32[w + DEPTH]!) u32[w + DEPTH] = u32[w + GEN_DEPTH]!;
  u32[w + GEN_DEPTH] = 0;
}

/** True when the newest version of the row (generation apart) is at its home shard for certain. */
export function isComplete(group: SlotGroup, row: number, progress: Progress): boolean {
  return group.f64[row + COMPLETE_AT]! <= progress.complete || group.f64[row + VERSION]! <= progress.durable;
}

/**
 * Grants the value before `seq` to executor `e`, into `out`; returns whether it is still in flight. An open
 * generation is sealed: its result is version genLast, which exists once this reader has resolved it.
 */
export function grantValue(
  group: SlotGroup,
  row: number,
  seq: number,
  e: number,
  progress: Progress,
  out: PlacedColumns,
): boolean {
  const { f64, u32 } = group;
  foldDurable(group, row, progress.durable);
  const complete = isComplete(group, row, progress);
  const version = f64[row + VERSION]!;
  const genSeq = f64[row + GEN_SEQ]!;
  out.versions.push(version);
  if (genSeq < 0) {
    if (complete) {
      out.modes.push(GrantMode.floor);
      return false;
    }
    out.modes.push((u32[(row << 1) + META]! & 255) === e ? GrantMode.local : GrantMode.wait);
    return true;
  }
  out.modes.push(complete ? GrantMode.deltaFloor : GrantMode.deltaWait);
  const last = f64[row + GEN_LAST]!;
  out.genSeqs.push(genSeq);
  out.genCounts.push(u32[(row << 1) + GEN_COUNT]!);
  out.genLasts.push(last);
  closeGeneration(group, row, last, seq);
  group.setWriter(row, NO_WRITER);
  return last > progress.complete;
}

/** The newest version is now `seq`'s, written by `e`. Returns the executor that wrote the one before. */
export function recordWrite(group: SlotGroup, row: number, seq: number, e: number, depth: number): number {
  const { f64, u32 } = group;
  const w = row << 1;
  f64[row + VERSION] = seq;
  f64[row + COMPLETE_AT] = seq;
  f64[row + GEN_SEQ] = -1;
  u32[w + GEN_COUNT] = 0;
  u32[w + GEN_DEPTH] = 0;
  u32[w + DEPTH] = depth;
  const before = u32[w + META]! & 255;
  u32[w + META] = (u32[w + META]! & ~255) | e;
  return before;
}

/**
 * Adds a contribution of `seq` to the open generation and returns its first seq. A generation lives in one block:
 * one from before `blockFirstSeq` is sealed, and another opened.
 */
export function joinGeneration(
  group: SlotGroup,
  row: number,
  seq: number,
  blockFirstSeq: number,
  depth: number,
  progress: Progress,
  seals: SealSink,
): number {
  const { f64, u32 } = group;
  const w = row << 1;
  let genSeq = f64[row + GEN_SEQ]!;
  if (genSeq < blockFirstSeq) {
    if (genSeq >= 0) {
      foldDurable(group, row, progress.durable);
      if (f64[row + GEN_SEQ]! >= 0) {
        const mode = isComplete(group, row, progress) ? GrantMode.deltaFloor : GrantMode.deltaWait;
        const last = f64[row + GEN_LAST]!;
        seals.seal(
          u32[w + ID_HI]!,
          u32[w + ID_LO]!,
          mode,
          f64[row + VERSION]!,
          genSeq,
          u32[w + GEN_COUNT]!,
          last,
        );
        // Nobody tells when the shard has summed it up, so it is complete only when its block is durable.
        closeGeneration(group, row, last, Number.POSITIVE_INFINITY);
        group.setWriter(row, NO_WRITER);
      }
    }
    genSeq = seq;
    f64[row + GEN_SEQ] = seq;
  }
  u32[w + GEN_COUNT] = u32[w + GEN_COUNT]! + 1;
  f64[row + GEN_LAST] = seq;
  if (depth > u32[w + GEN_DEPTH]!) u32[w + GEN_DEPTH] = depth;
  return genSeq;
}
