// Root of the Merkle-Patricia trie of a list: key i is RLP(i), value i is item i of a bytes column
// (Yellow Paper, section 4.3 and appendix D). No trie is kept: because the keys are known and their order is a
// formula, the trie is walked depth first over ranges of ranks, and every node is hashed once, when it is whole.
import { blocksOf, keccak, keccakPair } from "./keccak";
import { putReceipt, receiptBytes, receiptsAreWellFormed, setReceipts } from "./receipts";

// In key order come 1..127 (one byte), then 0 (0x80), then 128 and up (0x81.., 0x82.., ...).
// RLP keys are prefix-free, so no branch holds a value.
let count: u32 = 0;
let ends: usize = 0;
let blob: usize = 0;
let areReceipts: bool = false; // values are written by receipts.ts, not taken from the column
let leafRoom: usize = 0; // room for the largest leaf
let leafRoomBytes: usize = 0;
// A leaf that waits for a second one to be hashed with; its bytes are in a leaf room of its own.
let waitingNode: usize = 0; // 0: none
let waitingSize: u32 = 0;
let waitingOut: usize = 0;
let leafRooms: usize = 0; // two, one behind the other
let branchRoom: usize = 0; // BRANCH_BYTES per depth

const BRANCH_BYTES: usize = 640; // 3 of list header, then 16 references of 33 and the empty value, and slack
const HASH_REF: u32 = 33;

@inline
function indexOfRank(rank: u32): u32 {
  const small = min<u32>(count, 128) - 1; // ranks 0..small-1 are the indices 1..small
  return rank < small ? rank + 1 : rank == small ? 0 : rank;
}

/** Bytes of RLP(index). */
@inline
function keyBytes(index: u32): u32 {
  return index < 128 ? 1 : index < 256 ? 2 : index < 65536 ? 3 : index < 16777216 ? 4 : 5;
}

/** RLP(index), its first byte topmost of keyBytes(index) bytes. */
@inline
function keyOf(index: u32): u64 {
  if (index == 0) return 0x80;
  if (index < 128) return index;
  const size = keyBytes(index);
  return ((<u64>(0x7f + size)) << (<u64>((size - 1) << 3))) | <u64>index;
}

@inline
function nibbleAt(rank: u32, depth: u32): u32 {
  const index = indexOfRank(rank);
  const nibbles = keyBytes(index) << 1;
  return <u32>(keyOf(index) >> (<u64>((nibbles - 1 - depth) << 2))) & 15;
}

/** Writes the hex-prefix path of `size` nibbles, the low ones of `path`, as an RLP string; returns its bytes. */
function putPath(to: usize, path: u64, size: u32, leaf: u32): u32 {
  const bytes = (size >> 1) + 1;
  let at = to;
  if (bytes > 1) store<u8>(at++, 0x80 + bytes);
  const odd = size & 1;
  let flag: u32 = (leaf << 5) | (odd << 4);
  if (odd) flag |= <u32>(path >> (<u64>((size - 1) << 2))) & 15;
  store<u8>(at++, flag); // below 0x80, so alone it is its own RLP
  for (let left = size - odd; left > 0; left -= 2) store<u8>(at++, <u8>(path >> (<u64>((left - 2) << 2))));
  return <u32>(at - to);
}

/** Writes an RLP header (base 0x80 string, 0xc0 list) for `size` bytes; returns its bytes. */
function putHeader(to: usize, base: u32, size: u32): u32 {
  if (size < 56) {
    store<u8>(to, base + size);
    return 1;
  }
  const width: u32 = size < 256 ? 1 : size < 65536 ? 2 : size < 16777216 ? 3 : 4;
  store<u8>(to, base + 55 + width);
  for (let i: u32 = 0; i < width; i++) store<u8>(to + 1 + i, <u8>(size >> ((width - 1 - i) << 3)));
  return 1 + width;
}

@inline
function headerBytes(size: u32): u32 {
  return size < 56 ? 1 : size < 256 ? 2 : size < 65536 ? 3 : size < 16777216 ? 4 : 5;
}

/** Reference to the node at `node`: itself below 32 bytes, else 0xa0 and its hash. The root is always hashed. */
function putReference(node: usize, size: u32, to: usize): u32 {
  if (size < 32) {
    memory.copy(to, node, size);
    return size;
  }
  store<u8>(to, 0xa0);
  keccak(node, size, to + 1);
  return HASH_REF;
}

/** Hashes the leaf that waits, if there is one. */
function flushLeaf(): void {
  if (waitingNode == 0) return;
  keccak(waitingNode, waitingSize, waitingOut);
  waitingNode = 0;
}

/** As putReference, for a leaf: its hash may come later, with the next one's or by flushLeaf. */
function putLeafReference(node: usize, size: u32, to: usize): u32 {
  if (size < 32) return putReference(node, size, to);
  store<u8>(to, 0xa0);
  if (waitingNode != 0 && blocksOf(waitingSize) == blocksOf(size)) {
    keccakPair(waitingNode, waitingSize, waitingOut, node, size, to + 1);
    waitingNode = 0;
    return HASH_REF;
  }
  flushLeaf();
  waitingNode = node;
  waitingSize = size;
  waitingOut = to + 1;
  leafRoom = leafRoom == leafRooms ? leafRooms + leafRoomBytes : leafRooms;
  return HASH_REF;
}

