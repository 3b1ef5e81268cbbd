/**
 * Strict RLP (Yellow Paper, appendix B): only the one canonical encoding of each item is accepted. The reader
 * leaves the item it read in two module variables and returns where the next one starts, so that a scan
 * allocates nothing.
 */
import { TxError } from "./error.ts";

/** Start and size of the payload that was read last. */
export let itemStart = 0;
export let itemSize = 0;

/** Reads the string at `at`, which must end by `end`. Returns the position behind it. Throws TxError `rlp`. */
export function readString(raw: Uint8Array, at: number, end: number): number {
  if (at >= end) throw new TxError("rlp", "a list has fewer items than expected");
  const first = raw[at]!;
  if (first < 0x80) {
    itemStart = at;
    itemSize = 1;
    return at + 1;
  }
  if (first < 0xb8) {
    const size = first - 0x80;
    itemStart = at + 1;
    itemSize = size;
    const next = at + 1 + size;
    if (next > end) throw new TxError("rlp", `a string of ${size} bytes reaches past its list`);
    if (size === 1 && raw[at + 1]! < 0x80)
      throw new TxError("rlp", "a byte below 0x80 must be its own encoding");
    return next;
  }
  if (first >= 0xc0) throw new TxError("rlp", "expected a string, got a list");
  return readLong(raw, at, end, first - 0xb7);
}

/** Reads the list at `at`, like readString; the payload is that of the list. */
export function readList(raw: Uint8Array, at: number, end: number): number {
  if (at >= end) throw new TxError("rlp", "a list has fewer items than expected");
  const first = raw[at]!;
  if (first < 0xc0) throw new TxError("rlp", "expected a list, got a string");
  if (first >= 0xf8) return readLong(raw, at, end, first - 0xf7);
  itemStart = at + 1;
  itemSize = first - 0xc0;
  const next = itemStart + itemSize;
  if (next > end) throw new TxError("rlp", `a list of ${itemSize} bytes reaches past its end`);
  return next;
}

function readLong(raw: Uint8Array, at: number, end: number, width: number): number {
  const start = at + 1 + width;
  if (start > end) throw new TxError("rlp", "a length reaches past the end");
  if (raw[at + 1] === 0) throw new TxError("rlp", "a length has leading zeros");
  let size = 0;
  // At most 8 bytes; above 2^53 the sum is inexact but far past any end.
  for (let i = at + 1; i < start; i++) size = size * 256 + raw[i]!;
  if (size < 56) throw new TxError("rlp", `a length of ${size} must use the short form`);
  if (size > end - start) throw new TxError("rlp", `an item of ${size} bytes reaches past the end`);
  itemStart = start;
  itemSize = size;
  return start + size;
}

/** A decoded item: bytes, or a list of items. */
export type RlpItem = Uint8Array | readonly RlpItem[];

/** Deepest nesting that rlpDecode follows: nothing in Ethereum's formats comes near. */
const MAX_DEPTH = 1024;

/** Decodes exactly one item; strings are views into `bytes`. Throws TxError `rlp`. */
export function rlpDecode(bytes: Uint8Array): RlpItem {
  const box: RlpItem[] = [];
  const next = decodeInto(bytes, 0, bytes.length, box, 0);
  if (next !== bytes.length) throw new TxError("rlp", `${bytes.length - next} bytes after the end`);
  return box[0]!;
}

function decodeInto(bytes: Uint8Array, at: number, end: number, out: RlpItem[], depth: number): number {
  if (at >= end) throw new TxError("rlp", "expected an item, got nothing");
  if (depth > MAX_DEPTH) throw new TxError("rlp", `lists nest deeper than ${MAX_DEPTH}`);
  if (bytes[at]! < 0xc0) {
    const next = readString(bytes, at, end);
    out.push(bytes.subarray(itemStart, itemStart + itemSize));
    return next;
  }
  const next = readList(bytes, at, end);
  const items: RlpItem[] = [];
  for (let p = itemStart; p < next; ) p = decodeInto(bytes, p, next, items, depth + 1);
  out.push(items);
  return next;
}

/** Bytes of an RLP header for a payload of `size` bytes. */
export function headerBytes(size: number): number {
  if (size < 56) return 1;
  return size < 0x100 ? 2 : size < 0x10000 ? 3 : size < 0x1000000 ? 4 : 5;
}

