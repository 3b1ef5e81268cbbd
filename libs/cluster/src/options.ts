/** What a cluster on one machine consists of. */
export type TransportMode = "embedded" | "local";

export interface ClusterOptions {
  /** embedded: logs, notices and cache in memory of this program; local: NATS and Redis. */
  readonly mode: TransportMode;
  readonly executors: number;
  readonly shards: number;
  readonly analyzers: number;
  /** State, logs and streams. A directory of another chain or version is refused. */
  readonly dataDirectory: string;
  /** geth's genesis format. */
  readonly genesisFile: string;
  readonly host: string;
  /** JSON-RPC. 0: any free port. */
  readonly httpPort: number;
  /** Ingest gRPC of the gateway. 0: any free port. */
  readonly grpcPort: number;
  /** URLs of running servers; without one, the program on PATH is started. Only in mode local. */
  readonly natsUrl?: string;
  readonly redisUrl?: string;
  /** Accept records whose signatures an upstream has checked. */
  readonly acceptVerified: boolean;
  /** Flags passed on to services by kind, in their own spelling, for example {framer: {"block-gas-limit": "1500000000"}}. */
  readonly serviceFlags: Readonly<Partial<Record<ServiceKind, Readonly<Record<string, string>>>>>;
  /** OTLP gRPC endpoint for the traces of all services; they trace nothing without one. */
  readonly otlpEndpoint?: string;
  /** Share of frames that are traced, 0..1. */
  readonly traceRatio?: number;
  /** Metrics on a port of its own for every service, counted up from here in the order of their start; 0: any free ports. */
  readonly metricsPortBase?: number;
  readonly readyTimeoutMs: number;
}

export const serviceKinds = [
  "state-shard",
  "framer",
  "scheduler",
  "analyzer",
  "executor",
  "gateway",
] as const;
export type ServiceKind = (typeof serviceKinds)[number];

export const defaultClusterOptions = {
  mode: "embedded",
  executors: 2,
  shards: 2,
  analyzers: 1,
  host: "127.0.0.1",
  httpPort: 8545,
  grpcPort: 0,
  acceptVerified: false,
  serviceFlags: {},
  readyTimeoutMs: 120_000,
} as const satisfies Partial<ClusterOptions>;
