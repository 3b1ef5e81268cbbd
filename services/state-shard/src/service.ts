/** Builds a state shard from its parts. */
import { type RpcServer, serveRpc } from "@velarium/rpc";
import {
  addTracing,
  createMetricRegistry,
  Lifecycle,
  type ObservabilityServer,
  type RunnableService,
  type ServiceContext,
  serveObservability,
} from "@velarium/service-kit";
import { defineShardMetrics } from "./metrics.ts";
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
