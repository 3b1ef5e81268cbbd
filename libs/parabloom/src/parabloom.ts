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
    const rows = this.rows;
    const rowMask = this.rowMask;
    const hashes = this.geometry.hashes;
    let conflict = this.closed0;
    for (let s = from; s < to; s++) {
      const kind = kinds[s]!;
      const step = hi[s]! | 0;
      let position = lo[s]! | 0;
      let row = (position & rowMask) << ROW_SHIFT;
      // Of the three filters only those are looked at that matter to the kind.
      if (kind === AccessKind.R || kind === AccessKind.P) {
        let write = rows[row + WRITE]!;
        let delta = rows[row + DELTA]!;
        for (let i = 1; i < hashes; i++) {
          position = (position + step) | 0;
          row = (position & rowMask) << ROW_SHIFT;
          write &= rows[row + WRITE]!;
          delta &= rows[row + DELTA]!;
        }
        conflict |= write | delta;
      } else if (kind === AccessKind.W || kind === AccessKind.D) {
        let read = rows[row + READ]!;
        let write = rows[row + WRITE]!;
        let delta = rows[row + DELTA]!;
        for (let i = 1; i < hashes; i++) {
          position = (position + step) | 0;
          row = (position & rowMask) << ROW_SHIFT;
          read &= rows[row + READ]!;
          write &= rows[row + WRITE]!;
          delta &= rows[row + DELTA]!;
        }
        conflict |= read | write | (kind === AccessKind.W ? delta : 0);
      } else throw new ParaBloomError("kind", `access ${s} has kind ${kind}; frames take R, W, D and P`);
    }
    let frame: number;
    if (conflict !== -1) {
      const free = ~conflict;
      frame = 31 - Math.clz32(free & -free);
    } else {
      frame = this.freeInUpperHalf(hi, lo, kinds, from, to);
      if (frame < 0) return -1;
    }
    this.insert(hi, lo, kinds, from, to, frame);
    return frame;
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

  private insert(
    hi: Uint32Array,
    lo: Uint32Array,
    kinds: Uint8Array,
    from: number,
    to: number,
    frame: number,
  ): void {
    const rows = this.rows;
    const rowMask = this.rowMask;
    const hashes = this.geometry.hashes;
    const bit = 1 << (frame & 31);
    const half = frame >>> 5;
    let list = this.lists[frame]!;
    let length = this.listLengths[frame]!;
    const most = length + (to - from) * hashes;
    if (most > list.length) {
      const grown = new Int32Array(Math.max(most, list.length * 2));
      grown.set(list);
      this.lists[frame] = list = grown;
    }
    for (let s = from; s < to; s++) {
      const kind = kinds[s]!;
      const filter = (kind === AccessKind.W ? WRITE : kind === AccessKind.D ? DELTA : READ) + half;
      const step = hi[s]! | 0;
      let position = lo[s]! | 0;
      for (let i = 0; i < hashes; i++) {
        const word = ((position & rowMask) << ROW_SHIFT) + filter;
        const old = rows[word]!;
        if ((old & bit) === 0) {
          rows[word] = old | bit;
          list[length++] = word;
        }
        position = (position + step) | 0;
      }
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