/** Writes the leaf of one rank, its path from `depth` on; returns its start, its size in `nodeSize`. */
let nodeSize: u32 = 0;
function putLeaf(rank: u32, depth: u32): usize {
  const index = indexOfRank(rank);
  let at = leafRoom + 8; // the list header goes before
  at += putPath(at, keyOf(index), (keyBytes(index) << 1) - depth, 1);
  if (areReceipts) {
    const size = receiptBytes(index); // always more than 256
    at += putHeader(at, 0x80, size);
    putReceipt(at, index);
    return wrapList(leafRoom + 8, <u32>(at - leafRoom) - 8 + size);
  }
  const from: u32 = index == 0 ? 0 : load<u32>(ends + (<usize>(index - 1) << 2));
  const size = load<u32>(ends + (<usize>index << 2)) - from;
  const value = blob + from;
  if (size != 1 || load<u8>(value) >= 0x80) at += putHeader(at, 0x80, size);
  memory.copy(at, value, size);
  return wrapList(leafRoom + 8, <u32>(at - leafRoom) - 8 + size);
}

/** Puts a list header in front of a payload; returns where the list starts. */
function wrapList(payload: usize, size: u32): usize {
  const header = headerBytes(size);
  putHeader(payload - header, 0xc0, size);
  nodeSize = size + header;
  return payload - header;
}

/** Builds the node over ranks lo..hi-1, whose first `depth` nibbles are spent; same result as putLeaf. */
function putNode(lo: u32, hi: u32, depth: u32): usize {
  if (hi - lo == 1) return putLeaf(lo, depth);
  let shared = depth;
  while (nibbleAt(lo, shared) == nibbleAt(hi - 1, shared)) shared++;
  const room = branchRoom + <usize>shared * BRANCH_BYTES + 16;
  let at = room;
  let rank = lo;
  for (let nibble: u32 = 0; nibble < 16; nibble++) {
    const first = rank;
    while (rank < hi && nibbleAt(rank, shared) == nibble) rank++;
    if (rank == first) store<u8>(at++, 0x80);
    else {
      if (rank - first == 1) {
        const leaf = putLeaf(first, shared + 1);
        at += putLeafReference(leaf, nodeSize, at);
        continue;
      }
      flushLeaf();
      const node = putNode(first, rank, shared + 1);
      at += putReference(node, nodeSize, at);
    }
  }
  flushLeaf();
  store<u8>(at++, 0x80);
  const branch = wrapList(room, <u32>(at - room));
  if (shared == depth) return branch;
  // Extension over the shared nibbles, in the leaf room: nothing below is being built any more.
  const index = indexOfRank(lo);
  const path = keyOf(index) >> (<u64>(((keyBytes(index) << 1) - shared) << 2));
  const start = leafRoom + 8;
  let end = start + putPath(start, path & ((<u64>1 << (<u64>((shared - depth) << 2))) - 1), shared - depth, 0);
  end += putReference(branch, nodeSize, end);
  return wrapList(start, <u32>(end - start));
}

// Path and headers of a leaf, to a multiple of 8.
function leafBytes(largest: u32): u32 {
  return (largest + 64 + 7) & ~7;
}

/** Bytes of scratch needed when the largest value has `largest` bytes. */
export function orderedTrieScratchBytes(largest: u32): u32 {
  return 12 * <u32>BRANCH_BYTES + 2 * leafBytes(largest);
}

/** Root to the 32 bytes at `out`. */
export function orderedTrieRoot(
  n: u32,
  endsAt: usize,
  blobAt: usize,
  largest: u32,
  scratch: usize,
  out: usize,
): void {
  ends = endsAt;
  blob = blobAt;
  areReceipts = false;
  putRoot(n, largest, scratch, out);
}

/**
 * Root of the trie of n receipts to `out`, and the bloom of all (256 bytes) to `bloomAt`. `table`: keyTableBytes() bytes
 * that are zero at first and kept between calls. `types`, `statuses` u8, `cumulativeGas` f64 and the column of logs have an
 * item per receipt; a type from 0xc0 on is none. Returns 0 when some logs are not an RLP list of logs.
 */
export function receiptsRoot(
  n: u32,
  table: usize,
  types: usize,
  statuses: usize,
  cumulativeGas: usize,
  logEnds: usize,
  logs: usize,
  largest: u32,
  scratch: usize,
  out: usize,
  bloomAt: usize,
): i32 {
  setReceipts(table, types, statuses, cumulativeGas, logEnds, logs, bloomAt);
  areReceipts = true;
  putRoot(n, largest, scratch, out);
  return receiptsAreWellFormed() ? 1 : 0;
}

function putRoot(n: u32, largest: u32, scratch: usize, out: usize): void {
  if (n == 0) {
    store<u8>(scratch, 0x80);
    keccak(scratch, 1, out);
    return;
  }
  count = n;
  branchRoom = scratch;
  leafRooms = leafRoom = scratch + 12 * BRANCH_BYTES;
  leafRoomBytes = leafBytes(largest);
  waitingNode = 0;
  const node = putNode(0, n, 0);
  keccak(node, nodeSize, out);
}
