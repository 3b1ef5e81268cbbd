/**
 * The authenticated tree of one partition (after QMDB, arXiv 2501.05262 §3): entries in order of append, in twigs of
 * 2048; twig root = H(root of entry hashes, root of active bits); a growing binary tree over twig roots; partition
 * root = H(upper root, entry count).
 *
 * Only the open twig keeps its inner nodes. A sealed twig keeps its leaf root and its bits, and from `baseTwig` down,
 * where nothing is active any more, just its twig root (64 bytes with the inner nodes above it).
 */
import { HASH_BYTES, TWIG_BITS_BYTES, TWIG_BITS_CHUNKS, TWIG_ENTRIES, TWIG_LAYERS } from "./format.ts";
import { EMPTY_UPPER, hashPairs, hashTwo, upperLayers, ZERO_ROOTS } from "./layers.ts";

/** Byte offset of a layer of the open twig; layer 0 are the 2048 entry hashes. */
export const twigLayerOffset = (layer: number): number =>
  (2 * TWIG_ENTRIES - ((2 * TWIG_ENTRIES) >>> layer)) * HASH_BYTES;

const EMPTY_TWIG = new Uint8Array(2 * TWIG_ENTRIES * HASH_BYTES);
for (let l = 0; l <= TWIG_LAYERS; l++)
  for (let i = 0; i < TWIG_ENTRIES >>> l; i++)
    EMPTY_TWIG.set(ZERO_ROOTS[l]!, twigLayerOffset(l) + i * HASH_BYTES);

let pairs = new Uint8Array(0);
let quads = new Uint8Array(0);

/** Hashes `count` entries (128 bytes each) to 32 bytes each. */
export function hashEntries(entries: Uint8Array, count: number, out: Uint8Array): void {
  if (pairs.length < count * 64) pairs = new Uint8Array(count * 64);
  hashPairs(entries, 0, count * 2, pairs, 0);
  hashPairs(pairs, 0, count, out, 0);
}

/** All nodes of a twig from the hashes of its first `count` entries, laid out by twigLayerOffset. */
export function twigNodes(leaves: Uint8Array, count: number): Uint8Array {
  const nodes = EMPTY_TWIG.slice();
  nodes.set(leaves.subarray(0, count * HASH_BYTES));
  if (count > 0) hashTwigRange(nodes, 0, count);
  return nodes;
}

function hashTwigRange(nodes: Uint8Array, from: number, to: number): void {
  let first = from;
  let last = to - 1;
  for (let l = 0; l < TWIG_LAYERS; l++) {
    first >>>= 1;
    last >>>= 1;
    hashPairs(
      nodes,
      twigLayerOffset(l) + first * 64,
      last - first + 1,
      nodes,
      twigLayerOffset(l + 1) + first * HASH_BYTES,
    );
  }
}

export class PartitionTree {
  /** Entries ever appended; the number of the next one. */
  count = 0;
  /** Twigs before this one are kept as twig roots only. */
  baseTwig = 0;
  private bits = new Uint8Array(TWIG_BITS_BYTES);
  private leafRoots = new Uint8Array(HASH_BYTES);
  private dirty = new Uint8Array(1);
  private anyDirty = false;
  private readonly open = EMPTY_TWIG.slice();
  /** Twig roots and the layers above them. */
  private upper: Uint8Array<ArrayBuffer>[] = [new Uint8Array(HASH_BYTES * 2)];

  get twigs(): number {
    return Math.ceil(this.count / TWIG_ENTRIES);
  }

  isActive(number: number): boolean {
    const at = number - this.baseTwig * TWIG_ENTRIES;
    if (at < 0) return false;
    return (this.bits[Math.floor(at / 8)]! & (1 << (at & 7))) !== 0;
  }

  /** Sets an active bit again (rollback, images). */
  activate(number: number): void {
    const at = number - this.baseTwig * TWIG_ENTRIES;
    this.anyDirty = true;
    this.bits[Math.floor(at / 8)]! |= 1 << (at & 7);
    this.dirty[Math.floor(at / TWIG_ENTRIES)] = 1;
  }

