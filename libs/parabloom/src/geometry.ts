/**
 * Shape of the packing structure and the interface that ParaBloom and its exact oracle share
 * (FAFO, arXiv 2507.10757, section on ParaFramer).
 */

/** Frame indices are bits of two 32-bit words. */
export const MAX_FRAMES = 64;

export interface Geometry {
  /** Open frames, 1 to 64. */
  readonly frames: number;
  /** Bits of one filter of one frame: a power of two, 64 to 2^22. Ignored by the exact oracle. */
  readonly filterBits: number;
  /** Bits set per slot, 1 to 8. Ignored by the exact oracle. */
  readonly hashes: number;
  /** Transactions after which a frame takes no more until it is ejected. */
  readonly maxTransactions: number;
}

/** FAFO's published geometry: 64 frames, 2048-bit filters, so that a filter's rows fit a 64 KiB L1 cache. */
export const PUBLISHED_GEOMETRY: Geometry = {
  frames: 64,
  filterBits: 2048,
  hashes: 2,
  maxTransactions: 4096,
};

/**
 * What this project recommends. A frame of n two-slot transactions sets up to 4n of the bits of its filters; at
 * n = 1200 a quarter of 16,384 bits, so a slot meets a false conflict with one frame in 15; with 2048 bits the filter
 * is saturated. 16,384 rows of 32 bytes are 512 KiB, the size of an L2 cache. The fill histogram of ejected frames
 * against the exact oracle (`fafoGrid`) shows when it is wrong.
 */
export const RECOMMENDED_GEOMETRY: Geometry = {
  frames: 64,
  filterBits: 16384,
  hashes: 2,
  maxTransactions: 4096,
};

export class ParaBloomError extends Error {
  readonly code: "geometry" | "kind" | "frame";
  constructor(code: ParaBloomError["code"], message: string) {
    super(message);
    this.name = "ParaBloomError";
    this.code = code;
  }
}

/**
 * Packs transactions into frames. Slots `from` to `to` (exclusive) of the three columns are one transaction's
 * accesses: 64-bit slot ids as two halves and access kinds (R 1, W 2, D 3, P 4 like R). Wipes (X) conflict with slots
 * that no id names, so the caller keeps such a transaction out.
 */
export interface FramePacker {
  readonly geometry: Geometry;
  /** Places a transaction into the lowest-index frame without conflict and returns its index, or -1 when there is none. */
  tryPlace(hi: Uint32Array, lo: Uint32Array, kinds: Uint8Array, from: number, to: number): number;
  /** Empties a frame for reuse; returns the number of transactions it held. */
  eject(frame: number): number;
  /** Transactions in a frame. */
  sizeOf(frame: number): number;
  /** The frame with most transactions (lowest index of equals); FAFO ejects this one when nothing fits. */
  largest(): number;
  /** Transactions in all frames. */
  readonly size: number;
}

export function checkGeometry(g: Geometry): void {
  const whole = (n: number, low: number, high: number): boolean =>
    Number.isInteger(n) && n >= low && n <= high;
  if (!whole(g.frames, 1, MAX_FRAMES))
    throw new ParaBloomError("geometry", `frames must be 1 to ${MAX_FRAMES}, got ${g.frames}`);
  if (!whole(g.filterBits, 64, 1 << 22) || (g.filterBits & (g.filterBits - 1)) !== 0)
    throw new ParaBloomError(
      "geometry",
      `filterBits must be a power of two from 64 to ${1 << 22}, got ${g.filterBits}`,
    );
  if (!whole(g.hashes, 1, 8)) throw new ParaBloomError("geometry", `hashes must be 1 to 8, got ${g.hashes}`);
  if (!whole(g.maxTransactions, 1, 0x7fffffff))
    throw new ParaBloomError("geometry", `maxTransactions must be at least 1, got ${g.maxTransactions}`);
}
