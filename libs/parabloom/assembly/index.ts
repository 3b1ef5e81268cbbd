/**
 * ParaBloom's kernel: one look at a row answers for all 64 frames (src/parabloom.ts describes the layout), without a branch
 * that depends on kinds or on what the filters hold.
 *
 * Filter bits of a slot id are lo, lo + hi, lo + 2 hi, ... modulo the filter (Kirsch and Mitzenmacher, "Less hashing, same
 * performance", 2006): ids are keyed hashes already, so their halves are independent.
 */

import {
  HI_AT,
  INTERFACE,
  KINDS_AT,
  LO_AT,
  MAX_FRAMES,
  NONE,
  NOTE_COUNTS_AT,
  NOTES_AT,
  NOTES_PER_FRAME,
  ROW_SHIFT,
  ROWS_AT,
  SIZES_AT,
  UNKNOWN_KIND,
  WINDOW_ACCESSES,
} from "./interface";

const ROWS: usize = ROWS_AT;
const SIZES: usize = SIZES_AT;
const NOTE_COUNTS: usize = NOTE_COUNTS_AT;
const NOTES: usize = NOTES_AT;
const MOST_NOTES: u32 = NOTES_PER_FRAME;
/** Words of the first row, as offsets in memory. */
const READS: usize = ROWS_AT;
const WRITES: usize = ROWS_AT + 8;
const DELTAS: usize = ROWS_AT + 16;

/** By access kind (R 1, W 2, D 3, P 4), as bits: conflicts with reads, with deltas; all of them conflict with writes. */
const MEETS_READS: u32 = (1 << 2) | (1 << 3);
const MEETS_DELTAS: u32 = (1 << 1) | (1 << 2) | (1 << 4);
/** By access kind, four bits each: which word of a row takes it. */
const WORD_OF_KIND: u32 = (1 << 8) | (2 << 12);

/** Rows loaded ahead are 256 cache lines of 64 bytes with two hashes: a third of a first-level cache. */
const NEAR_ACCESSES: u32 = 128;

let rowMask: u32 = 0;
let hashes: u32 = 2;
let maxTransactions: u32 = 0;
/** Frames that do not exist or are full. */
let closed: u64 = 0;
/** Accesses before this one have had their rows loaded. */
let nearTo: u32 = 0;
/** Takes what `approach` has loaded, so that the loads are not left out. */
let loaded: u32 = 0;
/** Of the transaction at hand: frames that it conflicts with, and whether a kind is unknown. */
let conflict: u64 = 0;
let unknown: bool = false;

/** What the kernel was built for. */
export function interfaceNumber(): i32 {
  return INTERFACE;
}

/** Call once. */
export function configure(frames: u32, filterBits: u32, hashCount: u32, transactions: u32): void {
  rowMask = filterBits - 1;
  hashes = hashCount;
  maxTransactions = transactions;
  closed = frames == MAX_FRAMES ? 0 : (-1 as u64) << (frames as u64);
}

/** The host has laid other accesses before the kernel. */
export function turn(): void {
  nearTo = 0;
}

// @ts-ignore: decorator
@inline
function rowOf(position: u32): usize {
  return <usize>(position & rowMask) << ROW_SHIFT;
}

/** All bits set when `kind` is in the set. */
// @ts-ignore: decorator
@inline
function maskOf(kinds: u32, kind: u32): u64 {
  return -(((kinds >>> kind) & 1) as u64);
}

/** Nothing but loads, so that a core waits for as many misses at once as it can. */
function approach(from: u32): void {
  const to = min(from + NEAR_ACCESSES, WINDOW_ACCESSES);
  let sum: u32 = 0;
  const end = <usize>to << 2;
  for (let i = <usize>from << 2; i < end; i += 4) {
    const lo = load<u32>(i, LO_AT);
    sum ^= load<u32>(rowOf(lo), READS) ^ load<u32>(rowOf(lo + load<u32>(i, HI_AT)), READS);
  }
  loaded = sum;
  nearTo = to;
}

/** Adds the conflicts of accesses `from` to `to`. */
function lookAtPairs(from: u32, to: u32): void {
  let found = conflict;
  let odd: u32 = 0;
  for (let i = from; i < to; i++) {
    const at = <usize>i << 2;
    const lo = load<u32>(at, LO_AT);
    const a = rowOf(lo);
    const b = rowOf(lo + load<u32>(at, HI_AT));
    const kind: u32 = load<u8>(<usize>i, KINDS_AT);
    odd |= <u32>(kind - 1 > 3);
    found |=
      (load<u64>(a, WRITES) & load<u64>(b, WRITES)) |
      (load<u64>(a, READS) & load<u64>(b, READS) & maskOf(MEETS_READS, kind)) |
      (load<u64>(a, DELTAS) & load<u64>(b, DELTAS) & maskOf(MEETS_DELTAS, kind));
  }
  conflict = found;
  unknown = unknown || odd != 0;
}

