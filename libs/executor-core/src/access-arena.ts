/**
 * Room for the keys and values of a dispatch's accesses. Fresh memory for each dispatch is a quarter of a megabyte to
 * be zeroed, touched and collected, so room is used again once all transactions of a dispatch have run.
 */
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { ScanColumn } from "./scan-column.ts";

/** The smallest arena holds 2^8 accesses; sizes are powers of two. */
const SMALLEST_BITS = 8;
const SIZES = 24;
/**
 * Bytes kept for later; what comes back above it is left to the collector. As many transfers as an executor takes at once
 * (65,536 unless told otherwise) have five accesses of 92 bytes and a scan of 128 each, and sizes are rounded up.
 */
const KEPT_BYTES = 64 * 1024 * 1024;

export class AccessArena {
  readonly bits: number;
  readonly keys: Uint8Array;
  readonly keyWords: Uint32Array;
  readonly values: Uint8Array;
  readonly valueWords: Uint32Array;
  readonly waiters: Int32Array;
  readonly scans = new ScanColumn();

  constructor(bits: number) {
    const accesses = 1 << bits;
    this.bits = bits;
    this.keys = new Uint8Array(accesses * SLOT_KEY_BYTES);
    this.keyWords = new Uint32Array(this.keys.buffer);
    this.values = new Uint8Array(accesses * WORD_BYTES);
    this.valueWords = new Uint32Array(this.values.buffer);
    this.waiters = new Int32Array(accesses);
  }

  get bytes(): number {
    return this.keys.length + this.values.length + this.waiters.byteLength + this.scans.bytes;
  }
}

export class AccessArenas {
  private readonly free: AccessArena[][] = Array.from({ length: SIZES }, () => []);
  private kept = 0;

  /** An arena for at least so many accesses; what is in it is what was left there. */
  take(accesses: number): AccessArena {
    const bits = Math.max(SMALLEST_BITS, 32 - Math.clz32(Math.max(accesses, 1) - 1));
    const arena = this.free[bits - SMALLEST_BITS]?.pop();
    if (arena === undefined) return new AccessArena(bits);
    this.kept -= arena.bytes;
    return arena;
  }

  giveBack(arena: AccessArena): void {
    if (this.kept + arena.bytes > KEPT_BYTES) return;
    this.kept += arena.bytes;
    this.free[arena.bits - SMALLEST_BITS]?.push(arena);
  }
}
