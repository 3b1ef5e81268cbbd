/**
 * Snapshot of a store's partitions in one file: the manifest as a line of JSON, padded to 4096 bytes, then the same
 * records a log starts with: an image per partition (roots of dead twigs, active bits, entries of live twigs) and a
 * block record. A store loaded from it continues with the same roots.
 */
import * as fs from "node:fs";
import { crc32 } from "node:zlib";
import { StateError } from "./errors.ts";
import { ENTRY_WORDS, HASH_BYTES, TWIG_ENTRIES } from "./format.ts";
import {
  decodeBlockMeta,
  decodeHeader,
  encodeBlockMeta,
  encodeImageMeta,
  encodeRecord,
  entriesOffset,
  HEADER_BYTES,
  type LogRecord,
  payloadOffset,
  RecordKind,
  recordBytes,
} from "./log-record.ts";
import { checkManifest, type Manifest } from "./manifest.ts";
import { StateStore } from "./store.ts";
import type { StateStoreOptions } from "./store-types.ts";

const PREFIX_BYTES = 4096;
const NONE = new Uint8Array(0);

/** Writes the state at the newest height to a new file, synced. The block record at that height goes with it. */
export function writeSnapshot(store: StateStore, file: string): void {
  if (store.height < 0) throw new StateError("wrong-height", "there is no state to snapshot before genesis");
  const prefix = Buffer.alloc(PREFIX_BYTES, " ");
  const line = `${JSON.stringify(store.manifest)}\n`;
  if (prefix.write(line) < line.length)
    throw new StateError("bad-options", "the manifest does not fit a snapshot's prefix");
  const fd = fs.openSync(file, "w");
  try {
    writeAll(fd, prefix);
    const put = (record: LogRecord): void => {
      for (const part of encodeRecord(record)) writeAll(fd, part);
    };
    const roots = store.partitionRoots();
    const parts = store.partitionList.map((part, i) => {
      const { tree } = part;
      const base = tree.baseTwig;
      const twigRoots = new Uint8Array(base * HASH_BYTES);
      for (let t = 0; t < base; t++) twigRoots.set(tree.twigRoot(t), t * HASH_BYTES);
      const first = base * TWIG_ENTRIES;
      const entries = new Uint32Array((tree.count - first) * ENTRY_WORDS);
      for (let n = first; n < tree.count; n++) part.readEntry(n, entries, (n - first) * ENTRY_WORDS);
      const meta = encodeImageMeta({ partition: part.id, baseTwig: base, twigRoots, bits: tree.liveBits() });
      put({
        kind: RecordKind.image,
        height: store.height,
        meta,
        entries: new Uint8Array(entries.buffer),
        payload: NONE,
      });
      const root = roots.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES);
      return { partition: part.id, first: tree.count, appended: 0, root, deleted: NONE };
    });
    const payload = store.recordAt(store.height) ?? NONE;
    put({
      kind: RecordKind.block,
      height: store.height,
      meta: encodeBlockMeta(parts),
      entries: NONE,
      payload,
    });
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Makes a new store (its directory must not hold one yet) from a snapshot; checks chain, version and roots. */
export function loadSnapshot(file: string, options: StateStoreOptions): StateStore {
  const fd = fs.openSync(file, "r");
  try {
    const store = StateStore.open(options);
    if (store.height >= 0)
      throw new StateError("wrong-height", `the store already holds block ${store.height}`);
    checkManifest(readPrefix(fd, file), store.manifest, file);
    let at = PREFIX_BYTES;
    for (const part of store.partitionList) {
      const record = readRecord(fd, at, file);
      at = record.end;
      if (record.kind !== RecordKind.image)
        throw new StateError("corrupt-snapshot", `${file} lacks partition ${part.id}`);
      store.appendImage(part, record.height, record.meta, record.entries);
    }
    const last = readRecord(fd, at, file);
    if (last.kind !== RecordKind.block)
      throw new StateError("corrupt-snapshot", `${file} has no closing record`);
    const expected = decodeBlockMeta(last.meta);
    const { partitionRoots } = store.finishImages(last.height, last.payload);
    expected.forEach((part, i) => {
      if (Buffer.compare(part.root, partitionRoots.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)) !== 0)
        throw new StateError(
          "corrupt-snapshot",
          `partition ${part.partition} of ${file} does not have its root`,
        );
    });
    store.persist();
    return store;
  } finally {
    fs.closeSync(fd);
  }
}

function readPrefix(fd: number, file: string): Manifest {
  try {
    return JSON.parse(Buffer.from(readExactly(fd, 0, PREFIX_BYTES, file)).toString()) as Manifest;
  } catch (error) {
    if (error instanceof StateError) throw error;
    throw new StateError("corrupt-snapshot", `${file} does not begin with a manifest`);
  }
}

function readRecord(fd: number, at: number, file: string) {
  const header = decodeHeader(readExactly(fd, at, HEADER_BYTES, file));
  if (header === "version") throw new StateError("wrong-version", `${file} has another format version`);
  if (header === null) throw new StateError("corrupt-snapshot", `${file} has no record at byte ${at}`);
  const meta = readExactly(fd, at + HEADER_BYTES, header.metaBytes, file);
  const entries = readExactly(fd, at + entriesOffset(header), header.entryBytes, file);
  const payload = readExactly(fd, at + payloadOffset(header), header.payloadBytes, file);
  if (
    crc32(meta) !== header.metaCrc ||
    crc32(entries) !== header.entryCrc ||
    crc32(payload) !== header.payloadCrc
  )
    throw new StateError("corrupt-snapshot", `the record at byte ${at} of ${file} fails its checksum`);
  return { kind: header.kind, height: header.height, meta, entries, payload, end: at + recordBytes(header) };
}

function readExactly(fd: number, position: number, length: number, file: string): Uint8Array {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const n = fs.readSync(fd, out, at, Math.min(length - at, 1 << 30), position + at);
    if (n === 0) throw new StateError("corrupt-snapshot", `${file} ends at byte ${position + at}`);
    at += n;
  }
  return out;
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; )
    at += fs.writeSync(fd, bytes, at, Math.min(bytes.length - at, 1 << 30));
}
