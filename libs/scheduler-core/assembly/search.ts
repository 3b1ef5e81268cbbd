/**
 * Looks up rows of the slot table, which stands in this memory (src/slot-table.ts describes it): 16 tags in one comparison,
 * no branch that depends on a tag, so that a core waits for a dozen cache misses at once instead of guessing wrong after
 * each.
 */

import { ID_HI, ID_LO, META, ROW_SHIFT, TAG_LANES, TOUCHED } from "./interface";

const LANES: u32 = TAG_LANES;
const HI_AT: usize = ID_HI << 2;
const LO_AT: usize = ID_LO << 2;
const META_AT: usize = META << 2;
/** Access kinds that need a row: W 2, D 3, X 5. */
const NEED_ROW: u32 = (1 << 2) | (1 << 3) | (1 << 5);

/** Whether the row at a byte offset is the id's; marks it as touched. */
// @ts-ignore: decorator
@inline
function confirm(row: usize, high: u32, low: u32): bool {
  if (load<u32>(row, HI_AT) != high || load<u32>(row, LO_AT) != low) return false;
  const meta = load<u32>(row, META_AT);
  if ((meta & TOUCHED) == 0) store<u32>(row, meta | TOUCHED, META_AT);
  return true;
}

/** Row of an id as f64 offset, -1 when there is none: 16 places after 16 places, up to the first empty one. */
function search(high: u32, low: u32, tags: usize, groupMask: u32, groupShift: u32): i32 {
  const mask: u32 = (1 << groupShift) - 1;
  const group = (high >>> 24) & groupMask;
  const base = tags + <usize>group * <usize>(mask + 1 + LANES);
  const wanted = i8x16.splat(<i8>((high & 0xfe) + 1));
  let at = low & mask;
  while (true) {
    const lanes = v128.load(base + at);
    const empty = i8x16.bitmask(i8x16.eq(lanes, i8x16.splat(0)));
    let hits = i8x16.bitmask(i8x16.eq(lanes, wanted)) & ((empty & -empty) - 1);
    for (; hits != 0; hits &= hits - 1) {
      const place = (group << groupShift) + ((at + <u32>ctz(hits)) & mask);
      if (confirm(<usize>place << 6, high, low)) return <i32>(place << ROW_SHIFT);
    }
    if (empty != 0) return -1;
    at = (at + LANES) & mask;
  }
}

/**
 * Into `rows`: of each of `n` ids its row (f64 offset), -1 where it has none; there is room for one more. Returns how many
 * accesses are without a row whose kind needs one.
 */
export function findRows(
  n: u32,
  hi: usize,
  lo: usize,
  kinds: usize,
  rows: usize,
  tags: usize,
  groupMask: u32,
  groupShift: u32,
): u32 {
  const mask: u32 = (1 << groupShift) - 1;
  const span = <usize>(mask + 1 + LANES);
  const end = <usize>n << 2;
  for (let i: usize = 0; i < end; i += 4) {
    const high = load<u32>(hi + i);
    const group = (high >>> 24) & groupMask;
    const at = load<u32>(lo + i) & mask;
    const lanes = v128.load(tags + <usize>group * span + at);
    const empty = i8x16.bitmask(i8x16.eq(lanes, i8x16.splat(0)));
    const hits =
      i8x16.bitmask(i8x16.eq(lanes, i8x16.splat(<i8>((high & 0xfe) + 1)))) & ((empty & -empty) - 1);
    const place = (group << groupShift) + ((at + <u32>ctz(hits)) & mask);
    // All bits set where there is no hit; a full run of tags of others is looked at again, which -2 says.
    let row = <i32>(place << ROW_SHIFT) | -(<i32>(hits == 0));
    if ((hits | empty) == 0) row = -2;
    store<i32>(rows + i, row);
  }
  // Nothing but loads: so many of them fit into what a core looks ahead that it waits for as many misses as it can.
  let touched: u32 = 0;
  for (let i: usize = 0; i < end; i += 4) {
    const row = load<i32>(rows + i);
    touched ^= load<u32>(<usize>(row & ~(row >> 31)) << 3);
  }
  // So that the loads are not left out.
  store<u32>(rows + end, touched);
  let missing: u32 = 0;
  for (let i: usize = 0; i < end; i += 4) {
    let row = load<i32>(rows + i);
    if (row != -1) {
      const high = load<u32>(hi + i);
      const low = load<u32>(lo + i);
      if (row >= 0 && confirm(<usize>row << 3, high, low)) continue;
      row = search(high, low, tags, groupMask, groupShift);
      store<i32>(rows + i, row);
      if (row >= 0) continue;
    }
    missing += (NEED_ROW >>> load<u8>(kinds + (i >>> 2))) & 1;
  }
  return missing;
}
