/** Finds clusters that run on this machine: by their data directory, or among the directories made for single runs. */
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type RunFile, readRunFile } from "@velarium/cluster";
import { UsageError } from "./exit-code.ts";

export interface RunningCluster {
  readonly dataDirectory: string;
  readonly run: RunFile;
}

/** No cluster runs where one was looked for. */
export class NoClusterError extends Error {
  readonly code = "unavailable";
}

/** Prefix of data directories of clusters that were started without --data. */
const TEMPORARY_PREFIX = "velarium-";

export function runningClusters(): RunningCluster[] {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(TEMPORARY_PREFIX))
    .flatMap((name) => {
      const dataDirectory = join(tmpdir(), name);
      const run = readRunFile(dataDirectory);
      return run ? [{ dataDirectory, run }] : [];
    })
    .sort((a, b) => b.run.startedMs - a.run.startedMs);
}

/** The cluster of `data`, or the only one that runs without --data. @throws NoClusterError, UsageError when several run */
export function findRunningCluster(data: string | undefined): RunningCluster {
  if (data !== undefined) {
    const run = readRunFile(data);
    if (!run)
      throw new NoClusterError(
        `no cluster runs in ${resolve(data)}; start one with: velarium up --data ${data}`,
      );
    return { dataDirectory: resolve(data), run };
  }
  const [first, ...others] = runningClusters();
  if (!first)
    throw new NoClusterError(
      "no cluster runs here; start one with: velarium up (one that was started with --data DIR is found with --data DIR)",
    );
  if (others.length > 0) {
    throw new UsageError(
      `several clusters run; choose one with --data:\n${[first, ...others].map((c) => `  --data ${c.dataDirectory}`).join("\n")}`,
    );
  }
  return first;
}

export const endpointOf = (run: RunFile, service: string, name: string): string | undefined =>
  run.services.find((each) => each.name === service)?.endpoints[name];

/** gRPC addresses of all shards, in order of their numbers. */
export function shardAddresses(run: RunFile): string[] {
  return run.services
    .filter((service) => service.name.startsWith("state-shard-"))
    .sort((a, b) => numberOf(a.name) - numberOf(b.name))
    .flatMap((service) => service.endpoints["grpc"] ?? []);
}

const numberOf = (name: string): number => Number(name.slice(name.lastIndexOf("-") + 1));