  /** Clears an active bit; the root follows with the next `updateRoot`. */
  deactivate(number: number): void {
    const at = number - this.baseTwig * TWIG_ENTRIES;
    if (at < 0) return;
    this.bits[Math.floor(at / 8)]! &= ~(1 << (at & 7));
    this.dirty[Math.floor(at / TWIG_ENTRIES)] = 1;
    this.anyDirty = true;
  }

  /** Number of the first active entry from `from` on, or `count`. */
  nextActive(from: number): number {
    const { bits } = this;
    const base = this.baseTwig * TWIG_ENTRIES;
    let at = Math.max(from - base, 0);
    const end = this.count - base;
    while (at < end) {
      const byte = bits[Math.floor(at / 8)]! >>> (at & 7);
      if (byte !== 0) {
        at += 31 - Math.clz32(byte & -byte);
        return at < end ? at + base : this.count;
      }
      at += 8 - (at & 7);
    }
    return this.count;
  }

  /** Appends `count` entry hashes from `leaves`, all active. */
  append(leaves: Uint8Array, count: number): void {
    this.appendHashes(leaves, count, true);
  }

  private appendHashes(leaves: Uint8Array, count: number, active: boolean): void {
    for (let done = 0; done < count; ) {
      const twig = Math.floor(this.count / TWIG_ENTRIES);
      const at = this.count - twig * TWIG_ENTRIES;
      const here = Math.min(count - done, TWIG_ENTRIES - at);
      this.reserve(twig + 1);
      if (at === 0) this.open.set(EMPTY_TWIG);
      this.open.set(leaves.subarray(done * HASH_BYTES, (done + here) * HASH_BYTES), at * HASH_BYTES);
      hashTwigRange(this.open, at, at + here);
      const top = twigLayerOffset(TWIG_LAYERS);
      this.leafRoots.set(this.open.subarray(top, top + HASH_BYTES), (twig - this.baseTwig) * HASH_BYTES);
      if (active) this.setBits((twig - this.baseTwig) * TWIG_ENTRIES + at, here);
      this.dirty[twig - this.baseTwig] = 1;
      this.anyDirty = true;
      this.count += here;
      done += here;
    }
  }

  private setBits(from: number, count: number): void {
    let at = from;
    const end = from + count;
    while (at < end && (at & 7) !== 0) this.bits[Math.floor(at / 8)]! |= 1 << (at++ & 7);
    const whole = Math.floor((end - at) / 8);
    if (whole > 0) this.bits.fill(0xff, at / 8, at / 8 + whole);
    for (at += Math.max(whole, 0) * 8; at < end; at++) this.bits[Math.floor(at / 8)]! |= 1 << (at & 7);
  }

  /** Brings twig roots and the upper tree up to date and writes the partition root (32 bytes) to `out`. */
  updateRoot(out: Uint8Array, offset: number): void {
    if (this.anyDirty) {
      this.hashDirtyTwigs();
      this.anyDirty = false;
    }
    out.set(partitionRoot(this.topOf(), this.count), offset);
  }

  private topOf(): Uint8Array {
    const layers = upperLayers(this.twigs);
    return layers < this.upper.length && this.twigs > 0
      ? this.upper[layers]!.subarray(0, HASH_BYTES)
      : EMPTY_UPPER[0]!;
  }

