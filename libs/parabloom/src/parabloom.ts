/**
 * ParaBloom: Bloom filters of up to 64 frames, laid out bit-sliced, so that one look at a row answers for all frames.
 *
 * Row p (filter bit p) is 8 u32 = 32 bytes, never across a cache line:
 *   [R frames 0-31, R 32-63, W 0-31, W 32-63, D 0-31, D 32-63, -, -]
 * Bit f of a word says that frame f has set filter bit p. A slot is (perhaps) in frame f's filter when f's bit is set
 * in all K rows of the slot; the AND of the rows therefore gives the mask of frames for all 64 at once.
 *
 * Conflicts: R with W and D; W with R, W and D; D with R and W, not with D.
 */
import { AccessKind } from "@velarium/slots";
import {
  checkGeometry,
  type FramePacker,
  type Geometry,
  ParaBloomError,
  RECOMMENDED_GEOMETRY,
} from "./geometry.ts";

const ROW_SHIFT = 3;
const READ = 0;
const WRITE = 2;
const DELTA = 4;

const unknownKind = (access: number, kind: number): ParaBloomError =>
  new ParaBloomError("kind", `access ${access} has kind ${kind}; frames take R, W, D and P`);

export class ParaBloom implements FramePacker {
  readonly geometry: Geometry;
  size = 0;
  private readonly rows: Int32Array;
  private readonly rowMask: number;
  /** Frames that do not exist or are full. */
  private closed0: number;
  private closed1: number;
  private readonly sizes: Int32Array;
  /** Per frame, indices into `rows` of the words in which it has set its bit: each once, so at most 3 * filterBits. */
  private readonly lists: Int32Array[];
  private readonly listLengths: Int32Array;
  /** Of the transaction at hand: indices into `rows` of what it would set in a frame of the lower half. */
  private words = new Int32Array(64);

  constructor(geometry: Partial<Geometry> = {}) {
    this.geometry = { ...RECOMMENDED_GEOMETRY, ...geometry };
    checkGeometry(this.geometry);
    const { frames, filterBits } = this.geometry;
    this.rows = new Int32Array(filterBits << ROW_SHIFT);
    this.rowMask = filterBits - 1;
    this.closed0 = frames >= 32 ? 0 : -1 << frames;
    this.closed1 = frames >= 64 ? 0 : frames <= 32 ? -1 : -1 << (frames - 32);
    this.sizes = new Int32Array(frames);
    this.lists = Array.from({ length: frames }, () => new Int32Array(256));
    this.listLengths = new Int32Array(frames);
  }

  /**
   * The lower half of the frames is decided first, since it mostly has room; the upper half costs as much again.
   *
   * Filter bits of a slot id are lo, lo + hi, lo + 2 hi, ... modulo the filter (Kirsch and Mitzenmacher, "Less
   * hashing, same performance", 2006): ids are keyed hashes already, so their halves are independent.
   */
  tryPlace(hi: Uint32Array, lo: Uint32Array, kinds: Uint8Array, from: number, to: number): number {
    const { hashes } = this.geometry;
    if (this.words.length < (to - from) * hashes) this.words = new Int32Array(2 * (to - from) * hashes);
    const conflict =
      hashes === 2 ? this.lookAtPairs(hi, lo, kinds, from, to) : this.lookAt(hi, lo, kinds, from, to, hashes);
    let frame: number;
    if (conflict !== -1) {
      const free = ~conflict;
      frame = 31 - Math.clz32(free & -free);
    } else {
      frame = this.freeInUpperHalf(hi, lo, kinds, from, to);
      if (frame < 0) return -1;
    }
    this.insert(frame, (to - from) * hashes);
    return frame;
  }

  /**
   * Which of frames 0 to 31 conflict, with two hashes; into `words` what an insertion would set there. Of the three
   * filters only those are looked at that matter to the kind.
   */
  private lookAtPairs(hi: Uint32Array, lo: Uint32Array, kinds: Uint8Array, from: number, to: number): number {
    const { rows, rowMask, words } = this;
    let conflict = this.closed0;
    let n = 0;
    for (let s = from; s < to; s++) {
      const kind = kinds[s]!;
      const position = lo[s]! | 0;
      const a = (position & rowMask) << ROW_SHIFT;
      const b = ((position + (hi[s]! | 0)) & rowMask) << ROW_SHIFT;
      let filter = READ;
      const write = rows[a + WRITE]! & rows[b + WRITE]!;
      if (kind === AccessKind.W) {
        conflict |= (rows[a]! & rows[b]!) | write | (rows[a + DELTA]! & rows[b + DELTA]!);
        filter = WRITE;
      } else if (kind === AccessKind.D) {
        conflict |= (rows[a]! & rows[b]!) | write;
        filter = DELTA;
      } else if (kind === AccessKind.R || kind === AccessKind.P)
        conflict |= write | (rows[a + DELTA]! & rows[b + DELTA]!);
      else throw unknownKind(s, kind);
      words[n] = a + filter;
      words[n + 1] = b + filter;
      n += 2;
    }
    return conflict;
  }

