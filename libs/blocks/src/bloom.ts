/**
 * Log blooms (Yellow Paper 4.3.1): 3 bits per address and topic, from its keccak. A block's logs repeat a few
 * addresses and topics, so their bits are kept in a table of fixed size, one place per key (a newer one replaces).
 */
import { keccak256Into } from "@velarium/hash-kernel";
import { BlockError } from "./error.ts";

/** 8,192 keys of at most 32 bytes and their bits: 360 KiB. */
const PLACES = 8192;
const STRIDE = 33; // size, then the key
export const BLOOM_BYTES = 256;

export class BloomBits {
  private readonly keys = new Uint8Array(PLACES * STRIDE);
  private readonly bits = new Uint16Array(PLACES * 3);
  private readonly digest = new Uint8Array(32);
  /** Keccaks computed; the metric that shows whether the table is large enough. */
  misses = 0;

  /** Sets the bits of the key of `size` bytes at `from` in the bloom at `at` of `out`. */
  add(source: Uint8Array, from: number, size: number, out: Uint8Array, at: number): void {
    const place = placeOf(source, from, size);
    const key = place * STRIDE;
    const bit = place * 3;
    if (!this.holds(key, source, from, size)) this.learn(key, bit, source, from, size);
    for (let k = 0; k < 3; k++) {
      const position = this.bits[bit + k]!;
      const byte = at + BLOOM_BYTES - 1 - (position >>> 3);
      out[byte] = out[byte]! | (1 << (position & 7));
    }
  }

  private holds(key: number, source: Uint8Array, from: number, size: number): boolean {
    const keys = this.keys;
    if (keys[key] !== size) return false;
    for (let i = 0; i < size; i++) if (keys[key + 1 + i] !== source[from + i]) return false;
    return true;
  }

  private learn(key: number, bit: number, source: Uint8Array, from: number, size: number): void {
    this.misses++;
    keccak256Into(source, from, size, this.digest, 0);
    this.keys[key] = size;
    for (let i = 0; i < size; i++) this.keys[key + 1 + i] = source[from + i]!;
    for (let k = 0; k < 3; k++)
      this.bits[bit + k] = ((this.digest[2 * k]! << 8) | this.digest[2 * k + 1]!) & 2047;
  }

  /** Sets the bits of every log of an encoded list of logs. Throws BlockError `logs`. */
  addLogs(logs: Uint8Array, from: number, size: number, out: Uint8Array, at: number): void {
    const end = from + size;
    let p = openList(logs, from, end);
    if (listEnd !== end) throw new BlockError("logs", "bytes after the list of logs");
    while (p < end) {
      p = openList(logs, p, end);
      const logEnd = listEnd;
      if (logs[p] !== 0x80 + 20 || p + 21 > logEnd)
        throw new BlockError("logs", "a log must begin with an address");
      this.add(logs, p + 1, 20, out, at);
      p = openList(logs, p + 21, logEnd);
      for (const topicsEnd = listEnd; p < topicsEnd; p += 33) {
        if (logs[p] !== 0x80 + 32 || p + 33 > topicsEnd)
          throw new BlockError("logs", "a topic must have 32 bytes");
        this.add(logs, p + 1, 32, out, at);
      }
      p = logEnd; // the data does not matter here
    }
  }
}

/** By first and last bytes: an address in a topic stands at its end. Keys have 20 or 32 bytes. */
function placeOf(source: Uint8Array, from: number, size: number): number {
  const end = from + size;
  let mix = Math.imul(size ^ wordAt(source, from), 0x9e3779b1);
  mix = Math.imul(mix ^ (mix >>> 15) ^ wordAt(source, end - 8), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13) ^ wordAt(source, end - 4), 0x9e3779b1);
  return (mix >>> 16) & (PLACES - 1);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

let listEnd = 0;
/** Start of the payload of the list at `at`; its end is left in listEnd. */
function openList(bytes: Uint8Array, at: number, end: number): number {
  const first = at < end ? bytes[at]! : 0;
  if (first < 0xc0) throw new BlockError("logs", "expected a list");
  let start = at + 1;
  let size = first - 0xc0;
  if (first >= 0xf8) {
    size = 0;
    for (const width = first - 0xf7; start < at + 1 + width; start++) size = size * 256 + bytes[start]!;
  }
  listEnd = start + size;
  if (!(listEnd <= end)) throw new BlockError("logs", "a list reaches past its end");
  return start;
}