/** `lookAtPairs` with any number of hashes. */
function lookAt(from: u32, to: u32): void {
  for (let i = from; i < to; i++) {
    const at = <usize>i << 2;
    const hi = load<u32>(at, HI_AT);
    const kind: u32 = load<u8>(<usize>i, KINDS_AT);
    if (kind - 1 > 3) unknown = true;
    let position = load<u32>(at, LO_AT);
    let reads: u64 = -1;
    let writes: u64 = -1;
    let deltas: u64 = -1;
    for (let k: u32 = 0; k < hashes; k++) {
      const row = rowOf(position);
      reads &= load<u64>(row, READS);
      writes &= load<u64>(row, WRITES);
      deltas &= load<u64>(row, DELTAS);
      position += hi;
    }
    conflict |= writes | (reads & maskOf(MEETS_READS, kind)) | (deltas & maskOf(MEETS_DELTAS, kind));
  }
}

/** Begins a transaction that is laid before the kernel in pieces: `look` at each, `choose`, `insert` each. */
export function begin(): void {
  conflict = closed;
  unknown = false;
}

export function look(from: u32, to: u32): void {
  if (hashes == 2) lookAtPairs(from, to);
  else lookAt(from, to);
}

/** The lowest frame without conflict, counted as taken; or NONE, or UNKNOWN_KIND. */
export function choose(): i32 {
  if (unknown) return UNKNOWN_KIND;
  if (conflict == -1) return NONE;
  const frame = <u32>ctz(~conflict);
  const sizeAt = SIZES + (<usize>frame << 2);
  const size = load<u32>(sizeAt) + 1;
  store<u32>(sizeAt, size);
  if (size >= maxTransactions) closed |= (1 as u64) << (frame as u64);
  return <i32>frame;
}

/** Sets the frame's bit for accesses `from` to `to`, and notes where as long as there is room. */
export function insert(frame: u32, from: u32, to: u32): void {
  const bit = (1 as u64) << (frame as u64);
  const countAt = NOTE_COUNTS + (<usize>frame << 2);
  let count = load<u32>(countAt);
  const added = (to - from) * hashes;
  const fits = count + added <= MOST_NOTES;
  let note = NOTES + (<usize>(frame * MOST_NOTES + count) << 2);
  for (let i = from; i < to; i++) {
    const at = <usize>i << 2;
    const hi = load<u32>(at, HI_AT);
    const kind: u32 = load<u8>(<usize>i, KINDS_AT);
    const word = <usize>(((WORD_OF_KIND >>> (kind << 2)) & 3) << 3);
    let position = load<u32>(at, LO_AT);
    for (let k: u32 = 0; k < hashes; k++) {
      const target = rowOf(position) + word;
      store<u64>(target, load<u64>(target, READS) | bit, READS);
      if (fits) {
        store<u32>(note, <u32>target);
        note += 4;
      }
      position += hi;
    }
  }
  store<u32>(countAt, fits ? count + added : MOST_NOTES + 1);
}

/** Places accesses `from` to `to` as one transaction: the frame, or NONE, or UNKNOWN_KIND. */
export function place(from: u32, to: u32, expectMore: bool): i32 {
  if (expectMore && to > nearTo) approach(from);
  begin();
  look(from, to);
  const frame = choose();
  if (frame >= 0) insert(<u32>frame, from, to);
  return frame;
}

/** Clears what the frame has set: by its notes, so that cost follows the frame, or everywhere. */
export function eject(frame: u32): void {
  const keep = ~((1 as u64) << (frame as u64));
  const countAt = NOTE_COUNTS + (<usize>frame << 2);
  const count = load<u32>(countAt);
  if (count <= MOST_NOTES) {
    const first = NOTES + (<usize>(frame * MOST_NOTES) << 2);
    for (let note = first; note < first + (<usize>count << 2); note += 4) {
      const target = <usize>load<u32>(note);
      store<u64>(target, load<u64>(target, READS) & keep, READS);
    }
  } else {
    const lanes = i64x2.splat(keep);
    const end = <usize>(rowMask + 1) << ROW_SHIFT;
    for (let row: usize = 0; row < end; row += 1 << ROW_SHIFT) {
      v128.store(row, v128.and(v128.load(row, READS), lanes), READS);
      store<u64>(row, load<u64>(row, DELTAS) & keep, DELTAS);
    }
  }
  store<u32>(countAt, 0);
  store<u32>(SIZES + (<usize>frame << 2), 0);
  closed &= keep;
}