/** Writes a header at `at` (base 0x80 for strings, 0xc0 for lists); returns the position behind it. */
export function putHeader(out: Uint8Array, at: number, base: number, size: number): number {
  if (size < 56) {
    out[at] = base + size;
    return at + 1;
  }
  const width = headerBytes(size) - 1;
  out[at] = base + 55 + width;
  for (let i = 0; i < width; i++) out[at + 1 + i] = size / 2 ** (8 * (width - 1 - i));
  return at + 1 + width;
}

/** Encodes an item; integers are big-endian without leading zeros, as everywhere in Ethereum. */
export type RlpInput = Uint8Array | number | bigint | readonly RlpInput[];

export function rlpEncode(item: RlpInput): Uint8Array {
  const writer = new RlpWriter(1024);
  writer.item(item);
  return writer.bytes();
}

/** Appends RLP to one growing buffer. Lists are closed by putting their header in front of what they hold. */
export class RlpWriter {
  data: Uint8Array;
  used = 0;

  constructor(capacity = 4096) {
    this.data = new Uint8Array(capacity);
  }

  clear(): void {
    this.used = 0;
  }

  /** What was written, as a copy. */
  bytes(): Uint8Array {
    return this.data.slice(0, this.used);
  }

  reserve(bytes: number): void {
    if (this.used + bytes <= this.data.length) return;
    const grown = new Uint8Array(Math.max(this.data.length * 2, this.used + bytes));
    grown.set(this.data.subarray(0, this.used));
    this.data = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.data[this.used++] = value;
  }

  string(source: Uint8Array, from = 0, size = source.length): void {
    this.reserve(size + 9);
    if (size !== 1 || source[from]! >= 0x80) this.used = putHeader(this.data, this.used, 0x80, size);
    this.raw(source, from, size);
  }

  /** Bytes that are RLP already. */
  raw(source: Uint8Array, from = 0, size = source.length): void {
    this.reserve(size);
    const data = this.data;
    if (size <= 40) for (let i = 0; i < size; i++) data[this.used + i] = source[from + i]!;
    else
      data.set(from === 0 && size === source.length ? source : source.subarray(from, from + size), this.used);
    this.used += size;
  }

  /** An integer from big-endian bytes that may have leading zeros. */
  integerBytes(source: Uint8Array, from = 0, size = source.length): void {
    let skip = 0;
    while (skip < size && source[from + skip] === 0) skip++;
    this.string(source, from + skip, size - skip);
  }

  integer(value: number | bigint): void {
    this.reserve(10);
    if (value <= 0xffffffff) {
      const v = Number(value);
      const data = this.data;
      if (v < 0x80) {
        if (v < 0) throw new TxError("field", `an integer must not be negative, got ${v}`);
        data[this.used++] = v === 0 ? 0x80 : v;
        return;
      }
      const width = v < 0x100 ? 1 : v < 0x10000 ? 2 : v < 0x1000000 ? 3 : 4;
      data[this.used++] = 0x80 + width;
      for (let shift = (width - 1) * 8; shift >= 0; shift -= 8) data[this.used++] = v >>> shift;
      return;
    }
    const wide = BigInt(value);
    const width = wide < 1n << 64n ? 8 : Math.ceil(wide.toString(16).length / 2);
    const view = new Uint8Array(width);
    let rest = wide;
    for (let i = width; i > 0; ) {
      let low = Number(rest & 0xffffffffn);
      for (let k = 0; k < 4 && i > 0; k++) {
        view[--i] = low;
        low >>>= 8;
      }
      rest >>= 32n;
    }
    this.integerBytes(view);
  }

  /** Starts a list; give the result to closeList. */
  openList(): number {
    return this.used;
  }

  closeList(start: number): void {
    const size = this.used - start;
    const header = headerBytes(size);
    this.reserve(header);
    this.data.copyWithin(start + header, start, this.used);
    putHeader(this.data, start, 0xc0, size);
    this.used += header;
  }

  item(item: RlpInput): void {
    if (item instanceof Uint8Array) this.string(item);
    else if (typeof item === "number" || typeof item === "bigint") this.integer(item);
    else {
      const start = this.openList();
      for (const child of item) this.item(child);
      this.closeList(start);
    }
  }
}
