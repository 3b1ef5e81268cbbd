/**
 * base.state of a data directory: what is left of log segments that were dropped. It names where the log now begins
 * and carries, per partition, the roots of the sealed twigs that hold nothing active any more.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { crc32 } from "node:zlib";
import { syncDirectory } from "./entry-log.ts";
import { StateError } from "./errors.ts";
import {
  decodeHeader,
  decodeImageMeta,
  encodeImageMeta,
  encodeRecord,
  HEADER_BYTES,
  RecordKind,
  recordBytes,
} from "./log-record.ts";

const NAME = "base.state";
const NONE = new Uint8Array(0);

export interface LogBase {
  /** Start of the first segment that counts. */
  readonly position: number;
  /** Height of the first block record there. */
  readonly firstHeight: number;
  /** Blocks up to this one can no longer be taken back. */
  readonly oldestHeight: number;
  readonly partitions: readonly { partition: number; baseTwig: number; twigRoots: Uint8Array }[];
}

/** Replaces the directory's base atomically and durably. */
export function writeBase(dir: string, base: LogBase): void {
  const { position, firstHeight, oldestHeight } = base;
  const parts = base.partitions.flatMap((p) =>
    encodeRecord({
      kind: RecordKind.image,
      height: oldestHeight,
      meta: encodeImageMeta({ ...p, bits: NONE }),
      entries: NONE,
      payload: NONE,
    }),
  );
  const meta = new TextEncoder().encode(JSON.stringify({ position, firstHeight, oldestHeight }));
  parts.push(
    ...encodeRecord({ kind: RecordKind.block, height: firstHeight, meta, entries: NONE, payload: NONE }),
  );
  const draft = path.join(dir, `${NAME}.new`);
  const fd = fs.openSync(draft, "w");
  const bytes = Buffer.concat(parts);
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
  fs.renameSync(draft, path.join(dir, NAME));
  syncDirectory(dir);
}

/** The directory's base, or null where no segment was ever dropped. */
export function readBase(dir: string): LogBase | null {
  const file = path.join(dir, NAME);
  if (!fs.existsSync(file)) return null;
  const bytes = fs.readFileSync(file);
  const partitions: { partition: number; baseTwig: number; twigRoots: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const header = decodeHeader(bytes.subarray(at));
    if (header === null || header === "version") break;
    const meta = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + header.metaBytes);
    if (crc32(meta) !== header.metaCrc) break;
    if (header.kind === RecordKind.block) return { ...JSON.parse(meta.toString()), partitions } as LogBase;
    partitions.push(decodeImageMeta(meta));
    at += recordBytes(header);
  }
  throw new StateError("corrupt-log", `${file} is damaged`);
}
