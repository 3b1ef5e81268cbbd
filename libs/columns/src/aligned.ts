/** Just enough of WebAssembly's types, which come with the DOM's only. */
declare const WebAssembly: { Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer } };

const PAGE_BYTES = 65_536;
/** A WebAssembly memory reserves gigabytes of addresses, which takes some 50 µs; a small table has no use for it. */
const LARGE_BYTES = 4 << 20;

/**
 * Zeroed memory that, from 4 MiB on, begins at a page: for tables whose rows are to be one cache line each. An ordinary
 * large buffer begins 16 bytes behind a page (there stands the allocator's length), so that a row of 64 bytes lies across
 * two lines and costs two misses; a script can neither see nor choose that. At most 4 GiB; rounded up.
 */
export function alignedBuffer(bytes: number): ArrayBuffer {
  if (bytes < LARGE_BYTES) return new ArrayBuffer(bytes);
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) }).buffer;
}
