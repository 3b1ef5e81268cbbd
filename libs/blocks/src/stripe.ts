/** A record in parts: stripes, one per shard, that only together give the record; chunks for a stream. */
import { crc32 } from "node:zlib";
import { BlockError } from "./error.ts";

/** Layout, little-endian: magic | index u16, count u16 | record bytes u32 | CRC-32 of the record | number f64 | part. */
const MAGIC = 0x31534c56; // "VLS1"
const HEADER = 24;

/**
 * Cuts a record into `n` stripes of nearly equal size. Each names the whole that it belongs to. `place` says where stripe
 * `index` of `size` bytes goes.
 */
export function splitRecordInto(
  bytes: Uint8Array,
  n: number,
  number: number,
  place: (index: number, size: number) => Uint8Array,
): void {
  if (!(n >= 1 && n <= 0xffff)) throw new BlockError("stripe", `${n} stripes, expected 1 to 65535`);
  const sum = crc32(bytes);
  const size = Math.ceil(bytes.length / n);
  for (let index = 0; index < n; index++) {
    const part = bytes.subarray(index * size, Math.min((index + 1) * size, bytes.length));
    const stripe = place(index, HEADER + part.length);
    const view = new DataView(stripe.buffer, stripe.byteOffset, HEADER);
    view.setUint32(0, MAGIC, true);
    view.setUint16(4, index, true);
    view.setUint16(6, n, true);
    view.setUint32(8, bytes.length, true);
    view.setUint32(12, sum, true);
    view.setFloat64(16, number, true);
    stripe.set(part, HEADER);
  }
}

/** As `splitRecordInto`, into memory of their own. */
export function splitRecord(bytes: Uint8Array, n: number, number = 0): Uint8Array[] {
  const stripes: Uint8Array[] = [];
  splitRecordInto(bytes, n, number, (_, size) => {
    const stripe = new Uint8Array(size);
    stripes.push(stripe);
    return stripe;
  });
  return stripes;
}

export interface StripeHead {
  readonly index: number;
  readonly count: number;
  readonly recordBytes: number;
  readonly checksum: number;
  readonly number: number;
}

export function stripeHead(stripe: Uint8Array): StripeHead {
  if (stripe.length < HEADER)
    throw new BlockError("stripe", `a stripe has at least ${HEADER} bytes, got ${stripe.length}`);
  const view = new DataView(stripe.buffer, stripe.byteOffset, HEADER);
  if (view.getUint32(0, true) !== MAGIC) throw new BlockError("stripe", "not a stripe of a block record");
  return {
    index: view.getUint16(4, true),
    count: view.getUint16(6, true),
    recordBytes: view.getUint32(8, true),
    checksum: view.getUint32(12, true),
    number: view.getFloat64(16, true),
  };
}

/** The record from all its stripes, in any order; repeats are allowed. Throws BlockError `stripe`. */
export function joinRecord(stripes: readonly Uint8Array[]): Uint8Array {
  if (stripes.length === 0) throw new BlockError("stripe", "no stripes");
  const first = stripeHead(stripes[0]!);
  const bytes = new Uint8Array(first.recordBytes);
  const size = Math.ceil(first.recordBytes / first.count);
  const seen = new Set<number>();
  for (const stripe of stripes) {
    const head = stripeHead(stripe);
    if (
      head.count !== first.count ||
      head.recordBytes !== first.recordBytes ||
      head.checksum !== first.checksum
    ) {
      throw new BlockError(
        "stripe",
        `stripes of different records: blocks ${first.number} and ${head.number}`,
      );
    }
    const from = head.index * size;
    const expected = Math.max(0, Math.min(size, first.recordBytes - from));
    if (head.index >= head.count || stripe.length - HEADER !== expected) {
      throw new BlockError(
        "stripe",
        `stripe ${head.index} of ${head.count} has ${stripe.length - HEADER} bytes, expected ${expected}`,
      );
    }
    if (expected > 0) bytes.set(stripe.subarray(HEADER), from);
    seen.add(head.index);
  }
  if (seen.size !== first.count) {
    throw new BlockError("stripe", `block ${first.number}: ${seen.size} of ${first.count} stripes`);
  }
  if (crc32(bytes) !== first.checksum)
    throw new BlockError("stripe", `block ${first.number}: checksum does not match`);
  return bytes;
}

/** Half of a NATS server's default payload limit. */
export const MAX_CHUNK_BYTES = 512 * 1024;

/** Cuts a record into views of at most `maxBytes`; there is always at least one. */
export function chunkRecord(bytes: Uint8Array, maxBytes = MAX_CHUNK_BYTES): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += maxBytes)
    chunks.push(bytes.subarray(at, at + maxBytes));
  return chunks;
}

interface Partial {
  readonly parts: (Uint8Array | undefined)[];
  missing: number;
  bytes: number;
}

export interface ReassemblyLimits {
  /** Blocks in parts at a time; when one more begins, the one with the lowest number is given up. */
  readonly maxBlocks?: number;
  /** Bytes of one record. */
  readonly maxBytes?: number;
}

/** Puts the chunks of a stream back together. Order and repetition do not matter; memory is bounded. */
export class ChunkReassembly {
  /** Blocks given up because too many were incomplete. */
  dropped = 0;
  private readonly partials = new Map<number, Partial>();
  private readonly maxBlocks: number;
  private readonly maxBytes: number;

  constructor(limits: ReassemblyLimits = {}) {
    this.maxBlocks = limits.maxBlocks ?? 4;
    this.maxBytes = limits.maxBytes ?? 512 * 1024 * 1024;
  }

  /**
   * Takes part `index` of `count` of block `number`; returns the record when it is whole. `bytes` is kept until
   * then, so it must not change. Throws BlockError `chunk`.
   */
  add(number: number, index: number, count: number, bytes: Uint8Array): Uint8Array | undefined {
    if (!Number.isInteger(count) || count < 1 || count > 65_536 || !(index >= 0 && index < count)) {
      throw new BlockError("chunk", `block ${number}: chunk ${index} of ${count}`);
    }
    // A copy: a small record would keep the whole buffer alive in which it came.
    if (count === 1) return bytes.slice();
    let partial = this.partials.get(number);
    if (!partial) {
      if (this.partials.size >= this.maxBlocks) this.dropLowest();
      partial = { parts: new Array<Uint8Array | undefined>(count).fill(undefined), missing: count, bytes: 0 };
      this.partials.set(number, partial);
    }
    if (partial.parts.length !== count) {
      this.partials.delete(number);
      throw new BlockError(
        "chunk",
        `block ${number}: ${count} chunks, before there were ${partial.parts.length}`,
      );
    }
    if (partial.parts[index] === undefined) {
      partial.bytes += bytes.length;
      if (partial.bytes > this.maxBytes) {
        this.partials.delete(number);
        throw new BlockError("chunk", `block ${number}: its record has more than ${this.maxBytes} bytes`);
      }
      partial.parts[index] = bytes;
      partial.missing--;
    }
    if (partial.missing > 0) return undefined;
    this.partials.delete(number);
    const whole = new Uint8Array(partial.bytes);
    let at = 0;
    for (const part of partial.parts) {
      whole.set(part!, at);
      at += part!.length;
    }
    return whole;
  }

  private dropLowest(): void {
    let lowest = Number.POSITIVE_INFINITY;
    for (const number of this.partials.keys()) if (number < lowest) lowest = number;
    this.partials.delete(lowest);
    this.dropped++;
  }
}
