/** How each service of a local cluster is started: its program and its flags. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterOptions, ServiceKind } from "./options.ts";

/** What is known of the cluster so far; services started later learn the addresses of earlier ones. */
export interface Addresses {
  readonly shards: string[];
  framer?: string;
  scheduler?: string;
  analyzers?: string[];
  gatewayHttp?: string;
  gatewayGrpc?: string;
  readonly natsUrl?: string;
  readonly redisUrl?: string;
  readonly hub?: string;
  readonly streamPrefix: string;
  readonly chainSecret: string;
}

const servicesFolder = fileURLToPath(new URL("../../../services", import.meta.url));

/**
 * V8 collects garbage on the main thread alone: with a service per core or more, its helper threads only take turns with
 * other services, and wait for each other meanwhile. The young generation is so large that a batch dies in it, instead of
 * waiting among the old for one of the rare full collections.
 */
const NODE_FLAGS = [
  "--disable-warning=ExperimentalWarning",
  "--single-threaded-gc",
  "--min-semi-space-size=32",
  "--max-semi-space-size=64",
];

/**
 * For glibc (others ignore it): batches of up to 32 MiB come from memory that the process has, and what is freed stays with
 * it. A page that was given back costs 1 to 10 µs to get again, most where a virtual machine's host takes free memory away:
 * 19 % of all CPU time of ERC-20 transfers, before this.
 */
export const SERVICE_ENVIRONMENT: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL("allocator.json", import.meta.url), "utf8"),
);

/** Runs under the Node that runs this program: TypeScript needs no build there. */
export function serviceCommand(kind: ServiceKind): string[] {
  return [process.execPath, ...NODE_FLAGS, join(servicesFolder, kind, "src", "main.ts")];
}

/** Ports count up in this order: state shards, framer, scheduler, executors, analyzers, gateway. */
function metricsPortOf(kind: ServiceKind, index: number, options: ClusterOptions): number {
  const { metricsPortBase = 0, shards, executors, analyzers } = options;
  if (metricsPortBase === 0) return 0;
  const before: Record<ServiceKind, number> = {
    "state-shard": 0,
    framer: shards,
    scheduler: shards + 1,
    executor: shards + 2,
    analyzer: shards + 2 + executors,
    gateway: shards + 2 + executors + analyzers,
  };
  return metricsPortBase + before[kind] + index;
}

export function serviceFlags(
  kind: ServiceKind,
  index: number,
  options: ClusterOptions,
  addresses: Addresses,
): string[] {
  const flags: Record<string, string> = { host: options.host, genesis: options.genesisFile };
  const streams = (): void => {
    if (addresses.natsUrl) flags["nats-url"] = addresses.natsUrl;
    if (addresses.hub) flags["hub"] = addresses.hub;
    flags["stream-prefix"] = addresses.streamPrefix;
  };
  const shards = addresses.shards.join(",");
  switch (kind) {
    case "state-shard":
      Object.assign(flags, {
        shard: String(index),
        shards: String(options.shards),
        data: join(options.dataDirectory, `shard-${index}`),
      });
      break;
    case "framer":
      streams();
      Object.assign(flags, { shards, analyzers: String(options.analyzers) });
      break;
    case "scheduler":
      streams();
      Object.assign(flags, { shards, framer: addresses.framer!, executors: String(options.executors) });
      break;
    case "executor":
      Object.assign(flags, {
        shards,
        framer: addresses.framer!,
        scheduler: addresses.scheduler!,
        name: `executor-${index}`,
      });
      break;
    case "analyzer":
      streams();
      Object.assign(flags, { shards, framer: addresses.framer! });
      if (addresses.redisUrl) flags["redis-url"] = addresses.redisUrl;
      break;
    case "gateway":
      streams();
      Object.assign(flags, {
        shards,
        analyzers: addresses.analyzers!.join(","),
        "http-port": String(options.httpPort),
        port: String(options.grpcPort),
      });
      if (options.acceptVerified) flags["accept-verified"] = "true";
      break;
  }
  const { otlpEndpoint, traceRatio, metricsPortBase } = options;
  if (otlpEndpoint !== undefined) {
    flags["otlp-endpoint"] = otlpEndpoint;
    if (traceRatio !== undefined) flags["trace-ratio"] = String(traceRatio);
  }
  if (metricsPortBase !== undefined) flags["metrics-port"] = String(metricsPortOf(kind, index, options));
  Object.assign(flags, options.serviceFlags[kind]);
  return Object.entries(flags).flatMap(([name, value]) =>
    value === "true" ? [`--${name}`] : [`--${name}`, value],
  );
}
