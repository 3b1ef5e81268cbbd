/**
 * Kernel of the state tree: the ordered indexes of a store's partitions, and the making of a block's entries. It is compiled
 * code over memory of its own without bounds to check, copies 16 bytes at a time, and waits for cache misses together.
 */
import { INTERFACE } from "./interface";

export { emitEntries, setChanges, swapHashes, updateIndex } from "./changes";
export { findAll, indexOfByte } from "./look-ups";
export { allocate, indexBytes, reserve } from "./memory";
export {
  createIndex,
  hash,
  insert,
  nextHash,
  number,
  remove,
  seek,
  setNumber,
  stepBack,
  stepForward,
} from "./ordered-index";

/** What the kernel was built for. */
export function interfaceNumber(): i32 {
  return INTERFACE;
}
