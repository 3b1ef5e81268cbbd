/**
 * The append-only log of one shard: segment files of records, which is also where values are read from. Positions
 * are bytes since the beginning of the log; a record never spans two segments. Records appended but not yet written
 * stay in memory and are read there. Without a directory everything stays in memory.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { crc32 } from "node:zlib";
import { StateError } from "./errors.ts";
import {
  decodeHeader,
  encodeRecord,
  entriesOffset,
  HEADER_BYTES,
  type LogRecord,
  payloadOffset,
  type RecordHeader,
  recordBytes,
} from "./log-record.ts";
import { PAGE_BYTES, PageCache } from "./page-cache.ts";
import { SegmentFile } from "./segment-file.ts";

interface Resident {
  readonly position: number;
  readonly entriesPosition: number;
  readonly end: number;
  readonly words: Uint32Array;
  readonly parts: Uint8Array[];
  readonly lent: Uint32Array<ArrayBuffer> | undefined;
}

/** Sizes in bytes; see StateStoreOptions. */
export interface LogSizes {
  readonly cacheBytes?: number | undefined;
  readonly segmentBytes?: number | undefined;
  readonly directBytes?: number | undefined;
}

/** Misses of the cache since the write before, from which on it counts as too small. A block reads some 100,000 entries. */
const FEW_MISSES = 256;

/** Entry buffers kept for further blocks: as many as may be applied and not yet written. */
const MAX_SPARES = 4;

const segmentName = (start: number): string => `log-${start.toString(16).padStart(13, "0")}.seg`;

export class EntryLog {
  private readonly dir: string | null;
  private readonly segmentBytes: number;
  private readonly directBytes: number;
  private readonly mostDirectBytes: number;
  /** Misses of the cache up to the last write. */
  private missesBefore = 0;
  private readonly segments: SegmentFile[] = [];
  /** Records in memory, by position. */
  private resident: Resident[] = [];
  private readonly spares: Uint32Array<ArrayBuffer>[] = [];
  readonly cache: PageCache;
  /** Position of the next record. */
  end = 0;
  /** Everything before it has been written (not necessarily synced). */
  written = 0;
  /** Everything before it survives a power cut. */
  durable = 0;
  /** Where the last `view` found its entry. */
  words: Uint32Array = new Uint32Array(0);
  at = 0;

  constructor(dir: string | null, sizes: LogSizes) {
    this.dir = dir;
    this.segmentBytes = sizes.segmentBytes ?? 128 * 2 ** 20;
    this.directBytes = sizes.directBytes ?? 256 * 2 ** 10;
    const cacheBytes = sizes.cacheBytes ?? 512 * 2 ** 20;
    this.mostDirectBytes = cacheBytes / 2;
    this.cache = new PageCache(dir === null ? 0 : cacheBytes);
    if (dir === null) return;
    const names = fs.readdirSync(dir).filter((n) => /^log-[0-9a-f]{13}\.seg$/.test(n));
    for (const name of names.sort()) {
      const file = path.join(dir, name);
      this.segments.push(new SegmentFile(Number.parseInt(name.slice(4, 17), 16), file, "r+"));
    }
  }

  /** Appends a record in memory; returns the position of its entries. `entries` must be 4-byte aligned. */
  append(record: LogRecord): number {
    const parts = encodeRecord(record);
    const position = this.end;
    const entriesPosition = position + parts[0]!.length;
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    const { entries } = record;
    const words = new Uint32Array(entries.buffer, entries.byteOffset, entries.length / 4);
    this.end = position + bytes;
    this.resident.push({ position, entriesPosition, end: this.end, words, parts, lent: record.lent });
    return entriesPosition;
  }

  /** Memory of entries that are written: megabytes per block that need not be allocated, cleared and collected. */
  takeSpare(): Uint32Array<ArrayBuffer> | undefined {
    return this.spares.pop();
  }

  /** Writes all records appended so far up to position `until`; syncs them when asked. */
  persist(until: number, sync: boolean): void {
    this.write(until);
    if (sync) {
      const target = this.written;
      if (this.dir !== null) for (const s of this.unsynced()) fs.fdatasyncSync(s.fd);
      this.durable = Math.max(this.durable, target);
    }
  }

  /** Like `persist` with a sync, without blocking for the sync. */
  async persistAsync(until: number): Promise<void> {
    this.write(until);
    const target = this.written;
    await Promise.all(
      this.unsynced().map(
        (s) =>
          new Promise<void>((done, fail) => fs.fdatasync(s.fd, (error) => (error ? fail(error) : done()))),
      ),
    );
    this.durable = Math.max(this.durable, Math.min(target, this.written));
  }

