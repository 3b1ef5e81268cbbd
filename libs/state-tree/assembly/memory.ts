/** Memory of the kernel: it grows and is never given back; leaves and directories that are free are used again. */
import { LEAF_BYTES } from "./interface";

/** Where a kernel's memory ends, less a page: ends of what lies in it are addresses too. */
const MOST_BYTES: u64 = (<u64>1 << 32) - 0x10000;

let top: u64 = (<u64>__heap_base + 63) & ~63;
let freeLeaf: usize = 0;
let leaves: u32 = 0;
let directoryBytes: u32 = 0;
/** Free directories by the logarithm of their size, linked by their first word. */
const freeOfSize: usize = memory.data(32 * 4);

/** Makes sure that so many bytes can be allocated; false when there is no memory for them, and nothing has changed then. */
export function reserve(bytes: f64): bool {
  if (bytes > <f64>MOST_BYTES) return false;
  const end = (top + <u64>bytes + 63) & ~63;
  if (end > MOST_BYTES) return false;
  const have = <u64>memory.size() << 16;
  if (end <= have) return true;
  const pages = <i32>((end - have + 0xffff) >>> 16);
  // An eighth ahead, so that growing is rare: the host makes its views anew each time.
  const ahead = max<i32>(16, memory.size() >>> 3);
  return memory.grow(max(pages, ahead)) >= 0 || memory.grow(pages) >= 0;
}

/** Zeroed memory that begins at a cache line. Traps when there is none: callers `reserve` before they change anything. */
export function allocate(bytes: usize): usize {
  if (!reserve(<f64>bytes)) unreachable();
  const at = <usize>top;
  top = (top + <u64>bytes + 63) & ~63;
  return at;
}

export function takeLeaf(): usize {
  leaves++;
  const leaf = freeLeaf;
  if (leaf == 0) return allocate(LEAF_BYTES);
  freeLeaf = load<u32>(leaf);
  return leaf;
}

export function releaseLeaf(leaf: usize): void {
  leaves--;
  store<u32>(leaf, <u32>freeLeaf);
  freeLeaf = leaf;
}

/** Room for 2^`shift` bytes. */
export function takeDirectory(shift: u32): usize {
  directoryBytes += 1 << shift;
  const list = freeOfSize + (<usize>shift << 2);
  const free = <usize>load<u32>(list);
  if (free == 0) return allocate(1 << shift);
  store<u32>(list, load<u32>(free));
  return free;
}

export function releaseDirectory(at: usize, shift: u32): void {
  directoryBytes -= 1 << shift;
  const list = freeOfSize + (<usize>shift << 2);
  store<u32>(at, load<u32>(list));
  store<u32>(list, <u32>at);
}

/** Bytes of all leaves and directories in use. */
export function indexBytes(): f64 {
  return <f64>leaves * LEAF_BYTES + <f64>directoryBytes;
}
