/** The open frames: ParaBloom's decision, and the rows, bytes and age of each frame. */
import { ParaBloom } from "@velarium/parabloom";
import { AccessKind } from "@velarium/slots";
import { Shape } from "@velarium/wire";
import type { FramerOptions } from "./options.ts";
import type { TransactionSlab } from "./transaction-slab.ts";

export class OpenFrames {
  readonly packer: ParaBloom;
  readonly count: number;
  readonly bytes: Float64Array;
  readonly openedMs: Float64Array;
  /** Rows in all open frames. */
  size = 0;
  /** Gas limits and frame bytes of all open frames. */
  gas = 0;
  totalBytes = 0;
  private readonly rows: Int32Array[];
  private readonly lengths: Int32Array;
  private hi = new Uint32Array(64);
  private lo = new Uint32Array(64);
  private kinds = new Uint8Array(64);

  constructor(options: FramerOptions) {
    this.packer = new ParaBloom({ ...options.geometry, maxTransactions: options.frameTransactions });
    this.count = this.packer.geometry.frames;
    this.rows = Array.from({ length: this.count }, () => new Int32Array(options.frameTransactions));
    this.lengths = new Int32Array(this.count);
    this.bytes = new Float64Array(this.count);
    this.openedMs = new Float64Array(this.count);
  }

  /** Frame that the row has been put into, or -1 when it conflicts with all. */
  tryPlace(slab: TransactionSlab, row: number, nowMs: number): number {
    const source = slab.sourceOf(row);
    const from = slab.accessFrom[row]!;
    const to = slab.accessTo[row]!;
    let frame: number;
    if (slab.shape[row] === Shape.transfer || !hasHashReads(source.accessKinds, from, to))
      frame = this.packer.tryPlace(source.accessHi, source.accessLo, source.accessKinds, from, to);
    else frame = this.placeWithoutHashReads(source.accessHi, source.accessLo, source.accessKinds, from, to);
    if (frame < 0) return frame;
    const at = this.lengths[frame]!++;
    if (at === 0) {
      this.openedMs[frame] = nowMs;
      this.bytes[frame] = 0;
    }
    this.rows[frame]![at] = row;
    const bytes = slab.frameBytes(row);
    this.bytes[frame]! += bytes;
    this.totalBytes += bytes;
    this.gas += slab.gasLimit[row]!;
    this.size++;
    return frame;
  }

  /** Hashes of earlier blocks are no slots: they conflict with nothing. */
  private placeWithoutHashReads(
    hi: Uint32Array,
    lo: Uint32Array,
    kinds: Uint8Array,
    from: number,
    to: number,
  ): number {
    if (to - from > this.hi.length) {
      this.hi = new Uint32Array((to - from) * 2);
      this.lo = new Uint32Array((to - from) * 2);
      this.kinds = new Uint8Array((to - from) * 2);
    }
    let n = 0;
    for (let i = from; i < to; i++) {
      if (kinds[i] === AccessKind.H) continue;
      this.hi[n] = hi[i]!;
      this.lo[n] = lo[i]!;
      this.kinds[n++] = kinds[i]!;
    }
    return this.packer.tryPlace(this.hi, this.lo, this.kinds, 0, n);
  }

  lengthOf(frame: number): number {
    return this.lengths[frame]!;
  }

  /** Empties a frame; the rows are borrowed until the frame takes the next one. */
  eject(frame: number, slab: TransactionSlab): Int32Array {
    const rows = this.rows[frame]!.subarray(0, this.lengths[frame]);
    this.packer.eject(frame);
    this.size -= rows.length;
    this.totalBytes -= this.bytes[frame]!;
    for (let i = 0; i < rows.length; i++) this.gas -= slab.gasLimit[rows[i]!]!;
    this.lengths[frame] = 0;
    this.bytes[frame] = 0;
    return rows;
  }
}

function hasHashReads(kinds: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (kinds[i] === AccessKind.H) return true;
  return false;
}
