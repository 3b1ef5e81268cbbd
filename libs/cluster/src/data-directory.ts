/** A cluster's data directory: who it belongs to, and the chain's secret. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ClusterError } from "./error.ts";

const FORMAT_VERSION = 1;

export interface DataDirectory {
  readonly path: string;
  /** Keys slot ids; hex, 32 bytes. Stays on this machine. */
  readonly chainSecret: string;
  /** True when a cluster has run here before. */
  readonly existed: boolean;
}

interface Manifest {
  readonly formatVersion: number;
  readonly genesisDigest: string;
  readonly shards: number;
  readonly chainSecret: string;
}

/**
 * Opens or creates a data directory.
 * @throws ClusterError `data-directory` when it belongs to another chain, format or number of shards.
 */
export function openDataDirectory(path: string, genesisFile: string, shards: number): DataDirectory {
  const directory = resolve(path);
  mkdirSync(join(directory, "logs"), { recursive: true });
  const file = join(directory, "cluster-manifest.json");
  const genesisDigest = createHash("sha256").update(readFileSync(genesisFile)).digest("hex");
  if (!existsSync(file)) {
    const manifest: Manifest = {
      formatVersion: FORMAT_VERSION,
      genesisDigest,
      shards,
      chainSecret: randomBytes(32).toString("hex"),
    };
    writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
    return { path: directory, chainSecret: manifest.chainSecret, existed: false };
  }
  const manifest = readManifest(file);
  const refuse = (what: string): never => {
    throw new ClusterError(
      "data-directory",
      `${directory} ${what}`,
      "give another directory with --data, or remove this one",
    );
  };
  if (manifest.formatVersion !== FORMAT_VERSION)
    refuse(`has format ${manifest.formatVersion}, this program writes ${FORMAT_VERSION}`);
  if (manifest.genesisDigest !== genesisDigest) refuse("belongs to another genesis");
  if (manifest.shards !== shards) refuse(`was made with ${manifest.shards} shards, not ${shards}`);
  return { path: directory, chainSecret: manifest.chainSecret, existed: true };
}

function readManifest(file: string): Manifest {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Manifest;
  } catch (error) {
    throw new ClusterError(
      "data-directory",
      `${file} cannot be read: ${(error as Error).message}`,
      "restore it or give another directory with --data",
    );
  }
}