  /** Hashes bits and roots of the dirty twigs in whole layers, then the paths above them. */
  private hashDirtyTwigs(): void {
    const live = this.twigs - this.baseTwig;
    let n = 0;
    for (let t = 0; t < live; t++) if (this.dirty[t] === 1) n++;
    const bytes = n * TWIG_BITS_BYTES;
    if (pairs.length < bytes) pairs = new Uint8Array(bytes);
    if (quads.length < bytes) quads = new Uint8Array(bytes);
    let at = 0;
    for (let t = 0; t < live; t++)
      if (this.dirty[t] === 1) {
        pairs.set(this.bits.subarray(t * TWIG_BITS_BYTES, (t + 1) * TWIG_BITS_BYTES), at);
        at += TWIG_BITS_BYTES;
      }
    let from = pairs;
    let to = quads;
    for (let nodes = (n * TWIG_BITS_CHUNKS) / 2; nodes >= n && nodes > 0; nodes /= 2) {
      hashPairs(from, 0, nodes, to, 0);
      const swap = from;
      from = to;
      to = swap;
      if (nodes === n) break;
    }
    // `from` holds the bits roots; pair them with the leaf roots.
    let k = 0;
    for (let t = 0; t < live; t++)
      if (this.dirty[t] === 1) {
        to.set(this.leafRoots.subarray(t * HASH_BYTES, (t + 1) * HASH_BYTES), k * 64);
        to.set(from.subarray(k * HASH_BYTES, (k + 1) * HASH_BYTES), k * 64 + HASH_BYTES);
        k++;
      }
    hashPairs(to, 0, n, from, 0);
    const marks = new Uint8Array(live);
    k = 0;
    for (let t = 0; t < live; t++)
      if (this.dirty[t] === 1) {
        this.upper[0]!.set(
          from.subarray(k * HASH_BYTES, (k + 1) * HASH_BYTES),
          (this.baseTwig + t) * HASH_BYTES,
        );
        this.dirty[t] = 0;
        marks[t] = 1;
        k++;
      }
    this.hashUpper(marks);
  }

  /** `marks[t]` is 1 where twig baseTwig + t changed; hashes runs of touched parents layer by layer. */
  private hashUpper(marks: Uint8Array): void {
    let base = this.baseTwig;
    let nodes = this.twigs;
    let touched = marks;
    for (let l = 0; nodes > 1; l++) {
      const layer = this.upper[l]!;
      if (nodes & 1) layer.set(EMPTY_UPPER[l]!, nodes * HASH_BYTES);
      const parents = (nodes + 1) >>> 1;
      if (this.upper.length <= l + 1) this.upper.push(new Uint8Array(0));
      this.upper[l + 1] = grow(this.upper[l + 1]!, (parents + 1) * HASH_BYTES);
      const parentBase = base >>> 1;
      const parentMarks = new Uint8Array(parents - parentBase);
      for (let t = 0; t < touched.length; t++)
        if (touched[t] === 1) parentMarks[((base + t) >>> 1) - parentBase] = 1;
      for (let p = 0; p < parentMarks.length; ) {
        if (parentMarks[p] === 0) {
          p++;
          continue;
        }
        let end = p + 1;
        while (end < parentMarks.length && parentMarks[end] === 1) end++;
        hashPairs(layer, (parentBase + p) * 64, end - p, this.upper[l + 1]!, (parentBase + p) * HASH_BYTES);
        p = end;
      }
      base = parentBase;
      nodes = parents;
      touched = parentMarks;
    }
  }

  private reserve(twigs: number): void {
    const live = twigs - this.baseTwig;
    this.bits = grow(this.bits, live * TWIG_BITS_BYTES);
    this.leafRoots = grow(this.leafRoots, live * HASH_BYTES);
    this.dirty = grow(this.dirty, live);
    this.upper[0] = grow(this.upper[0]!, (twigs + 1) * HASH_BYTES);
  }

  /**
   * Cuts the tree back to `count` entries. `leavesOf(first, n)` gives the hashes of the reopened twig's entries.
   * Bits cleared since are the caller's to set again.
   */
  truncate(count: number, leavesOf: (first: number, n: number) => Uint8Array): void {
    if (count >= this.count) return;
    const base = this.baseTwig * TWIG_ENTRIES;
    const twig = Math.floor(count / TWIG_ENTRIES);
    const oldTwigs = this.twigs;
    for (let n = count; n < this.count && n % 8 !== 0; n++)
      this.bits[Math.floor((n - base) / 8)]! &= ~(1 << (n & 7));
    this.bits.fill(0, Math.ceil((count - base) / 8), Math.ceil((this.count - base) / 8));
    this.dirty.fill(0, twig - this.baseTwig, oldTwigs - this.baseTwig);
    const kept = count - twig * TWIG_ENTRIES;
    this.count = twig * TWIG_ENTRIES;
    this.anyDirty = true;
    if (kept > 0) this.appendHashes(leavesOf(this.count, kept), kept, false);
    // The path above the last twig changes shape even if that twig itself did not change.
    if (this.twigs > this.baseTwig) this.dirty[this.twigs - 1 - this.baseTwig] = 1;
  }

