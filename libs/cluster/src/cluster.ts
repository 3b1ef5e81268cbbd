/**
 * A cluster on one machine: servers first, then services in the order in which they dial each other, every one a process of
 * its own that speaks gRPC. Ends in reverse order, so that what was accepted is drained.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Child } from "./child.ts";
import { openDataDirectory } from "./data-directory.ts";
import { type EmbeddedStreams, startEmbeddedStreams } from "./embedded-streams.ts";
import { ClusterError } from "./error.ts";
import type { ClusterOptions, ServiceKind } from "./options.ts";
import { requirePort } from "./ports.ts";
import { type RunFile, removeRunFile, writeRunFile } from "./run-file.ts";
import { requireServer, type ServerProcess, startNats, startRedis } from "./servers.ts";
import { type Addresses, SERVICE_ENVIRONMENT, serviceCommand, serviceFlags } from "./service-command.ts";

export interface ServiceUsage {
  readonly name: string;
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** Started or given servers of a cluster. */
interface Transport {
  readonly natsUrl?: string;
  readonly redisUrl?: string;
  readonly hubAddress?: string;
  readonly owned: readonly ServerProcess[];
  readonly hub?: EmbeddedStreams;
}

export class Cluster {
  readonly options: ClusterOptions;
  readonly addresses: Addresses;
  private readonly children: Child[] = [];
  private readonly transport: Transport;
  private stopped: Promise<void> | undefined;
  private failureListener: ((error: ClusterError) => void) | undefined;

  private constructor(options: ClusterOptions, addresses: Addresses, transport: Transport) {
    this.options = options;
    this.addresses = addresses;
    this.transport = transport;
  }

