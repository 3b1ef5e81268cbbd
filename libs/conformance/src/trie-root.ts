/**
 * Root of a Merkle Patricia trie over 32-byte keys in one pass: the items are sorted, the trie is walked depth first
 * over ranges of them, and every node is hashed once, when it is whole (Yellow Paper, appendix D). Keys of one length
 * are prefix-free, so no branch holds a value.
 */
import { keccak256, keccak256Into } from "@velarium/hash-kernel";

export interface TrieItem {
  /** 32 bytes: for a secure trie the keccak256 of the name. */
  readonly key: Uint8Array;
  /** RLP of the value, not empty. */
  readonly value: Uint8Array;
}

const KEY_NIBBLES = 64;
const HASH_REFERENCE = 33;
const EMPTY_STRING = 0x80;
/** A full branch: 16 hashed children, an empty value, the list header. */
const BRANCH_BYTES = 16 * HASH_REFERENCE + 1 + 9;
export const EMPTY_ROOT = keccak256(Uint8Array.of(EMPTY_STRING));

const nibbleAt = (key: Uint8Array, depth: number): number =>
  depth & 1 ? key[depth >> 1]! & 15 : key[depth >> 1]! >> 4;

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** RLP header of a string (base 0x80) or list (base 0xc0) of `size` bytes at `at` of `out`; returns its end. */
export function putRlpHeader(out: Uint8Array, at: number, base: number, size: number): number {
  if (size < 56) {
    out[at] = base + size;
    return at + 1;
  }
  const width = size < 256 ? 1 : size < 65_536 ? 2 : size < 16_777_216 ? 3 : 4;
  out[at] = base + 55 + width;
  for (let i = 0; i < width; i++) out[at + 1 + i] = size >>> ((width - 1 - i) * 8);
  return at + 1 + width;
}

/** RLP of a string. */
export function rlpString(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 1 && bytes[0]! < 0x80) return bytes;
  const out = new Uint8Array(bytes.length + 5);
  const at = putRlpHeader(out, 0, 0x80, bytes.length);
  out.set(bytes, at);
  return out.subarray(0, at + bytes.length);
}

/** RLP of a list whose items are encoded already. */
export function rlpList(items: readonly Uint8Array[]): Uint8Array {
  const size = items.reduce((sum, item) => sum + item.length, 0);
  const out = new Uint8Array(size + 5);
  let at = putRlpHeader(out, 0, 0xc0, size);
  for (const item of items) {
    out.set(item, at);
    at += item.length;
  }
  return out.subarray(0, at);
}

/** Hex-prefix encoding of nibbles `from` to `to` of `key`, as an RLP item. */
function pathOf(key: Uint8Array, from: number, to: number, leaf: boolean): Uint8Array {
  const odd = (to - from) & 1;
  const path = new Uint8Array(((to - from) >> 1) + 1);
  path[0] = (leaf ? 0x20 : 0) | (odd ? 0x10 | nibbleAt(key, from) : 0);
  for (let i = from + odd, at = 1; i < to; i += 2)
    path[at++] = (nibbleAt(key, i) << 4) | nibbleAt(key, i + 1);
  return rlpString(path);
}

/** How a parent names a node: itself below 32 bytes, else its hash. */
function referenceOf(node: Uint8Array): Uint8Array {
  if (node.length < 32) return node;
  const out = new Uint8Array(HASH_REFERENCE);
  out[0] = 0xa0;
  keccak256Into(node, 0, node.length, out, 1);
  return out;
}

/** The node over items `low` to `high` - 1, which share their first `depth` nibbles. */
function nodeOf(items: readonly TrieItem[], low: number, high: number, depth: number): Uint8Array {
  const { key, value } = items[low]!;
  if (high - low === 1) return rlpList([pathOf(key, depth, KEY_NIBBLES, true), rlpString(value)]);
  const last = items[high - 1]!.key;
  let shared = depth;
  while (nibbleAt(key, shared) === nibbleAt(last, shared)) shared++;
  const children = new Uint8Array(BRANCH_BYTES);
  let at = 0;
  for (let nibble = 0, next = low; nibble < 16; nibble++) {
    const first = next;
    while (next < high && nibbleAt(items[next]!.key, shared) === nibble) next++;
    if (next === first) children[at++] = EMPTY_STRING;
    else {
      const reference = referenceOf(nodeOf(items, first, next, shared + 1));
      children.set(reference, at);
      at += reference.length;
    }
  }
  children[at++] = EMPTY_STRING;
  const branch = rlpList([children.subarray(0, at)]);
  return shared === depth ? branch : rlpList([pathOf(key, depth, shared, false), referenceOf(branch)]);
}

/** Sorts `items` in place; keys must differ. */
export function trieRoot(items: TrieItem[]): Uint8Array {
  if (items.length === 0) return EMPTY_ROOT;
  items.sort((a, b) => compareBytes(a.key, b.key));
  return keccak256(nodeOf(items, 0, items.length, 0));
}
