// EVM memory of frames: what growing it costs, and growing it.
import { MEMORY_END, reach } from "./bounds";
import { setLimited } from "./execution";
import { FRAME_MEMORY, FRAME_MEMORY_BYTES } from "./layout";

/** No gas pays for more: 2^32 words cost 2^55 gas. */
const BEYOND: u64 = 1 << 37;

/** Gas of `words` words in all. */
@inline
export function memoryGas(words: u64): i64 {
  return <i64>(words * 3 + (words * words) / 512);
}

/** End of a range, 0 when it is empty, u64 max when no gas pays for it. */
@inline
export function rangeEnd(offset: u64, size: u64): u64 {
  if (size == 0) return 0;
  if (offset >= BEYOND || size >= BEYOND) return u64.MAX_VALUE;
  return offset + size;
}

/** Gas to grow the frame's memory to `end`; -1 when no gas pays for it. */
export function expansionGas(frame: usize, end: u64): i64 {
  const have = <u64>load<u32>(frame, FRAME_MEMORY_BYTES);
  if (end <= have) return 0;
  if (end >= BEYOND) return -1;
  return memoryGas((end + 31) >> 5) - memoryGas(have >> 5);
}

/** Grows the frame's memory, paid before, to `end`. Sets the limit when there is not as much. */
export function grow(frame: usize, end: u64): void {
  const have = load<u32>(frame, FRAME_MEMORY_BYTES);
  if (end <= <u64>have) return;
  const bytes = (end + 31) & ~(<u64>31);
  const base = <usize>load<u32>(frame, FRAME_MEMORY);
  if (bytes > <u64>(MEMORY_END - base) || !reach(base + <usize>bytes)) {
    setLimited(true);
    return;
  }
  memory.fill(base + have, 0, <usize>bytes - have);
  store<u32>(frame, <u32>bytes, FRAME_MEMORY_BYTES);
}

/** Pays for and makes the range usable: gas left, or minus a status. */
export function expand(frame: usize, offset: u64, size: u64, gas: i64): i64 {
  const end = rangeEnd(offset, size);
  const cost = expansionGas(frame, end);
  if (cost == 0) return gas;
  if (cost < 0 || cost > gas) return -3;
  grow(frame, end);
  const base = <u64>load<u32>(frame, FRAME_MEMORY_BYTES);
  return end > base ? -6 : gas - cost;
}

/** Offsets below this have a whole word in the frame's memory. */
@inline
export function wordRoom(frame: usize): u64 {
  const have = load<u32>(frame, FRAME_MEMORY_BYTES);
  return have >= 32 ? <u64>have - 31 : 0;
}