  /** Starts everything; nothing is left behind when it fails. @throws ClusterError */
  static async start(
    options: ClusterOptions,
    chainId: number,
    progress: (step: string) => void = () => {},
  ): Promise<Cluster> {
    const data = openDataDirectory(options.dataDirectory, options.genesisFile, options.shards);
    await requirePort(options.httpPort, options.host, "--http-port");
    await requirePort(options.grpcPort, options.host, "--grpc-port");
    progress(options.mode === "local" ? "NATS and Redis" : "embedded streams");
    const transport = await startTransport(options, data.path);
    const addresses: Addresses = {
      shards: [],
      streamPrefix: `velarium-${chainId}`,
      chainSecret: data.chainSecret,
      ...(transport.natsUrl ? { natsUrl: transport.natsUrl } : {}),
      ...(transport.redisUrl ? { redisUrl: transport.redisUrl } : {}),
      ...(transport.hubAddress ? { hub: transport.hubAddress } : {}),
    };
    const cluster = new Cluster(options, addresses, transport);
    try {
      await cluster.startServices(progress);
      writeRunFile(data.path, cluster.runFile(chainId));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** JSON-RPC URL of the gateway. */
  get httpUrl(): string {
    return this.addresses.gatewayHttp ?? "";
  }

  /** gRPC address of the gateway's ingest service. */
  get ingestAddress(): string {
    return this.addresses.gatewayGrpc ?? "";
  }

  /** Called once when a service or server ends without having been asked to. */
  onFailure(listener: (error: ClusterError) => void): void {
    this.failureListener = listener;
  }

  /** Addresses of that kind, of all services that have one. */
  endpointsNamed(name: string): string[] {
    return this.children.flatMap((c) => c.endpoints[name] ?? []);
  }

  usage(): ServiceUsage[] {
    const services = this.children.map((c) => ({
      name: c.name,
      cpuMs: c.cpuMs(),
      residentBytes: c.residentBytes(),
    }));
    const servers = this.transport.owned.map((s) => ({ name: s.name, cpuMs: s.cpuMs(), residentBytes: 0 }));
    return [...services, ...servers];
  }

  /** Drains and ends all services, then the servers. Idempotent. */
  stop(): Promise<void> {
    this.stopped ??= this.stopAll();
    return this.stopped;
  }

  /** Ends all at once, without a drain. */
  kill(): void {
    for (const child of this.children) child.kill();
    for (const server of this.transport.owned) void server.stop();
    removeRunFile(this.options.dataDirectory);
  }

  private async stopAll(): Promise<void> {
    for (const kind of ["gateway", "analyzer", "framer", "scheduler", "executor", "state-shard"] as const) {
      await Promise.all(this.children.filter((c) => kindOf(c.name) === kind).map((c) => c.stop()));
    }
    await this.transport.hub?.stop();
    await Promise.all(this.transport.owned.map((s) => s.stop()));
    removeRunFile(this.options.dataDirectory);
  }

  private async startServices(progress: (step: string) => void): Promise<void> {
    const { options, addresses } = this;
    progress("state shards");
    const shards = await Promise.all(range(options.shards).map((i) => this.launch("state-shard", i)));
    addresses.shards.push(...shards.map((c) => endpoint(c, "grpc")));
    progress("framer and scheduler");
    addresses.framer = endpoint(await this.launch("framer", 0), "grpc");
    addresses.scheduler = endpoint(await this.launch("scheduler", 0), "grpc");
    progress("executors and analyzers");
    const analyzers = range(options.analyzers).map((i) => this.launch("analyzer", i));
    await Promise.all([...range(options.executors).map((i) => this.launch("executor", i)), ...analyzers]);
    addresses.analyzers = (await Promise.all(analyzers)).map((c) => endpoint(c, "grpc"));
    progress("gateway");
    const gateway = await this.launch("gateway", 0);
    addresses.gatewayHttp = endpoint(gateway, "http");
    addresses.gatewayGrpc = endpoint(gateway, "grpc");
  }

  private async launch(kind: ServiceKind, index: number): Promise<Child> {
    const name = kind === "framer" || kind === "scheduler" || kind === "gateway" ? kind : `${kind}-${index}`;
    const child = await Child.start({
      name,
      command: [...serviceCommand(kind), ...serviceFlags(kind, index, this.options, this.addresses)],
      env: { ...SERVICE_ENVIRONMENT, VELARIUM_CHAIN_SECRET: this.addresses.chainSecret },
      logFile: join(this.options.dataDirectory, "logs", `${name}.log`),
      readyTimeoutMs: this.options.readyTimeoutMs,
    });
    child.onUnexpectedExit((c) => this.fail(c));
    this.children.push(child);
    return child;
  }

  private fail(child: Child): void {
    if (this.stopped) return;
    const error = new ClusterError(
      "service-exited",
      `${child.name} ended unexpectedly (${child.exited}):\n${child.tail()}`,
    );
    this.failureListener?.(error);
    this.failureListener = undefined;
  }

  private runFile(chainId: number): RunFile {
    const { addresses, options } = this;
    return {
      pid: process.pid,
      startedMs: Date.now(),
      mode: options.mode,
      chainId,
      streamPrefix: addresses.streamPrefix,
      partitions: 64,
      ...(addresses.natsUrl ? { natsUrl: addresses.natsUrl } : {}),
      ...(addresses.redisUrl ? { redisUrl: addresses.redisUrl } : {}),
      ...(addresses.hub ? { hub: addresses.hub } : {}),
      services: this.children.map((c) => ({ name: c.name, pid: c.pid, endpoints: c.endpoints })),
    };
  }
}

async function startTransport(options: ClusterOptions, directory: string): Promise<Transport> {
  if (options.mode === "embedded") {
    const hub = await startEmbeddedStreams(options.host);
    return { hubAddress: hub.address, hub, owned: [] };
  }
  mkdirSync(join(directory, "logs"), { recursive: true });
  const owned: ServerProcess[] = [];
  try {
    let { natsUrl, redisUrl } = options;
    if (natsUrl) await requireServer("NATS", natsUrl, 4222, "--nats-url");
    if (redisUrl) await requireServer("Redis", redisUrl, 6379, "--redis-url");
    if (!natsUrl) {
      const nats = await startNats(directory);
      owned.push(nats);
      natsUrl = nats.url;
    }
    if (!redisUrl) {
      const redis = await startRedis(directory);
      owned.push(redis);
      redisUrl = redis.url;
    }
    return { natsUrl, redisUrl, owned };
  } catch (error) {
    for (const server of owned) await server.stop();
    throw error;
  }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const kindOf = (name: string): string => name.replace(/-\d+$/, "");

function endpoint(child: Child, name: string): string {
  const address = child.endpoints[name];
  if (!address) throw new ClusterError("service-failed", `${child.name} told no ${name} endpoint`);
  return address;
}
