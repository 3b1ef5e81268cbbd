/**
 * Contract code by hash: an append-only file of `length u32 | CRC-32 u32 | hash 32 | code`, synced before the block that
 * brings the code. Code is never removed, so a rollback leaves it: unused code does no harm.
 */
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

const HEADER_BYTES = 40;
const HASH_BYTES = 32;
const PREFIX_BYTES = 28;

interface Place {
  readonly offset: number;
  readonly length: number;
}

export class CodeStore {
  private readonly file: number | undefined;
  private readonly places = new Map<string, Place>();
  /** Recently used code; insertion order is age. All code when there is no file. */
  private readonly cache = new Map<string, Uint8Array>();
  private readonly cacheLimit: number;
  private cachedBytes = 0;
  private end = 0;

  /** @throws Error when the directory cannot be written */
  constructor(directory: string | undefined, cacheBytes: number) {
    this.cacheLimit = directory === undefined ? Number.POSITIVE_INFINITY : cacheBytes;
    if (directory === undefined) return;
    mkdirSync(directory, { recursive: true });
    this.file = openSync(join(directory, "codes.log"), "a+");
    this.scan(this.file);
  }

  get count(): number {
    return this.file === undefined ? this.cache.size : this.places.size;
  }

  /** Code by the first 28 bytes of its hash. */
  get(prefix: Uint8Array): Uint8Array | undefined {
    const name = nameOf(prefix);
    const cached = this.cache.get(name);
    if (cached) return cached;
    const place = this.places.get(name);
    if (!place) return undefined;
    const code = new Uint8Array(place.length);
    readSync(this.file!, code, 0, place.length, place.offset);
    this.keep(name, code);
    return code;
  }

  /** Appends what is not there yet, and syncs if asked and anything was appended. */
  add(codes: readonly { readonly hash: Uint8Array; readonly bytes: Uint8Array }[], sync: boolean): void {
    let appended = false;
    for (const { hash, bytes } of codes) {
      const name = nameOf(hash);
      if (this.places.has(name) || (this.file === undefined && this.cache.has(name))) continue;
      if (this.file !== undefined) {
        const record = new Uint8Array(HEADER_BYTES + bytes.length);
        const view = new DataView(record.buffer);
        view.setUint32(0, bytes.length, true);
        record.set(hash.subarray(0, HASH_BYTES), 8);
        record.set(bytes, HEADER_BYTES);
        view.setUint32(4, crc32(record.subarray(8)), true);
        writeSync(this.file, record);
        this.places.set(name, { offset: this.end + HEADER_BYTES, length: bytes.length });
        this.end += record.length;
        appended = true;
      }
      this.keep(name, bytes.slice());
    }
    if (appended && sync) fdatasyncSync(this.file!);
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
  }

  private keep(name: string, code: Uint8Array): void {
    this.cache.set(name, code);
    this.cachedBytes += code.length;
    while (this.cachedBytes > this.cacheLimit && this.cache.size > 1) {
      const [oldest, bytes] = this.cache.entries().next().value!;
      this.cache.delete(oldest);
      this.cachedBytes -= bytes.length;
    }
  }

  /** Finds all whole records; a torn one at the end is cut off. */
  private scan(file: number): void {
    const { size } = fstatSync(file);
    const header = new Uint8Array(HEADER_BYTES);
    const view = new DataView(header.buffer);
    while (this.end + HEADER_BYTES <= size) {
      readSync(file, header, 0, HEADER_BYTES, this.end);
      const length = view.getUint32(0, true);
      if (this.end + HEADER_BYTES + length > size) break;
      const body = new Uint8Array(HASH_BYTES + length);
      readSync(file, body, 0, body.length, this.end + 8);
      if (crc32(body) !== view.getUint32(4, true)) break;
      this.places.set(nameOf(body), { offset: this.end + HEADER_BYTES, length });
      this.end += HEADER_BYTES + length;
    }
    if (this.end < size) ftruncateSync(file, this.end);
  }
}

const nameOf = (hash: Uint8Array): string =>
  Buffer.from(hash.buffer, hash.byteOffset, PREFIX_BYTES).toString("latin1");
