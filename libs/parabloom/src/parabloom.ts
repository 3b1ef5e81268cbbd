/**
 * ParaBloom: Bloom filters of up to 64 frames, laid out bit-sliced, so that one look at a row answers for all frames.
 *
 * Row p (filter bit p) is three u64 in 32 bytes, never across a cache line: frames that read, write and add. Bit f of a word
 * says that frame f has set filter bit p. A slot is (perhaps) in frame f's filter when f's bit is set in all K rows of the
 * slot; the AND of the rows therefore gives the mask of frames for all 64 at once.
 *
 * Conflicts: R with W and D; W with R, W and D; D with R and W, not with D.
 *
 * The rows stand in a WebAssembly memory and are read and written by a kernel (assembly/index.ts). It sees a window of
 * the accesses that it is asked for: transactions mostly come in order out of the columns of one message, here and there one
 * left out, so the window holds what follows too, and the kernel loads its rows in time. For that, columns must not change
 * while transactions come forwards in them.
 */
import { AccessKind } from "@velarium/slots";
import { UNKNOWN_KIND, WINDOW_ACCESSES } from "../assembly/interface.ts";
import {
  checkGeometry,
  type FramePacker,
  type Geometry,
  ParaBloomError,
  RECOMMENDED_GEOMETRY,
} from "./geometry.ts";
import { allocatePacking, type PackingKernel, type PackingMemory } from "./kernel.ts";

/** The window grows by this factor with each that was used up, so that a jump in a column costs little. */
const WINDOW_GROWTH = 4;
/** Below that, items one by one are cheaper than a call for each column. */
const COPY_FROM = 16;

export class ParaBloom implements FramePacker {
  readonly geometry: Geometry;
  size = 0;
  private readonly memory: PackingMemory;
  private readonly kernel: PackingKernel;
  private readonly sizes: Int32Array;
  /** The column of which a window is before the kernel, and which part of it. */
  private column: Uint32Array | undefined;
  private windowFrom = 0;
  private windowTo = 0;
  /** Where the next transaction begins or is left out if it comes forwards; -1 when nothing is known of that. */
  private next = -1;

  constructor(geometry: Partial<Geometry> = {}) {
    this.geometry = { ...RECOMMENDED_GEOMETRY, ...geometry };
    checkGeometry(this.geometry);
    this.memory = allocatePacking(this.geometry);
    this.kernel = this.memory.kernel;
    this.sizes = this.memory.sizes;
  }

  tryPlace(hi: Uint32Array, lo: Uint32Array, kinds: Uint8Array, from: number, to: number): number {
    const forwards = hi === this.column && this.next >= 0 && from >= this.next;
    if (!forwards || to > this.windowTo) {
      if (to - from > WINDOW_ACCESSES) return this.placeInPieces(hi, lo, kinds, from, to);
      this.moveWindow(hi, lo, kinds, from, to, forwards);
    }
    const at = from - this.windowFrom;
    const frame = this.kernel.place(at, at + to - from, this.windowTo > to);
    if (frame < 0) {
      if (frame === UNKNOWN_KIND) this.refuse(kinds, from, to);
      this.next = from > 0 ? from : -1;
      return -1;
    }
    this.next = to > 0 ? to : -1;
    this.size++;
    return frame;
  }

  /** Lays `from` to `to` before the kernel, and more of the columns where that has proved useful. */
  private moveWindow(
    hi: Uint32Array,
    lo: Uint32Array,
    kinds: Uint8Array,
    from: number,
    to: number,
    forwards: boolean,
  ): void {
    const { memory } = this;
    const before = this.windowTo - this.windowFrom;
    let end = to;
    // Not after a leap over more than a window.
    if (forwards && from <= this.windowTo + before) {
      const size = Math.min(WINDOW_ACCESSES, WINDOW_GROWTH * before);
      end = Math.max(to, Math.min(hi.length, from + size));
    }
    if (end - from < COPY_FROM) {
      for (let s = from, at = 0; s < end; s++, at++) {
        memory.hi[at] = hi[s]!;
        memory.lo[at] = lo[s]!;
        memory.kinds[at] = kinds[s]!;
      }
    } else this.copy(hi, lo, kinds, from, end);
    this.column = hi;
    this.windowFrom = from;
    this.windowTo = end;
    this.kernel.turn();
  }

  private copy(hi: Uint32Array, lo: Uint32Array, kinds: Uint8Array, from: number, to: number): void {
    const { memory } = this;
    memory.hi.set(hi.subarray(from, to));
    memory.lo.set(lo.subarray(from, to));
    memory.kinds.set(kinds.subarray(from, to));
  }

  /** A transaction that is larger than the window. */
  private placeInPieces(
    hi: Uint32Array,
    lo: Uint32Array,
    kinds: Uint8Array,
    from: number,
    to: number,
  ): number {
    const { kernel } = this;
    this.next = -1;
    const pieces = (act: (count: number) => void): void => {
      for (let at = from; at < to; at += WINDOW_ACCESSES) {
        const end = Math.min(to, at + WINDOW_ACCESSES);
        this.copy(hi, lo, kinds, at, end);
        act(end - at);
      }
    };
    kernel.begin();
    pieces((count) => kernel.look(0, count));
    const frame = kernel.choose();
    if (frame === UNKNOWN_KIND) this.refuse(kinds, from, to);
    if (frame < 0) return -1;
    pieces((count) => kernel.insert(frame, 0, count));
    this.size++;
    return frame;
  }

  private refuse(kinds: Uint8Array, from: number, to: number): never {
    this.next = -1;
    for (let s = from; s < to; s++)
      if (kinds[s]! < AccessKind.R || kinds[s]! > AccessKind.P)
        throw new ParaBloomError("kind", `access ${s} has kind ${kinds[s]}; frames take R, W, D and P`);
    throw new ParaBloomError("kind", "the columns have changed while they were looked at");
  }

  /** Cost follows the frame as long as that has set few bits, then the filters. */
  eject(frame: number): number {
    const size = this.sizes[frame];
    if (size === undefined) throw new ParaBloomError("frame", `frame ${frame} of ${this.geometry.frames}`);
    this.kernel.eject(frame);
    this.size -= size;
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
