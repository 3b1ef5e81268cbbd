/**
 * Records of the log. `header 128 | meta, padded to 128 | entries | payload, padded to 128`, little-endian; every
 * part has its CRC-32, and the header one of its own. A block is any number of image records followed by one block
 * record; without the block record the images do not count.
 */
import { crc32 } from "node:zlib";
import { ENTRY_BYTES, FORMAT_VERSION, HASH_BYTES } from "./format.ts";

export const RecordKind = {
  /** A whole partition: genesis, or the content of a snapshot. */
  image: 1,
  /** One block of this shard. */
  block: 2,
} as const;

export const ALIGN = 128;
export const HEADER_BYTES = 128;
const MAGIC = 0x31545356;

/** Offsets of the header's fields in bytes. */
const Header = {
  magic: 0,
  version: 4,
  kind: 8,
  metaBytes: 12,
  height: 16,
  entryBytes: 24,
  payloadBytes: 32,
  metaCrc: 40,
  entryCrc: 44,
  payloadCrc: 48,
  headerCrc: 52,
} as const;

export type Pieces = Uint8Array | readonly Uint8Array[];

export interface LogRecord {
  readonly kind: number;
  readonly height: number;
  readonly meta: Uint8Array;
  readonly entries: Uint8Array;
  /** In one piece, or in several that belong together. */
  readonly payload: Pieces;
  /** Memory of `entries`, which the log may give out again once they are written. */
  readonly lent?: Uint32Array<ArrayBuffer>;
}

export interface RecordHeader {
  readonly kind: number;
  readonly height: number;
  readonly metaBytes: number;
  readonly entryBytes: number;
  readonly payloadBytes: number;
  readonly metaCrc: number;
  readonly entryCrc: number;
  readonly payloadCrc: number;
}

export const padded = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;
export const entriesOffset = (h: { metaBytes: number }): number => HEADER_BYTES + padded(h.metaBytes);
export const payloadOffset = (h: { metaBytes: number; entryBytes: number }): number =>
  entriesOffset(h) + h.entryBytes;
export const recordBytes = (h: { metaBytes: number; entryBytes: number; payloadBytes: number }): number =>
  payloadOffset(h) + padded(h.payloadBytes);

/** The parts of a record in the order of the file: header and meta, entries, payload, padding. */
export function encodeRecord(record: LogRecord): Uint8Array[] {
  const pieces = record.payload instanceof Uint8Array ? [record.payload] : record.payload;
  let payloadBytes = 0;
  let payloadCrc = 0;
  for (const piece of pieces) {
    payloadBytes += piece.length;
    payloadCrc = crc32(piece, payloadCrc);
  }
  const head = new Uint8Array(HEADER_BYTES + padded(record.meta.length));
  const view = new DataView(head.buffer);
  view.setUint32(Header.magic, MAGIC, true);
  view.setUint32(Header.version, FORMAT_VERSION, true);
  view.setUint32(Header.kind, record.kind, true);
  view.setUint32(Header.metaBytes, record.meta.length, true);
  view.setFloat64(Header.height, record.height, true);
  view.setFloat64(Header.entryBytes, record.entries.length, true);
  view.setFloat64(Header.payloadBytes, payloadBytes, true);
  view.setUint32(Header.metaCrc, crc32(record.meta), true);
  view.setUint32(Header.entryCrc, crc32(record.entries), true);
  view.setUint32(Header.payloadCrc, payloadCrc, true);
  view.setUint32(Header.headerCrc, crc32(head.subarray(0, Header.headerCrc)), true);
  head.set(record.meta, HEADER_BYTES);
  const parts: Uint8Array[] = [head];
  if (record.entries.length > 0) parts.push(record.entries);
  for (const piece of pieces) if (piece.length > 0) parts.push(piece);
  const padding = padded(payloadBytes) - payloadBytes;
  if (padding > 0) parts.push(new Uint8Array(padding));
  return parts;
}

