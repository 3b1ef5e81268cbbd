/** Builds a state shard from its parts. */
import { type RpcServer, serveRpc } from "@velarium/rpc";
import {
  addTracing,
  createMetricRegistry,
  defineMetrics,
  Lifecycle,
  type ObservabilityServer,
  type RunnableService,
  type ServiceContext,
  serveObservability,
} from "@velarium/service-kit";
import type { stateShardOptions } from "./options.ts";
import { answerRead } from "./reads.ts";
import { Shard } from "./shard.ts";
import { openStoredState, type StoredState } from "./stored-state.ts";

export function createStateShard({
  options,
  log,
}: ServiceContext<typeof stateShardOptions.definitions>): RunnableService {
  const lifecycle = new Lifecycle();
  const registry = createMetricRegistry({ service: `state-shard-${options.shard}` });
  const tracing = addTracing(lifecycle, "state-shard", options, `state-shard-${options.shard}`);
  let state: StoredState | undefined;
  let shard: Shard | undefined;
  let server: RpcServer | undefined;
  let observability: ObservabilityServer | undefined;
  defineShardMetrics(
    registry,
    () => shard,
    () => state,
  );
  lifecycle.add({
    name: "state",
    start: () => {
      state = openStoredState(options);
      log.info(
        {
          height: state.store.durableHeight,
          slots: state.store.stats().slots,
          partitions: state.owned.length,
        },
        "state is open",
      );
      shard = new Shard(options, state, log, tracing, (error) => void lifecycle.fail(error));
    },
    stop: async () => {
      await shard?.settled().catch(() => {});
      state?.store.close();
      state?.codes.close();
    },
  });
  lifecycle.add({
    name: "gRPC",
    start: async () => {
      const opened = state!;
      const running = shard!;
      server = await serveRpc({
        host: options.host,
        port: options.port,
        services: [
          {
            name: "StateShard",
            streams: {
              Slots: (peer) => running.serveExecutor(peer),
              Control: (peer) => running.serveScheduler(peer),
              Commit: (peer) => running.serveFramer(peer),
            },
            unary: { Read: (request) => answerRead(opened, request) },
          },
        ],
      });
    },
    stop: () => server?.stop(),
  });
  if (options.metricsPort !== undefined) {
    const port = options.metricsPort;
    lifecycle.add({
      name: "metrics",
      start: async () => {
        observability = await serveObservability({
          host: options.host,
          port,
          registry,
          state: () => lifecycle.state,
        });
      },
      stop: () => observability?.stop(),
    });
  }
  return {
    lifecycle,
    endpoints: () => ({
      grpc: server!.address,
      ...(observability ? { metrics: `${options.host}:${observability.port}` } : {}),
    }),
  };
}

function defineShardMetrics(
  registry: Parameters<typeof defineMetrics>[0],
  shard: () => Shard | undefined,
  state: () => StoredState | undefined,
): void {
  const core = <T>(read: (core: Shard["core"]) => T, none: T): T => {
    const running = shard();
    return running ? read(running.core) : none;
  };
  const counter = (name: string, help: string, key: keyof Shard["core"]["totals"]) =>
    ({
      kind: "counter",
      name: `velarium_state_shard_${name}_total`,
      help,
      collect: () => core((c) => c.totals[key], 0),
    }) as const;
  const gauge = (name: string, help: string, read: () => number) =>
    ({ kind: "gauge", name: `velarium_state_shard_${name}`, help, collect: read }) as const;
  defineMetrics(registry, {
    versions: counter("versions", "Versions published here.", "versions"),
    contributions: counter("contributions", "Delta contributions counted here.", "contributions"),
    repeated: counter("repeated", "Versions and contributions that were here already.", "repeated"),
    reads: counter("reads", "Slots read by executors.", "reads"),
    parked: counter("parked_reads", "Reads that had to wait for a version.", "parked"),
    blocks: counter("blocks", "Blocks committed.", "blocks"),
    epoch: gauge("epoch", "Epoch.", () => core((c) => c.epoch, 0)),
    durableHeight: gauge("durable_height", "Newest durable block.", () => state()?.store.durableHeight ?? 0),
    versionsHeld: gauge("versions_held", "Versions of blocks not yet committed.", () =>
      core((c) => c.versionsHeld, 0),
    ),
    parkedNow: gauge("parked_reads_held", "Reads that wait now.", () => core((c) => c.parkedNow, 0)),
    slots: gauge("slots", "Slots with a value.", () => state()?.store.stats().slots ?? 0),
    logBytes: gauge("log_bytes", "Size of the entry log.", () => state()?.store.stats().logBytes ?? 0),
    indexBytes: gauge("index_bytes", "Memory of the index.", () => state()?.store.stats().indexBytes ?? 0),
    cacheBytes: gauge(
      "cache_bytes",
      "Memory of the value cache.",
      () => state()?.store.stats().cacheBytes ?? 0,
    ),
  });
}