  /** `lookAtPairs` with any number of hashes. */
  private lookAt(
    hi: Uint32Array,
    lo: Uint32Array,
    kinds: Uint8Array,
    from: number,
    to: number,
    hashes: number,
  ): number {
    const { rows, rowMask, words } = this;
    let conflict = this.closed0;
    let n = 0;
    for (let s = from; s < to; s++) {
      const kind = kinds[s]!;
      const filter = kind === AccessKind.W ? WRITE : kind === AccessKind.D ? DELTA : READ;
      let position = lo[s]! | 0;
      let read = -1;
      let write = -1;
      let delta = -1;
      for (let i = 0; i < hashes; i++) {
        const row = (position & rowMask) << ROW_SHIFT;
        read &= rows[row]!;
        write &= rows[row + WRITE]!;
        delta &= rows[row + DELTA]!;
        words[n++] = row + filter;
        position = (position + (hi[s]! | 0)) | 0;
      }
      if (kind === AccessKind.W) conflict |= read | write | delta;
      else if (kind === AccessKind.D) conflict |= read | write;
      else if (kind === AccessKind.R || kind === AccessKind.P) conflict |= write | delta;
      else throw unknownKind(s, kind);
    }
    return conflict;
  }

  /** Lowest of frames 32 to 63 without conflict, -1 when there is none. Mostly one of the lower half has room. */
  private freeInUpperHalf(
    hi: Uint32Array,
    lo: Uint32Array,
    kinds: Uint8Array,
    from: number,
    to: number,
  ): number {
    const { rows, rowMask } = this;
    const { hashes } = this.geometry;
    let conflict = this.closed1;
    for (let s = from; s < to && conflict !== -1; s++) {
      const kind = kinds[s]!;
      let position = lo[s]! | 0;
      let read = -1;
      let write = -1;
      let delta = -1;
      for (let i = 0; i < hashes; i++) {
        const row = ((position & rowMask) << ROW_SHIFT) + 1;
        read &= rows[row + READ]!;
        write &= rows[row + WRITE]!;
        delta &= rows[row + DELTA]!;
        position = (position + hi[s]!) | 0;
      }
      if (kind === AccessKind.W) conflict |= read | write | delta;
      else if (kind === AccessKind.D) conflict |= read | write;
      else conflict |= write | delta;
    }
    const free = ~conflict;
    return free === 0 ? -1 : 63 - Math.clz32(free & -free);
  }

  /** Sets the frame's bit in the first `count` of `words`, and notes those in which it was not set. */
  private insert(frame: number, count: number): void {
    const { rows, words } = this;
    const bit = 1 << (frame & 31);
    const half = frame >>> 5;
    let list = this.lists[frame]!;
    let length = this.listLengths[frame]!;
    if (length + count > list.length) {
      const grown = new Int32Array(Math.max(length + count, list.length * 2));
      grown.set(list);
      this.lists[frame] = list = grown;
    }
    for (let k = 0; k < count; k++) {
      const word = words[k]! + half;
      const old = rows[word]!;
      rows[word] = old | bit;
      // Without a branch, which would be wrong once in eight times: what is not to be noted is written over.
      list[length] = word;
      length += ((old >>> frame) & 1) ^ 1;
    }
    this.listLengths[frame] = length;
    this.size++;
    if (++this.sizes[frame]! >= this.geometry.maxTransactions) {
      if (half === 0) this.closed0 |= bit;
      else this.closed1 |= bit;
    }
  }

  /** Clears only what the frame has set, from its own list: cost follows the frame, not the filters. */
  eject(frame: number): number {
    const size = this.sizes[frame];
    if (size === undefined) throw new ParaBloomError("frame", `frame ${frame} of ${this.geometry.frames}`);
    const rows = this.rows;
    const list = this.lists[frame]!;
    const length = this.listLengths[frame]!;
    const keep = ~(1 << (frame & 31));
    for (let i = 0; i < length; i++) {
      const word = list[i]!;
      rows[word] = rows[word]! & keep;
    }
    this.listLengths[frame] = 0;
    this.sizes[frame] = 0;
    this.size -= size;
    if (frame < 32) this.closed0 &= keep;
    else this.closed1 &= keep;
    return size;
  }

  sizeOf(frame: number): number {
    return this.sizes[frame] ?? 0;
  }

  largest(): number {
    const sizes = this.sizes;
    let best = 0;
    for (let f = 1; f < sizes.length; f++) if (sizes[f]! > sizes[best]!) best = f;
    return best;
  }
}
