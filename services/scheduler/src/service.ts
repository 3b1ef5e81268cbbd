/** Composition of the scheduler: streams, links to shards and framer, server, core. */
import { createEthereumRules } from "@velarium/chain-rules";
import { readGenesisHead } from "@velarium/genesis";
import { Link, type PackedStream, type RpcServer, serveRpc } from "@velarium/rpc";
import { feeRuleOf, type SchedulerStats } from "@velarium/scheduler-core";
import {
  addTracing,
  createMetricRegistry,
  KitError,
  Lifecycle,
  type Logger,
  type ObservabilityServer,
  type RunnableService,
  serveObservability,
} from "@velarium/service-kit";
import { connectHub, connectNats, type LogStreams } from "@velarium/streams";
import { Epochs } from "./epochs.ts";
import { defineSchedulerMetrics } from "./metrics.ts";
import type { SchedulerServiceOptions } from "./options.ts";

export interface SchedulerService extends RunnableService {
  stats(): SchedulerStats;
}

/** Observers get notices; a slow one is dropped rather than buffered for. */
const WATCHER_BUFFER_BYTES = 4 * 1024 * 1024;
const NOTICE_SUBJECT = "scheduler.notices";

export function createSchedulerService(context: {
  readonly options: SchedulerServiceOptions;
  readonly log: Logger;
}): SchedulerService {
  const { options, log } = context;
  const rules = createEthereumRules(readGenesisHead(options.genesis).config);
  const lifecycle = new Lifecycle({
    onPartError: (part, error) => log.error({ err: error, part }, "a part did not stop in good order"),
  });
  const watchers = new Set<PackedStream>();
  let streams: LogStreams | undefined;
  let server: RpcServer | undefined;
  let observability: ObservabilityServer | undefined;

  const tracing = addTracing(lifecycle, "scheduler", options);
  const epochs = new Epochs({
    tracing,
    core: {
      shards: options.shards.length,
      minExecutors: options.executors,
      nextFees: feeRuleOf(rules),
      windowTransactions: options.windowTransactions,
      maxPendingBlocks: options.maxPendingBlocks,
      slotRows: options.slotRows,
    },
    log,
    notice: (bytes) => {
      for (const watcher of watchers) {
        if (watcher.bufferedBytes > WATCHER_BUFFER_BYTES) watcher.close();
        else if (!watcher.isClosed) watcher.send(bytes);
      }
      streams?.notices.publish(NOTICE_SUBJECT, bytes);
    },
    onRunning: (running) => server?.setServing(running),
    onFatal: (error) => void lifecycle.fail(error),
  });
  const shards = options.shards.map(
    (address, shard) =>
      new Link(address, "StateShard", "Control", {
        onOpen: () => epochs.shardOpened(shard),
        onMessage: (bytes) => epochs.shardMessage(shard, bytes),
        onLost: () => epochs.shardLost(shard),
      }),
  );
  const framer = new Link(options.framer, "Framer", "Blocks", {
    onOpen: () => epochs.framerOpened(),
    onMessage: (bytes) => epochs.framerMessage(bytes),
    onLost: () => epochs.framerLost(),
  });
  epochs.connect(shards, framer);
  const registry = createMetricRegistry({ service: "scheduler" });
  defineSchedulerMetrics(
    registry,
    () => epochs.stats(),
    () => epochs.epochsLost,
  );

  lifecycle.add({
    name: "metrics",
    async start() {
      if (options.metricsPort === undefined) return;
      observability = await serveObservability({
        host: options.host,
        port: options.metricsPort,
        registry,
        state: () => lifecycle.state,
      });
    },
    stop: () => observability?.stop(),
  });
  lifecycle.add({
    name: "streams",
    async start() {
      streams = await connectStreams(options);
    },
    stop: () => streams?.close(),
  });
  lifecycle.add({
    name: "epochs",
    async start() {
      epochs.start(await streams!.open("frames"));
    },
    drain: () => epochs.drain(),
    stop: () => epochs.stop(),
  });
  for (const link of [...shards, framer])
    lifecycle.add({
      name: `link to ${link.address}`,
      start: () => link.start(options.dialTimeoutMs),
      stop: () => link.stop(),
    });
  lifecycle.add({
    name: "server",
    async start() {
      server = await serveRpc({
        host: options.host,
        port: options.port,
        services: [
          {
            name: "Scheduler",
            streams: { Execute: (peer) => epochs.execute(peer) },
            serverStreams: {
              Watch: (_request, peer) => {
                watchers.add(peer);
                peer.onClose(() => watchers.delete(peer));
              },
            },
          },
        ],
      });
      // It takes executors from now on; health says whether an epoch runs.
      server.setServing(epochs.stats().phase === "running");
    },
    stop: () => server?.stop(),
  });
  return {
    lifecycle,
    stats: () => epochs.stats(),
    endpoints: () => ({
      grpc: server!.address,
      ...(observability ? { metrics: `${options.host}:${observability.port}` } : {}),
    }),
  };
}

function connectStreams(options: SchedulerServiceOptions): Promise<LogStreams> {
  const { natsUrl, hub, streamPrefix: prefix, dialTimeoutMs: timeoutMs } = options;
  if (natsUrl !== undefined && hub === undefined) return connectNats({ servers: natsUrl, prefix, timeoutMs });
  if (hub !== undefined && natsUrl === undefined) return connectHub({ address: hub, prefix, timeoutMs });
  throw new KitError("options", "expected either --nats-url or --hub, so that the streams can be found");
}
