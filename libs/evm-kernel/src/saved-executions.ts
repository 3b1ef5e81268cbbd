/**
 * Live executions outside the kernel's memory: the ranges that one occupies, one behind the other. The header is their
 * number (u32, padded to 8 bytes), then address and size (u32 each) of every range.
 */
import type { Heap } from "./linear-memory.ts";
import type { SavedExecution } from "./types.ts";

const HEADER_BYTES = 8;
const RANGE_BYTES = 8;

/** Copies the `count` ranges out whose addresses and sizes stand at `list`. */
export function saveRanges(heap: Heap, list: number, count: number): SavedExecution {
  let total = HEADER_BYTES + count * RANGE_BYTES;
  for (let i = 0; i < count; i++) total += heap.view.getUint32(list + RANGE_BYTES * i + 4, true);
  const bytes = new Uint8Array(total);
  const header = new DataView(bytes.buffer);
  header.setUint32(0, count, true);
  let at = HEADER_BYTES + count * RANGE_BYTES;
  for (let i = 0; i < count; i++) {
    const from = heap.view.getUint32(list + RANGE_BYTES * i, true);
    const size = heap.view.getUint32(list + RANGE_BYTES * i + 4, true);
    header.setUint32(HEADER_BYTES + RANGE_BYTES * i, from, true);
    header.setUint32(HEADER_BYTES + RANGE_BYTES * i + 4, size, true);
    bytes.set(heap.bytes.subarray(from, from + size), at);
    at += size;
  }
  return { bytes };
}

/** Puts the ranges back where they were. */
export function restoreRanges(heap: Heap, { bytes }: SavedExecution): void {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = header.getUint32(0, true);
  let at = HEADER_BYTES + count * RANGE_BYTES;
  for (let i = 0; i < count; i++) {
    const to = header.getUint32(HEADER_BYTES + RANGE_BYTES * i, true);
    const size = header.getUint32(HEADER_BYTES + RANGE_BYTES * i + 4, true);
    if (size > 0) heap.bytes.set(bytes.subarray(at, at + size), to);
    at += size;
  }
}