/** The header at the start of `bytes`, "version" when it is of another format version, or null when it is none. */
export function decodeHeader(bytes: Uint8Array): RecordHeader | "version" | null {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  if (view.getUint32(Header.magic, true) !== MAGIC) return null;
  if (view.getUint32(Header.headerCrc, true) !== crc32(bytes.subarray(0, Header.headerCrc))) return null;
  if (view.getUint32(Header.version, true) !== FORMAT_VERSION) return "version";
  return {
    kind: view.getUint32(Header.kind, true),
    metaBytes: view.getUint32(Header.metaBytes, true),
    height: view.getFloat64(Header.height, true),
    entryBytes: view.getFloat64(Header.entryBytes, true),
    payloadBytes: view.getFloat64(Header.payloadBytes, true),
    metaCrc: view.getUint32(Header.metaCrc, true),
    entryCrc: view.getUint32(Header.entryCrc, true),
    payloadCrc: view.getUint32(Header.payloadCrc, true),
  };
}

export interface BlockPart {
  readonly partition: number;
  /** Number of the first entry this block appended. */
  readonly first: number;
  readonly appended: number;
  readonly root: Uint8Array;
  /** Hashes of deleted keys, 32 bytes each. */
  readonly deleted: Uint8Array;
}

const PART_BYTES = 4 + 4 + 4 + 8 + HASH_BYTES;

/** Meta of a block record: `parts u32`, per partition `partition u32 | appended u32 | deletes u32 | first f64 | root 32`, then the deleted hashes. */
export function encodeBlockMeta(parts: readonly BlockPart[]): Uint8Array {
  let deleted = 0;
  for (const p of parts) deleted += p.deleted.length;
  const meta = new Uint8Array(4 + parts.length * PART_BYTES + deleted);
  const view = new DataView(meta.buffer);
  view.setUint32(0, parts.length, true);
  let at = 4;
  let hashes = 4 + parts.length * PART_BYTES;
  for (const p of parts) {
    view.setUint32(at, p.partition, true);
    view.setUint32(at + 4, p.appended, true);
    view.setUint32(at + 8, p.deleted.length / HASH_BYTES, true);
    view.setFloat64(at + 12, p.first, true);
    meta.set(p.root, at + 20);
    meta.set(p.deleted, hashes);
    hashes += p.deleted.length;
    at += PART_BYTES;
  }
  return meta;
}

export function decodeBlockMeta(meta: Uint8Array): BlockPart[] {
  const view = new DataView(meta.buffer, meta.byteOffset, meta.length);
  const count = view.getUint32(0, true);
  const parts: BlockPart[] = [];
  let hashes = 4 + count * PART_BYTES;
  for (let i = 0, at = 4; i < count; i++, at += PART_BYTES) {
    const deleted = view.getUint32(at + 8, true) * HASH_BYTES;
    parts.push({
      partition: view.getUint32(at, true),
      appended: view.getUint32(at + 4, true),
      first: view.getFloat64(at + 12, true),
      root: meta.slice(at + 20, at + 20 + HASH_BYTES),
      deleted: meta.slice(hashes, hashes + deleted),
    });
    hashes += deleted;
  }
  return parts;
}

export interface ImageMeta {
  readonly partition: number;
  /** Sealed, fully inactive twigs known by root only; the entries follow from there. */
  readonly baseTwig: number;
  readonly twigRoots: Uint8Array;
  /** Active bits of the entries. */
  readonly bits: Uint8Array;
}

/** Meta of an image record: `partition u32 | bits bytes u32 | base twig f64 | twig roots | bits`. */
export function encodeImageMeta(image: ImageMeta): Uint8Array {
  const meta = new Uint8Array(16 + image.twigRoots.length + image.bits.length);
  const view = new DataView(meta.buffer);
  view.setUint32(0, image.partition, true);
  view.setUint32(4, image.bits.length, true);
  view.setFloat64(8, image.baseTwig, true);
  meta.set(image.twigRoots, 16);
  meta.set(image.bits, 16 + image.twigRoots.length);
  return meta;
}

export function decodeImageMeta(meta: Uint8Array): ImageMeta {
  const view = new DataView(meta.buffer, meta.byteOffset, meta.length);
  const baseTwig = view.getFloat64(8, true);
  const bits = view.getUint32(4, true);
  const from = 16 + baseTwig * HASH_BYTES;
  return {
    partition: view.getUint32(0, true),
    baseTwig,
    twigRoots: meta.slice(16, from),
    bits: meta.slice(from, from + bits),
  };
}

export const entryCount = (h: { entryBytes: number }): number => h.entryBytes / ENTRY_BYTES;
