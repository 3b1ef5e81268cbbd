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
  type SlotTable,
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

/** In the answer of `grantGeneration`, beside the mode: the version is still in flight. */
export const IN_FLIGHT = 8;

/** Commit has folded a generation of a durable block into the committed value: it is an ordinary, complete version. */
export function foldDurable(table: SlotTable, row: number, durable: number): void {
  const { f64, u32 } = table;
  const last = f64[row + GEN_LAST]!;
  if (f64[row + GEN_SEQ]! < 0 || last > durable) return;
  closeGeneration(table, row, last, last);
  u32[(row << 1) + META] = u32[(row << 1) + META]! | NO_WRITER;
}

function closeGeneration(table: SlotTable, row: number, version: number, completeAt: number): void {
  const { f64, u32 } = table;
  const w = row << 1;
  f64[row + VERSION] = version;
  f64[row + COMPLETE_AT] = completeAt;
  f64[row + GEN_SEQ] = -1;
  u32[w + GEN_COUNT] = 0;
  if (u32[w + GEN_DEPTH]! > u32[w + DEPTH]!) u32[w + DEPTH] = u32[w + GEN_DEPTH]!;
  u32[w + GEN_DEPTH] = 0;
}

/** True when the newest version of the row (generation apart) is at its home shard for certain. */
export function isComplete(table: SlotTable, row: number, progress: Progress): boolean {
  return table.f64[row + COMPLETE_AT]! <= progress.complete || table.f64[row + VERSION]! <= progress.durable;
}

/**
 * Grants a reader the value of an open generation, as access `at` of `out`; returns the mode, with IN_FLIGHT where it is not
 * complete. The generation is sealed: unless it is durable, its result is version genLast, which exists once this reader has
 * resolved it, so the caller sets COMPLETE_AT to the reader's seq.
 */
export function grantGeneration(
  table: SlotTable,
  row: number,
  progress: Progress,
  out: PlacedColumns,
  at: number,
): number {
  const { f64, u32 } = table;
  const last = f64[row + GEN_LAST]!;
  if (last <= progress.durable) {
    foldDurable(table, row, progress.durable);
    out.versions[at] = last;
    return GrantMode.floor;
  }
  const mode = isComplete(table, row, progress) ? GrantMode.deltaFloor : GrantMode.deltaWait;
  out.versions[at] = f64[row + VERSION]!;
  out.genSeqs.push(f64[row + GEN_SEQ]!);
  out.genCounts.push(u32[(row << 1) + GEN_COUNT]!);
  out.genLasts.push(last);
  closeGeneration(table, row, last, last);
  u32[(row << 1) + META] = u32[(row << 1) + META]! | NO_WRITER;
  return last > progress.complete ? mode | IN_FLIGHT : mode;
}

/** The newest version is now `seq`'s, written by `e`. Returns the executor that wrote the one before. */
export function recordWrite(table: SlotTable, row: number, seq: number, e: number, depth: number): number {
  const { f64, u32 } = table;
  const w = row << 1;
  f64[row + VERSION] = seq;
  f64[row + COMPLETE_AT] = seq;
  f64[row + GEN_SEQ] = -1;
  u32[w + GEN_COUNT] = 0;
  u32[w + GEN_DEPTH] = 0;
  u32[w + DEPTH] = depth;
  const meta = u32[w + META]!;
  u32[w + META] = (meta & ~255) | e;
  return meta & 255;
}

/**
 * Adds a contribution of `seq` to the open generation and returns its first seq. A generation lives in one block:
 * one from before `blockFirstSeq` is sealed, and another opened.
 */
export function joinGeneration(
  table: SlotTable,
  row: number,
  seq: number,
  blockFirstSeq: number,
  depth: number,
  progress: Progress,
  seals: SealSink,
): number {
  const { f64, u32 } = table;
  const w = row << 1;
  if (f64[row + GEN_SEQ]! < blockFirstSeq) {
    if (f64[row + GEN_SEQ]! >= 0) sealGeneration(table, row, progress, seals);
    f64[row + GEN_SEQ] = seq;
  }
  u32[w + GEN_COUNT] = u32[w + GEN_COUNT]! + 1;
  f64[row + GEN_LAST] = seq;
  if (depth > u32[w + GEN_DEPTH]!) u32[w + GEN_DEPTH] = depth;
  return f64[row + GEN_SEQ]!;
}

/** Before the first contribution of another block: what is left of the generation becomes a version. */
export function sealGeneration(table: SlotTable, row: number, progress: Progress, seals: SealSink): void {
  const { f64, u32 } = table;
  const w = row << 1;
  foldDurable(table, row, progress.durable);
  const genSeq = f64[row + GEN_SEQ]!;
  if (genSeq < 0) return;
  const mode = isComplete(table, row, progress) ? GrantMode.deltaFloor : GrantMode.deltaWait;
  const last = f64[row + GEN_LAST]!;
  const count = u32[w + GEN_COUNT]!;
  seals.seal(u32[w + ID_HI]!, u32[w + ID_LO]!, mode, f64[row + VERSION]!, genSeq, count, last);
  // Nobody tells when the shard has summed it up, so it is complete only when its block is durable.
  closeGeneration(table, row, last, Number.POSITIVE_INFINITY);
  u32[w + META] = u32[w + META]! | NO_WRITER;
}
