/** Memory of the kernel: it grows and is never given back; leaves and directories that are free are used again. */
import { LEAF_BYTES } from "./interface";

let top: usize = (__heap_base + 63) & ~63;
let freeLeaf: usize = 0;
let leaves: u32 = 0;
let directoryBytes: u32 = 0;
/** Free directories by the logarithm of their size, linked by their first word. */
const freeOfSize: usize = memory.data(32 * 4);

/** Zeroed memory that begins at a cache line. Traps when the 4 GiB that a kernel can address are used up. */
export function allocate(bytes: usize): usize {
  const at = top;
  const end = (<u64>at + <u64>bytes + 63) & ~63;
  const have = <u64>memory.size() << 16;
  if (end > have) {
    const pages = <u32>((end - have + 0xffff) >>> 16);
    // An eighth ahead, so that growing is rare: the host makes its views anew each time.
    const ahead = <u32>max<u32>(16, <u32>memory.size() >>> 3);
    if (memory.grow(max(pages, ahead)) < 0 && memory.grow(pages) < 0) unreachable();
  }
  top = <usize>end;
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
