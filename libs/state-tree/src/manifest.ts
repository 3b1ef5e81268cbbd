/** manifest.json of a data directory: which chain, format and partitions it holds. A mismatch is a typed refusal. */
import * as fs from "node:fs";
import * as path from "node:path";
import { syncDirectory } from "./entry-log.ts";
import { StateError } from "./errors.ts";
import { FORMAT_VERSION } from "./format.ts";
import type { StateStoreOptions } from "./store-types.ts";

export interface ChainIdentity {
  readonly chainId: number;
  /** Hex, or any string that names the genesis. */
  readonly genesisHash: string;
}

export interface Manifest {
  readonly format: number;
  readonly chain: ChainIdentity;
  readonly partitions: number;
  readonly owned: readonly number[];
}

/** The manifest of a store with these options. @throws StateError `bad-options` */
export function manifestOf(options: Pick<StateStoreOptions, "chain" | "partitions" | "owned">): Manifest {
  const { chain, partitions = 64 } = options;
  if (partitions < 1 || partitions > 256 || (partitions & (partitions - 1)) !== 0)
    throw new StateError("bad-options", `partitions must be a power of two up to 256, got ${partitions}`);
  const owned = [...(options.owned ?? Array.from({ length: partitions }, (_, i) => i))].sort((a, b) => a - b);
  if (
    owned.length === 0 ||
    new Set(owned).size !== owned.length ||
    owned.some((p) => !(p >= 0 && p < partitions))
  )
    throw new StateError(
      "bad-options",
      `owned partitions must be distinct and below ${partitions}, got [${owned}]`,
    );
  const { chainId, genesisHash } = chain;
  return { format: FORMAT_VERSION, chain: { chainId, genesisHash }, partitions, owned };
}

/** Throws unless what was found may be used where `expected` was asked for. */
export function checkManifest(found: Manifest, expected: Manifest, where: string): void {
  if (found.format !== expected.format)
    throw new StateError(
      "wrong-version",
      `${where} has format ${found.format}; this program reads ${expected.format}`,
    );
  if (
    found.chain.chainId !== expected.chain.chainId ||
    found.chain.genesisHash !== expected.chain.genesisHash
  )
    throw new StateError(
      "wrong-chain",
      `${where} holds chain ${found.chain.chainId} with genesis ${found.chain.genesisHash}; ` +
        `asked for chain ${expected.chain.chainId} with genesis ${expected.chain.genesisHash}. Use another data directory`,
    );
  if (found.partitions !== expected.partitions || found.owned.join() !== expected.owned.join())
    throw new StateError(
      "wrong-partitions",
      `${where} holds partitions [${found.owned.join()}] of ${found.partitions}; ` +
        `asked for [${expected.owned.join()}] of ${expected.partitions}`,
    );
}

/** Checks the directory's manifest, or makes the directory with one. */
export function openManifest(dir: string, expected: Manifest): void {
  fs.mkdirSync(dir, { recursive: true });
  const file = path.join(dir, "manifest.json");
  if (fs.existsSync(file)) {
    let found: Manifest;
    try {
      found = JSON.parse(fs.readFileSync(file, "utf8")) as Manifest;
    } catch {
      throw new StateError("corrupt-log", `${file} is not readable JSON`);
    }
    checkManifest(found, expected, dir);
    return;
  }
  if (fs.readdirSync(dir).some((name) => name.endsWith(".seg")))
    throw new StateError("corrupt-log", `${dir} holds log segments but no manifest.json`);
  const draft = `${file}.new`;
  const fd = fs.openSync(draft, "w");
  fs.writeSync(fd, `${JSON.stringify(expected, null, 2)}\n`);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
  fs.renameSync(draft, file);
  syncDirectory(dir);
}
