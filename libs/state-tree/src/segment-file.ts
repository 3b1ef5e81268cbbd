/**
 * A file of the log. Long records are written past the operating system's cache (O_DIRECT): what they hold is in the log's
 * own cache already, so a second copy of every page would only cost its allocation and the copying, as much as a sixth of
 * all that a commit takes. Such writes are whole aligned blocks: the block in which the file ended is written again with
 * the same beginning, as a cached write does too, and zeros fill the last one, which the next record covers. A scan takes
 * them for a torn tail. Where the file system does not support this, everything goes through its cache.
 */
import * as fs from "node:fs";
import { wasmApi } from "@velarium/wasm";

/** What the file system is given at once; offsets, lengths and addresses are multiples of it. */
const BLOCK_BYTES = 4096;
const STAGE_BYTES = 4 << 20;
const WASM_PAGE = 65_536;

/** Memory at a page boundary, which only WebAssembly gives; shared by all logs of the process, writes are synchronous. */
let stage: Uint8Array | undefined;

export class SegmentFile {
  readonly start: number;
  readonly file: string;
  /** For reading, and for short writes. */
  readonly fd: number;
  private direct: number | undefined;
  /** Bytes of the block in which the last direct write ended, up to there. */
  private tail = new Uint8Array(0);
  private end = -1;

  /** `flags` as of fs.open. */
  constructor(start: number, file: string, flags: "r+" | "wx+") {
    this.start = start;
    this.file = file;
    this.fd = fs.openSync(file, flags);
  }

  /** Writes `parts` one after the other from byte `at` of the file on, where it ends; leaves nothing behind when it fails. */
  write(parts: readonly Uint8Array[], at: number, isLong: boolean): void {
    try {
      if (!isLong || !this.writeDirect(parts, at)) writeAll(this.fd, parts, at);
    } catch (error) {
      // Leave no half record behind: the next attempt starts at the same place.
      this.truncate(at);
      throw error;
    }
  }

  /** False: not supported here; nothing is written then. */
  private writeDirect(parts: readonly Uint8Array[], at: number): boolean {
    this.direct ??= openDirect(this.file);
    if (this.direct < 0) return false;
    stage ??= new Uint8Array(new wasmApi.Memory({ initial: STAGE_BYTES / WASM_PAGE }).buffer);
    let position = Math.floor(at / BLOCK_BYTES) * BLOCK_BYTES;
    let filled = at - position;
    if (filled > 0) this.loadTail(at, position, filled);
    for (const part of parts)
      for (let from = 0; from < part.length; ) {
        const some = Math.min(part.length - from, STAGE_BYTES - filled);
        stage.set(part.subarray(from, from + some), filled);
        from += some;
        filled += some;
        if (filled < STAGE_BYTES) continue;
        if (!this.flush(STAGE_BYTES, position)) return false;
        position += STAGE_BYTES;
        filled = 0;
      }
    const whole = Math.ceil(filled / BLOCK_BYTES) * BLOCK_BYTES;
    stage.fill(0, filled, whole);
    if (whole > 0 && !this.flush(whole, position)) return false;
    this.tail = stage.slice(Math.floor(filled / BLOCK_BYTES) * BLOCK_BYTES, filled);
    this.end = position + filled;
    return true;
  }

  private loadTail(at: number, position: number, length: number): void {
    if (this.end === at) stage!.set(this.tail);
    else fs.readSync(this.fd, stage!, 0, length, position);
  }

  /** Writes the first bytes of the stage; false when the file system refuses such writes. */
  private flush(bytes: number, position: number): boolean {
    try {
      for (let at = 0; at < bytes; ) at += fs.writeSync(this.direct!, stage!, at, bytes - at, position + at);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
      fs.closeSync(this.direct!);
      this.direct = -1;
      return false;
    }
  }

  /** Cuts the file off. */
  truncate(length: number): void {
    this.end = -1;
    fs.ftruncateSync(this.fd, length);
  }

  close(): void {
    fs.closeSync(this.fd);
    if (this.direct !== undefined && this.direct >= 0) fs.closeSync(this.direct);
  }
}

function openDirect(file: string): number {
  const { O_DIRECT, O_WRONLY } = fs.constants;
  // Not every system has it.
  if (O_DIRECT === undefined) return -1;
  try {
    return fs.openSync(file, O_WRONLY | O_DIRECT);
  } catch {
    return -1;
  }
}

function writeAll(fd: number, parts: readonly Uint8Array[], position: number): void {
  let left = parts.slice();
  let at = position;
  while (left.length > 0) {
    let n = fs.writevSync(fd, left, at);
    at += n;
    while (left.length > 0 && n >= left[0]!.length) n -= left.shift()!.length;
    if (n > 0) left = [left[0]!.subarray(n), ...left.slice(1)];
  }
}
