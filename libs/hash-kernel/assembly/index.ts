export { blake2bCompress } from "./blake2b";
export { keccak, keccakWords, keccakWordsTwice } from "./keccak";
export { orderedTrieRoot, orderedTrieScratchBytes, receiptsRoot } from "./ordered-trie";
export { keyTableBytes } from "./receipts";
import { INTERFACE } from "./interface";
import { keccak } from "./keccak";

/** What the kernel was built for. */
export function interfaceNumber(): i32 {
  return INTERFACE;
}

/** First byte that the caller may use. */
export function heapBase(): usize {
  return (__heap_base + 63) & ~(<usize>63);
}

/** Hashes item i, which ends at ends[i] and starts where the one before ends, to out + 32 i. */
export function keccakBatch(n: u32, ends: usize, blob: usize, out: usize): void {
  let from: usize = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const to = <usize>load<u32>(ends + (i << 2));
    keccak(blob + from, to - from, out + (i << 5));
    from = to;
  }
}
