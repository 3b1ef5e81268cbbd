/**
 * Exported chains: `manifest.json`, `genesis.json` and `blocks/NNNNNNNNN.block` in one directory. A block file is
 * the block record and its CRC-32. Files appear whole (written aside, then renamed).
 */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { BlockError } from "./error.ts";
import { BLOCK_RECORD_VERSION, type BlockRecord, decodeBlockRecord } from "./record.ts";

export const EXPORT_VERSION = 1;

export interface ExportManifest {
  readonly format: "velarium-export";
  readonly version: number;
  readonly recordVersion: number;
  readonly chainId: number;
  /** Whatever the writer wants to say about itself: program version, chain rules. */
  readonly about?: Readonly<Record<string, string>>;
}

const fileName = (number: number): string => `${String(number).padStart(9, "0")}.block`;

function writeWhole(path: string, ...parts: readonly (Uint8Array | string)[]): void {
  const file = openSync(`${path}.tmp`, "w");
  try {
    for (const part of parts) writeFileSync(file, part);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.tmp`, path);
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new BlockError("export", `no ${path}: not the directory of an export?`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new BlockError("export", `${path} is not JSON`);
  }
}

export interface ExportOptions {
  readonly chainId: number;
  readonly about?: Readonly<Record<string, string>>;
  /** Keep only the last so many blocks; 0 (default) keeps all. */
  readonly keepLast?: number;
}

export class BlockExportWriter {
  private readonly blocks: string;
  private readonly keepLast: number;
  private readonly kept: number[];

  /** Creates the directory, or goes on in one of the same chain. Throws BlockError `export` or `version`. */
  constructor(
    directory: string,
    genesis: { readonly file: string } | { readonly json: unknown },
    options: ExportOptions,
  ) {
    this.blocks = join(directory, "blocks");
    this.keepLast = options.keepLast ?? 0;
    mkdirSync(this.blocks, { recursive: true });
    const manifest: ExportManifest = {
      format: "velarium-export",
      version: EXPORT_VERSION,
      recordVersion: BLOCK_RECORD_VERSION,
      chainId: options.chainId,
      ...(options.about ? { about: options.about } : {}),
    };
    const names = readdirSync(directory);
    if (names.includes("manifest.json")) {
      const existing = readManifest(directory);
      if (existing.chainId !== options.chainId) {
        throw new BlockError(
          "export",
          `${directory} holds chain ${existing.chainId}, this is chain ${options.chainId}`,
        );
      }
    }
    const genesisFile = join(directory, "genesis.json");
    // A genesis of a million accounts is copied rather than parsed.
    if ("file" in genesis) copyFileSync(genesis.file, genesisFile);
    else writeWhole(genesisFile, `${JSON.stringify(genesis.json, null, 1)}\n`);
    writeWhole(join(directory, "manifest.json"), `${JSON.stringify(manifest, null, 1)}\n`);
    this.kept = numbersIn(this.blocks);
  }

  /** Writes an encoded record; a block of the same number is replaced. Then applies the retention. */
  write(number: number, record: Uint8Array): void {
    const checksum = new Uint8Array(4);
    new DataView(checksum.buffer).setUint32(0, crc32(record), true);
    writeWhole(join(this.blocks, fileName(number)), record, checksum);
    const last = this.kept.at(-1);
    if (last === undefined || number > last) this.kept.push(number);
    else if (!this.kept.includes(number)) {
      this.kept.push(number);
      this.kept.sort((a, b) => a - b);
    }
    if (this.keepLast > 0) {
      while (this.kept.length > this.keepLast)
        rmSync(join(this.blocks, fileName(this.kept.shift()!)), { force: true });
    }
  }

  /** Removes blocks above a height: after a rollback they are no longer part of the chain. */
  truncateAbove(height: number): void {
    while (this.kept.length > 0 && this.kept.at(-1)! > height) {
      rmSync(join(this.blocks, fileName(this.kept.pop()!)), { force: true });
    }
  }
}

function numbersIn(blocks: string): number[] {
  let names: string[];
  try {
    names = readdirSync(blocks);
  } catch {
    throw new BlockError("export", `no directory ${blocks}`);
  }
  return names
    .filter((name) => /^\d{9,}\.block$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

function readManifest(directory: string): ExportManifest {
  const path = join(directory, "manifest.json");
  const manifest = readJson(path) as Partial<ExportManifest> | null;
  if (manifest?.format !== "velarium-export" || typeof manifest.chainId !== "number") {
    throw new BlockError("export", `${path} is not the manifest of an export`);
  }
  if (manifest.version !== EXPORT_VERSION || manifest.recordVersion !== BLOCK_RECORD_VERSION) {
    throw new BlockError(
      "version",
      `${path}: version ${manifest.version}.${manifest.recordVersion}, this program reads ${EXPORT_VERSION}.${BLOCK_RECORD_VERSION}`,
    );
  }
  return manifest as ExportManifest;
}

export class BlockExportReader {
  readonly manifest: ExportManifest;
  readonly genesis: unknown;
  private readonly blocks: string;

  /** Throws BlockError `export` or `version`. */
  constructor(directory: string) {
    this.manifest = readManifest(directory);
    this.genesis = readJson(join(directory, "genesis.json"));
    this.blocks = join(directory, "blocks");
  }

  /** Numbers of the blocks that are there, ascending. */
  numbers(): number[] {
    return numbersIn(this.blocks);
  }

  /** Throws BlockError: `export` when missing, damaged or of another number. */
  read(number: number): BlockRecord {
    const path = join(this.blocks, fileName(number));
    let file: Uint8Array;
    try {
      file = new Uint8Array(readFileSync(path));
    } catch {
      throw new BlockError("export", `no ${path}`);
    }
    const size = file.length - 4;
    if (size < 0 || new DataView(file.buffer).getUint32(size, true) !== crc32(file.subarray(0, size))) {
      throw new BlockError("export", `${path} is damaged: its checksum does not match`);
    }
    const record = decodeBlockRecord(file.subarray(0, size));
    if (record.number !== number) throw new BlockError("export", `${path} holds block ${record.number}`);
    return record;
  }
}
