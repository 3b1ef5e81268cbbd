/** How each service of a local cluster is started: its program and its flags. */
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

/** Runs under the Node that runs this program: TypeScript needs no build there. */
export function serviceCommand(kind: ServiceKind): string[] {
  return [process.execPath, "--disable-warning=ExperimentalWarning", join(servicesFolder, kind, "src", "main.ts")];
}

export function serviceFlags(kind: ServiceKind, index: number, options: ClusterOptions, addresses: Addresses): string[] {
  const flags: Record<string, string> = { host: options.host, genesis: options.genesisFile };
  const streams = (): void => {
    if (addresses.natsUrl) flags["nats-url"] = addresses.natsUrl;
    if (addresses.hub) flags["hub"] = addresses.hub;
    flags["stream-prefix"] = addresses.streamPrefix;
  };
  const shards = addresses.shards.join(",");
  switch (kind) {
    case "state-shard":
      Object.assign(flags, { shard: String(index), shards: String(options.shards), data: join(options.dataDirectory, `shard-${index}`) });
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
      Object.assign(flags, { shards, framer: addresses.framer!, scheduler: addresses.scheduler!, name: `executor-${index}` });
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
  Object.assign(flags, options.serviceFlags[kind]);
  return Object.entries(flags).flatMap(([name, value]) => (value === "true" ? [`--${name}`] : [`--${name}`, value]));
}