  /** Starts an empty tree with `twigs` sealed, fully inactive twigs known by their roots. */
  restore(twigs: number, roots: Uint8Array): void {
    this.baseTwig = twigs;
    this.count = twigs * TWIG_ENTRIES;
    this.bits = new Uint8Array(TWIG_BITS_BYTES);
    this.leafRoots = new Uint8Array(HASH_BYTES);
    this.dirty = new Uint8Array(1);
    this.upper = [grow(new Uint8Array(0), (twigs + 1) * HASH_BYTES)];
    this.upper[0]!.set(roots.subarray(0, twigs * HASH_BYTES));
    if (twigs > 0) {
      this.baseTwig = 0;
      this.hashUpper(new Uint8Array(twigs).fill(1));
      this.baseTwig = twigs;
    }
  }

  /** Forgets bits and leaf roots of twigs before `twig`, none of whose entries may become active again. */
  trim(twig: number): void {
    const by = twig - this.baseTwig;
    if (by <= 0 || this.anyDirty) return;
    const live = Math.max(this.twigs - twig, 1);
    this.bits = this.bits.slice(by * TWIG_BITS_BYTES, (by + live + 1) * TWIG_BITS_BYTES);
    this.leafRoots = this.leafRoots.slice(by * HASH_BYTES, (by + live + 1) * HASH_BYTES);
    this.dirty = new Uint8Array(live + 1);
    this.bits = grow(this.bits, (live + 1) * TWIG_BITS_BYTES);
    this.leafRoots = grow(this.leafRoots, (live + 1) * HASH_BYTES);
    this.baseTwig = twig;
  }

  /** Root of a twig as of the last updateRoot. */
  twigRoot(twig: number): Uint8Array {
    return this.upper[0]!.subarray(twig * HASH_BYTES, (twig + 1) * HASH_BYTES);
  }

  /** Root of the entry hashes of a twig not before baseTwig. */
  leafRoot(twig: number): Uint8Array {
    const at = (twig - this.baseTwig) * HASH_BYTES;
    return this.leafRoots.subarray(at, at + HASH_BYTES);
  }

  /** Active bits of the twigs from baseTwig on, a copy. */
  liveBits(): Uint8Array {
    return this.bits.slice(0, (this.twigs - this.baseTwig) * TWIG_BITS_BYTES);
  }

  /** Siblings from a twig to the upper root, as of the last updateRoot. */
  upperPath(twig: number): Uint8Array[] {
    const path: Uint8Array[] = [];
    const layers = upperLayers(this.twigs);
    let nodes = this.twigs;
    for (let l = 0, at = twig; l < layers; l++, at = Math.floor(at / 2), nodes = Math.ceil(nodes / 2)) {
      const sibling = at ^ 1;
      path.push(
        sibling < nodes
          ? this.upper[l]!.slice(sibling * HASH_BYTES, (sibling + 1) * HASH_BYTES)
          : EMPTY_UPPER[l]!,
      );
    }
    return path;
  }

  /** An independent copy. */
  clone(): PartitionTree {
    const copy = new PartitionTree();
    copy.count = this.count;
    copy.baseTwig = this.baseTwig;
    copy.bits = this.bits.slice();
    copy.leafRoots = this.leafRoots.slice();
    copy.dirty = this.dirty.slice();
    copy.anyDirty = this.anyDirty;
    copy.open.set(this.open);
    copy.upper = this.upper.map((layer) => layer.slice());
    return copy;
  }

  get bytes(): number {
    let bytes = this.bits.length + this.leafRoots.length + this.dirty.length + this.open.length;
    for (const layer of this.upper) bytes += layer.length;
    return bytes;
  }
}

/** H(upper root, entry count as 32 big-endian bytes): binds the shape of the tree. */
export function partitionRoot(top: Uint8Array, count: number): Uint8Array {
  const counted = new Uint8Array(HASH_BYTES);
  new DataView(counted.buffer).setBigUint64(HASH_BYTES - 8, BigInt(count));
  return hashTwo(top, counted);
}

function grow(array: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (array.length >= length) return array;
  const larger = new Uint8Array(Math.max(length, Math.ceil(array.length * 1.5)));
  larger.set(array);
  return larger;
}