  private unsynced(): SegmentFile[] {
    return this.segments.filter(
      (_s, i) => (this.segments[i + 1]?.start ?? Number.POSITIVE_INFINITY) > this.durable,
    );
  }

  private write(until: number): void {
    if (this.dir === null) {
      this.written = Math.max(this.written, until);
      return;
    }
    // Otherwise the operating system's cache is worth its price: it is where missed pages come from. So it is for images that
    // the cache does not hold for long.
    const isCacheLargeEnough = this.cache.misses - this.missesBefore < FEW_MISSES;
    this.missesBefore = this.cache.misses;
    for (let r = this.resident[0]; r !== undefined && r.end <= until; r = this.resident[0]) {
      const segment = this.segmentFor(r);
      const bytes = r.end - r.position;
      const isDirect = isCacheLargeEnough && bytes >= this.directBytes && bytes <= this.mostDirectBytes;
      segment.write(r.parts, r.position - segment.start, isDirect);
      this.cache.fill(
        r.entriesPosition,
        new Uint8Array(r.words.buffer, r.words.byteOffset, r.words.byteLength),
      );
      this.written = r.end;
      this.resident.shift();
      if (r.lent !== undefined && this.spares.length < MAX_SPARES) this.spares.push(r.lent);
    }
  }

  private segmentFor(r: Resident): SegmentFile {
    const last = this.segments.at(-1);
    if (last && r.end - last.start <= this.segmentBytes) return last;
    if (last && last.start === r.position) return last;
    const file = path.join(this.dir!, segmentName(r.position));
    const segment = new SegmentFile(r.position, file, "wx+");
    this.segments.push(segment);
    syncDirectory(this.dir!);
    return segment;
  }

  /** Finds the entry at a position: afterwards `words[at..at+32]` holds it, until the next call. */
  view(position: number): void {
    const { cache } = this;
    if (this.dir === null || position >= this.written) {
      this.viewResident(position);
      return;
    }
    const page = Math.floor(position / PAGE_BYTES);
    if (cache.find(page)) cache.hits++;
    else {
      cache.misses++;
      cache.admit(page);
      this.readPage(page);
    }
    this.words = cache.words;
    this.at = cache.at + (position - page * PAGE_BYTES) / 4;
  }

  /**
   * Looks ahead to the entries `from` to `to` (up to LOCATED) at `positions` (-1: none), of which words from `word` on are then
   * copied: their cache misses are waited for together.
   */
  locate(positions: Float64Array, from: number, to: number, word: number): void {
    const end = this.dir === null ? 0 : this.written;
    this.cache.locate(positions, from, to, end, word);
  }

  /** Copies `count` words from `word` on of the entry at a position, the `i`-th of those located. */
  copyWords(i: number, position: number, word: number, count: number, out: Uint32Array, to: number): void {
    if (this.cache.copy(i, word, count, out, to)) return;
    this.view(position);
    const { words } = this;
    const at = this.at + word;
    for (let j = 0; j < count; j++) out[to + j] = words[at + j]!;
  }

