/** Flags that describe a cluster on this machine, shared by the commands that start one. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ClusterOptions,
  defaultClusterOptions,
  type ServiceKind,
  serviceKinds,
} from "@velarium/cluster";
import { DEFAULT_ENGINE, ENGINE_KINDS, type EngineKind } from "@velarium/engine-wasm";
import { type Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "./exit-code.ts";

export interface ClusterFlags {
  readonly local?: boolean;
  readonly embedded?: boolean;
  readonly executors: number;
  readonly shards: number;
  readonly analyzers: number;
  readonly engine: EngineKind;
  readonly data?: string;
  readonly natsUrl?: string;
  readonly redisUrl?: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly blockGasLimit: number;
  readonly blockTime: number;
  readonly emptyBlockTime: number;
  readonly otlpEndpoint?: string;
  readonly traceRatio: number;
  readonly metricsPortBase?: number;
  readonly set: readonly string[];
}

export function wholeNumber(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll("_", ""));
    if (!Number.isInteger(value) || value < low || value > high)
      throw new InvalidArgumentError(`expected a whole number from ${low} to ${high}.`);
    return value;
  };
}

export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError("expected a number from 0 to 1.");
  return value;
}

/** Adds the flags; `httpPort` is the default of the JSON-RPC port. */
export function addClusterFlags(command: Command, httpPort: number): Command {
  const d = defaultClusterOptions;
  return command
    .option("--embedded", "NATS and Redis replaced by memory in this program (default)")
    .option("--local", "real NATS (JetStream) and Redis: started from PATH, or given by URL")
    .option("--nats-url <url>", "running NATS server, with --local")
    .option("--redis-url <url>", "running Redis server, with --local")
    .option("--executors <n>", "executors", wholeNumber(1, 64), d.executors)
    .option("--shards <n>", "state shards", wholeNumber(1, 64), d.shards)
    .option("--analyzers <n>", "analyzers", wholeNumber(1, 64), d.analyzers)
    .addOption(
      new Option("--engine <kind>", "what runs contract code, in executors and analyzers")
        .choices([...ENGINE_KINDS])
        .default(DEFAULT_ENGINE),
    )
    .option("--data <dir>", "state, streams and logs; kept over restarts")
    .option("--http-port <port>", "JSON-RPC; 0 for any free port", wholeNumber(0, 65_535), httpPort)
    .option("--grpc-port <port>", "gRPC ingest; 0 for any free port", wholeNumber(0, 65_535), 0)
    .option("--block-gas-limit <gas>", "gas limit of a block", wholeNumber(30_000), 1_500_000_000)
    .option(
      "--block-time <ms>",
      "seal a block after this time when it has transactions",
      wholeNumber(10),
      1_000,
    )
    .option("--empty-block-time <ms>", "seal an empty block after this time", wholeNumber(10), 12_000)
    .option(
      "--otlp-endpoint <url>",
      "send traces of frames to this OTLP gRPC endpoint, for example http://localhost:4317",
    )
    .option("--trace-ratio <r>", "share of frames that are traced, with --otlp-endpoint", fraction, 1)
    .option(
      "--metrics-port-base <port>",
      "Prometheus metrics of every service, on ports counted up from this one; 0 for any free ports",
      wholeNumber(0, 65_000),
    )
    .addOption(
      new Option(
        "--set <service.flag=value>",
        "pass a flag on to a service, for example framer.pool-transactions=50000; repeatable",
      )
        .argParser((text: string, all: string[]) => [...all, text])
        .default([] as string[]),
    );
}

/** Options of the cluster library from flags. Without --data, state lives in a directory that is made for this run. */
export function clusterOptionsOf(
  flags: ClusterFlags,
  genesisFile: string,
  dataDirectory: string,
  acceptVerified: boolean,
): ClusterOptions {
  const serviceFlags: Partial<Record<ServiceKind, Record<string, string>>> = {
    framer: {
      "block-gas-limit": String(flags.blockGasLimit),
      "block-time-ms": String(flags.blockTime),
      "empty-block-time-ms": String(flags.emptyBlockTime),
    },
    executor: { engine: flags.engine },
    analyzer: { engine: flags.engine },
    gateway: { "block-gas-limit": String(flags.blockGasLimit) },
  };
  for (const text of flags.set) {
    const match = /^([a-z-]+)\.([a-z0-9-]+)=(.*)$/s.exec(text);
    if (!match) throw new UsageError(`--set ${text}: expected service.flag=value`);
    const kind = serviceKinds.find((known) => known === match[1]);
    if (!kind)
      throw new UsageError(
        `--set ${text}: there is no service ${match[1]}; there are ${serviceKinds.join(", ")}`,
      );
    serviceFlags[kind] = { ...serviceFlags[kind], [match[2]!]: match[3]! };
  }
  return {
    ...defaultClusterOptions,
    mode: flags.local || flags.natsUrl ? "local" : "embedded",
    executors: flags.executors,
    shards: flags.shards,
    analyzers: flags.analyzers,
    dataDirectory,
    genesisFile,
    httpPort: flags.httpPort,
    grpcPort: flags.grpcPort,
    ...(flags.natsUrl ? { natsUrl: flags.natsUrl } : {}),
    ...(flags.redisUrl ? { redisUrl: flags.redisUrl } : {}),
    ...(flags.otlpEndpoint ? { otlpEndpoint: flags.otlpEndpoint, traceRatio: flags.traceRatio } : {}),
    ...(flags.metricsPortBase === undefined ? {} : { metricsPortBase: flags.metricsPortBase }),
    acceptVerified,
    serviceFlags,
  };
}

export function temporaryDataDirectory(): string {
  return mkdtempSync(join(tmpdir(), "velarium-"));
}
