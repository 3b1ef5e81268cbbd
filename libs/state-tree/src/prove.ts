/** Proofs of presence and absence, at the newest height or one of the undo window, and their compact form. */
import { hashKey } from "@velarium/slots";
import { combinedPath } from "./combined-root.ts";
import { StateError } from "./errors.ts";
import {
  ENTRY_BYTES,
  ENTRY_WORDS,
  HASH_BYTES,
  KEY_BYTES,
  TWIG_BITS_BYTES,
  TWIG_ENTRIES,
  TWIG_LAYERS,
} from "./format.ts";
import { hashesToWords } from "./hash-words.ts";
import { hashTwo } from "./layers.ts";
import type { PartUndo } from "./part-undo.ts";
import type { Partition } from "./partition.ts";
import { type PartitionTree, twigLayerOffset, twigNodes } from "./partition-tree.ts";
import type { StateStore } from "./store.ts";
import type { StateProof } from "./verify-proof.ts";

const hex = (b: Uint8Array): string => Buffer.from(b.buffer, b.byteOffset, b.length).toString("hex");

/**
 * Proves a key's value or absence at `height` (default the newest durable one within reach). `roots` are the roots of
 * all partitions at that height, needed where this store does not hold them all. Costs a few milliseconds: the
 * twig's 4095 nodes are rebuilt from the log.
 */
export function proveSlot(
  store: StateStore,
  key: Uint8Array,
  height = Math.max(store.durableHeight, store.oldestHeight),
  roots?: Uint8Array,
): StateProof {
  if (key.length !== KEY_BYTES) throw new RangeError(`a slot key has ${KEY_BYTES} bytes, got ${key.length}`);
  const all = roots ?? (store.owned.length === store.partitions ? store.partitionRoots(height) : null);
  if (all === null)
    throw new StateError(
      "not-owned",
      "this store does not hold all partitions; pass the roots of all of them",
    );
  const keyHash = hashKey(key);
  const { part, undos } = store.partitionAt(keyHash, height);
  const words = new Uint32Array(8);
  hashesToWords(keyHash, 1, words);
  const view = treeAt(part, undos);
  const number = coveringEntry(part, undos, words);
  const twig = Math.floor(number / TWIG_ENTRIES);
  const first = twig * TWIG_ENTRIES;
  const held = Math.min(TWIG_ENTRIES, view.count - first);
  const nodes = twigNodes(part.leavesOf(first, held), held);
  const twigPath: string[] = [];
  for (let l = 0, at = number - first; l < TWIG_LAYERS; l++, at >>>= 1) {
    const sibling = twigLayerOffset(l) + (at ^ 1) * HASH_BYTES;
    twigPath.push(hex(nodes.subarray(sibling, sibling + HASH_BYTES)));
  }
  const entry = new Uint32Array(ENTRY_WORDS);
  part.readEntry(number, entry, 0);
  const bits = view
    .liveBits()
    .subarray((twig - view.baseTwig) * TWIG_BITS_BYTES, (twig - view.baseTwig + 1) * TWIG_BITS_BYTES);
  const chunk = (number - first) >>> 8;
  return {
    version: 1,
    partitions: store.partitions,
    partition: part.id,
    key: hex(key),
    entry: hex(new Uint8Array(entry.buffer, 0, ENTRY_BYTES)),
    entryNumber: number,
    entryCount: view.count,
    twigPath,
    bits: hex(bits.subarray(chunk * HASH_BYTES, (chunk + 1) * HASH_BYTES)),
    bitsPath: pathIn(bits, chunk),
    upperPath: view.upperPath(twig).map(hex),
    partitionPath: combinedPath(all, store.partitions, part.id).map(hex),
  };
}

/** Siblings of chunk `at` in a small tree of 32-byte chunks. */
function pathIn(chunks: Uint8Array, at: number): string[] {
  const path: string[] = [];
  let layer: Uint8Array[] = [];
  for (let i = 0; i < chunks.length; i += HASH_BYTES) layer.push(chunks.subarray(i, i + HASH_BYTES));
  for (let i = at; layer.length > 1; i >>>= 1) {
    path.push(hex(layer[i ^ 1]!));
    const next: Uint8Array[] = [];
    for (let j = 0; j < layer.length; j += 2) next.push(hashTwo(layer[j]!, layer[j + 1]!));
    layer = next;
  }
  return path;
}

/** The partition's tree before `undos`: the live one, or a copy with these blocks taken back. */
function treeAt(part: Partition, undos: readonly PartUndo[]): PartitionTree {
  if (undos.length === 0) return part.tree;
  const tree = part.tree.clone();
  for (let b = undos.length - 1; b >= 0; b--) {
    const undo = undos[b]!;
    for (const old of undo.replaced) if (old >= 0) tree.activate(old);
    for (const old of undo.deletedEntries) tree.activate(old);
    tree.truncate(undo.first, (first, n) => part.leavesOf(first, n));
  }
  tree.updateRoot(new Uint8Array(HASH_BYTES), 0);
  return tree;
}

/** The active entry at or below a key hash, before `undos`. */
function coveringEntry(part: Partition, undos: readonly PartUndo[], hash: Uint32Array): number {
  const at = hash.slice();
  for (;;) {
    const own = part.numberAt(at, 0, undos);
    if (own >= 0) return own;
    // The nearest candidate below: a key of today, or one deleted since.
    const below = part.hashBelow(at, undos);
    at.set(below);
  }
}

const SHAPE_BYTES = 4 + 8 + 8;

/** Compact form: `version u8 | log2 partitions u8 | partition u8 | upper layers u8 | number f64 | count f64 | key | entry | bits | paths`. */
export function encodeProof(proof: StateProof): Uint8Array {
  const parts = [
    proof.key,
    proof.entry,
    proof.bits,
    ...proof.twigPath,
    ...proof.bitsPath,
    ...proof.upperPath,
    ...proof.partitionPath,
  ];
  const head = Buffer.alloc(SHAPE_BYTES);
  head[0] = proof.version;
  head[1] = Math.log2(proof.partitions);
  head[2] = proof.partition;
  head[3] = proof.upperPath.length;
  head.writeDoubleLE(proof.entryNumber, 4);
  head.writeDoubleLE(proof.entryCount, 12);
  return Buffer.concat([head, Buffer.from(parts.join(""), "hex")]);
}

/** Inverse of encodeProof; throws RangeError on bytes that are no proof. */
export function decodeProof(bytes: Uint8Array): StateProof {
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (b.length < SHAPE_BYTES || b[0] !== 1 || b[1]! > 8)
    throw new RangeError("not a state proof of version 1");
  const layers = b[1]!;
  const upper = b[3]!;
  const hashes = 11 + 3 + upper + layers;
  if (b.length !== SHAPE_BYTES + KEY_BYTES + ENTRY_BYTES + HASH_BYTES * (1 + hashes))
    throw new RangeError(`a state proof of this shape does not have ${b.length} bytes`);
  let at = SHAPE_BYTES;
  const take = (n: number): string => b.subarray(at, (at += n)).toString("hex");
  const path = (n: number): string[] => Array.from({ length: n }, () => take(HASH_BYTES));
  const key = take(KEY_BYTES);
  const entry = take(ENTRY_BYTES);
  const bits = take(HASH_BYTES);
  return {
    version: 1,
    partitions: 2 ** layers,
    partition: b[2]!,
    key,
    entry,
    entryNumber: b.readDoubleLE(4),
    entryCount: b.readDoubleLE(12),
    twigPath: path(11),
    bits,
    bitsPath: path(3),
    upperPath: path(upper),
    partitionPath: path(layers),
  };
}
