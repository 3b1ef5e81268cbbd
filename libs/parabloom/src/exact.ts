/**
 * The exact oracle: the same packing with a hash table in place of filters, so without false conflicts. It bounds what
 * any filter geometry can reach; benchmarks report ParaBloom against it.
 *
 * Open addressing over the full 64-bit id; entry i holds six words of frame masks in the order of ParaBloom's rows.
 * Entries whose masks are all zero stay until the table grows, which drops them.
 */
import { AccessKind } from "@velarium/slots";
import {
  checkGeometry,
  type FramePacker,
  type Geometry,
  ParaBloomError,
  RECOMMENDED_GEOMETRY,
} from "./geometry.ts";

const WORDS = 6;

export class ExactPacker implements FramePacker {
  readonly geometry: Geometry;
  size = 0;
  private capacity = 1 << 12;
  private used = 0;
  private keyHi = new Uint32Array(this.capacity);
  private keyLo = new Uint32Array(this.capacity);
  private taken = new Uint8Array(this.capacity);
  private masks = new Int32Array(this.capacity * WORDS);
  private readonly sizes: Int32Array;
  /** Per frame: id halves and word of everything it has set. */
  private readonly lists: number[][];

  constructor(geometry: Partial<Geometry> = {}) {
    this.geometry = { ...RECOMMENDED_GEOMETRY, ...geometry };
    checkGeometry(this.geometry);
    this.sizes = new Int32Array(this.geometry.frames);
    this.lists = Array.from({ length: this.geometry.frames }, () => []);
  }

  private find(hi: number, lo: number): number {
    const mask = this.capacity - 1;
    let i = (lo ^ Math.imul(hi, 0x9e3779b1)) & mask;
    while (this.taken[i] !== 0 && (this.keyHi[i] !== hi || this.keyLo[i] !== lo)) i = (i + 1) & mask;
    return i;
  }

  private findOrAdd(hi: number, lo: number): number {
    let i = this.find(hi, lo);
    if (this.taken[i] !== 0) return i;
    if (this.used * 2 >= this.capacity) {
      this.rebuild();
      i = this.find(hi, lo);
    }
    this.taken[i] = 1;
    this.keyHi[i] = hi;
    this.keyLo[i] = lo;
    this.used++;
    return i;
  }

  private rebuild(): void {
    const { keyHi, keyLo, taken, masks, capacity } = this;
    const isLive = (i: number): boolean => {
      for (let w = 0; w < WORDS; w++) if (masks[i * WORDS + w] !== 0) return true;
      return false;
    };
    let live = 0;
    for (let i = 0; i < capacity; i++) if (taken[i] !== 0 && isLive(i)) live++;
    while (this.capacity < live * 4) this.capacity *= 2;
    this.keyHi = new Uint32Array(this.capacity);
    this.keyLo = new Uint32Array(this.capacity);
    this.taken = new Uint8Array(this.capacity);
    this.masks = new Int32Array(this.capacity * WORDS);
    this.used = 0;
    for (let i = 0; i < capacity; i++) {
      if (taken[i] === 0 || !isLive(i)) continue;
      const to = this.find(keyHi[i]!, keyLo[i]!);
      this.taken[to] = 1;
      this.keyHi[to] = keyHi[i]!;
      this.keyLo[to] = keyLo[i]!;
      for (let w = 0; w < WORDS; w++) this.masks[to * WORDS + w] = masks[i * WORDS + w]!;
      this.used++;
    }
  }

  tryPlace(hi: Uint32Array, lo: Uint32Array, kinds: Uint8Array, from: number, to: number): number {
    let conflict0 = 0;
    let conflict1 = 0;
    for (let s = from; s < to; s++) {
      const kind = kinds[s]!;
      if (kind < AccessKind.R || kind > AccessKind.P)
        throw new ParaBloomError("kind", `access ${s} has kind ${kind}; frames take R, W, D and P`);
      const entry = this.find(hi[s]!, lo[s]!);
      if (this.taken[entry] === 0) continue;
      const at = entry * WORDS;
      const masks = this.masks;
      conflict0 |= masks[at + 2]!;
      conflict1 |= masks[at + 3]!;
      if (kind === AccessKind.W || kind === AccessKind.D) {
        conflict0 |= masks[at]!;
        conflict1 |= masks[at + 1]!;
      }
      if (kind !== AccessKind.D) {
        conflict0 |= masks[at + 4]!;
        conflict1 |= masks[at + 5]!;
      }
    }
    const { frames, maxTransactions } = this.geometry;
    for (let frame = 0; frame < frames; frame++) {
      const mask = frame < 32 ? conflict0 : conflict1;
      if ((mask & (1 << (frame & 31))) !== 0 || this.sizes[frame]! >= maxTransactions) continue;
      const list = this.lists[frame]!;
      for (let s = from; s < to; s++) {
        const kind = kinds[s]!;
        const word = (kind === AccessKind.W ? 2 : kind === AccessKind.D ? 4 : 0) + (frame >>> 5);
        this.masks[this.findOrAdd(hi[s]!, lo[s]!) * WORDS + word]! |= 1 << (frame & 31);
        list.push(hi[s]!, lo[s]!, word);
      }
      this.sizes[frame]!++;
      this.size++;
      return frame;
    }
    return -1;
  }

  eject(frame: number): number {
    const size = this.sizes[frame];
    if (size === undefined) throw new ParaBloomError("frame", `frame ${frame} of ${this.geometry.frames}`);
    const list = this.lists[frame]!;
    for (let i = 0; i < list.length; i += 3) {
      this.masks[this.find(list[i]!, list[i + 1]!) * WORDS + list[i + 2]!]! &= ~(1 << (frame & 31));
    }
    this.lists[frame] = [];
    this.sizes[frame] = 0;
    this.size -= size;
    return size;
  }

  sizeOf(frame: number): number {
    return this.sizes[frame] ?? 0;
  }

  largest(): number {
    let best = 0;
    for (let f = 1; f < this.sizes.length; f++) if (this.sizes[f]! > this.sizes[best]!) best = f;
    return best;
  }
}