  private viewResident(position: number): void {
    const { resident } = this;
    let low = 0;
    let high = resident.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (resident[middle]!.entriesPosition <= position) low = middle + 1;
      else high = middle;
    }
    const r = resident[low - 1];
    if (r === undefined || position >= r.end)
      throw new StateError("corrupt-log", `no entry at position ${position} of the log`);
    this.words = r.words;
    this.at = (position - r.entriesPosition) / 4;
  }

  private readPage(page: number): void {
    const from = page * PAGE_BYTES;
    const target = new Uint8Array(this.cache.words.buffer, this.cache.at * 4, PAGE_BYTES);
    // A page may hold the end of one segment and the start of the next.
    for (let at = 0; at < PAGE_BYTES && from + at < this.written; ) {
      const s = this.segmentAt(from + at);
      const next = this.segments[s + 1]?.start ?? this.written;
      const length = Math.min(PAGE_BYTES - at, next - (from + at));
      const segment = this.segments[s]!;
      const read = fs.readSync(segment.fd, target, at, length, from + at - segment.start);
      if (read < length)
        throw new StateError(
          "corrupt-log",
          `${segment.file} ends before position ${from + at + length} of the log`,
        );
      at += length;
    }
  }

  private segmentAt(position: number): number {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.segments[middle]!.start <= position) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Bytes of the log, from written files or memory. */
  read(position: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    if (length === 0) return out;
    if (this.dir === null || position >= this.written) {
      const r = this.resident.find((x) => x.position <= position && position + length <= x.end);
      if (r === undefined)
        throw new StateError("corrupt-log", `no record at position ${position} of the log`);
      let start = r.position;
      for (const part of r.parts) {
        const from = Math.max(position, start);
        const to = Math.min(position + length, start + part.length);
        if (from < to) out.set(part.subarray(from - start, to - start), from - position);
        start += part.length;
      }
      return out;
    }
    const segment = this.segments[this.segmentAt(position)]!;
    for (let at = 0; at < length; ) {
      const n = fs.readSync(
        segment.fd,
        out,
        at,
        Math.min(length - at, 1 << 30),
        position - segment.start + at,
      );
      if (n === 0)
        throw new StateError("corrupt-log", `${segment.file} ends before position ${position + length}`);
      at += n;
    }
    return out;
  }

  /**
   * Walks all records in order and cuts off a torn tail: the first record of the last segment that is incomplete or
   * fails a checksum, and everything after it. The same in an earlier segment is corruption. Payload checksums are
   * checked in the last segment only, where a tear can be.
   */
  scan(visit: (header: RecordHeader, position: number, meta: Uint8Array, entries: Uint8Array) => void): void {
    for (let s = 0; s < this.segments.length; s++) {
      const segment = this.segments[s]!;
      const last = s === this.segments.length - 1;
      const size = fs.fstatSync(segment.fd).size;
      this.written = segment.start + size;
      let at = 0;
      while (at < size) {
        const valid = this.readRecord(segment, at, size, last);
        if (valid === null) break;
        visit(valid.header, segment.start + at, valid.meta, valid.entries);
        at += recordBytes(valid.header);
      }
      const expected = this.segments[s + 1]?.start ?? segment.start + at;
      if (segment.start + at !== expected)
        throw new StateError(
          "corrupt-log",
          `${segment.file} breaks off at byte ${at}, but the log goes on at ${expected}`,
        );
      if (at < size) {
        segment.truncate(at);
        fs.fsyncSync(segment.fd);
      }
      this.end = this.written = this.durable = segment.start + at;
    }
  }

  private readRecord(segment: SegmentFile, at: number, size: number, checkPayload: boolean) {
    if (size - at < HEADER_BYTES) return null;
    const header = decodeHeader(this.read(segment.start + at, HEADER_BYTES));
    if (header === "version")
      throw new StateError("wrong-version", `${segment.file} has another format version`);
    if (header === null || recordBytes(header) > size - at) return null;
    const position = segment.start + at;
    const meta = this.read(position + HEADER_BYTES, header.metaBytes);
    if (crc32(meta) !== header.metaCrc) return null;
    const entries = this.read(position + entriesOffset(header), header.entryBytes);
    if (crc32(entries) !== header.entryCrc) return null;
    if (checkPayload && crc32(this.payload(header, position)) !== header.payloadCrc) return null;
    return { header, meta, entries };
  }

  /** The payload of the record at a position. */
  payload(
    header: { metaBytes: number; entryBytes: number; payloadBytes: number },
    position: number,
  ): Uint8Array {
    return this.read(position + payloadOffset(header), header.payloadBytes);
  }

  /** Cuts the log back to a record boundary, durably. */
  truncate(position: number): void {
    if (position >= this.end) return;
    this.resident = this.resident.filter((r) => r.end <= position);
    if (this.dir !== null && position < this.written) {
      while (
        this.segments.length > 0 &&
        this.segments.at(-1)!.start >= position &&
        this.segments.length > 1
      ) {
        const segment = this.segments.pop()!;
        segment.close();
        fs.unlinkSync(segment.file);
      }
      const segment = this.segments.at(-1);
      if (segment) {
        segment.truncate(position - segment.start);
        fs.fsyncSync(segment.fd);
      }
      syncDirectory(this.dir);
      this.cache.forgetFrom(position);
    }
    this.end = position;
    this.written = Math.min(this.written, position);
    this.durable = Math.min(this.durable, position);
  }

  /** Positions at which segments begin, without the first: where the log may be cut off at the front. */
  segmentStarts(): number[] {
    return this.segments.slice(1).map((s) => s.start);
  }

  /** Drops what lies wholly before a position: segment files, or records of a log in memory. */
  dropBefore(position: number): void {
    if (this.dir === null) this.resident = this.resident.filter((r) => r.position >= position);
    while (this.segments.length > 1 && this.segments[1]!.start <= position) {
      const segment = this.segments.shift()!;
      segment.close();
      fs.unlinkSync(segment.file);
    }
  }

  close(): void {
    for (const s of this.segments) s.close();
    this.segments.length = 0;
  }
}

/** Makes created and removed names of a directory durable. */
export function syncDirectory(dir: string): void {
  const fd = fs.openSync(dir, "r");
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}
