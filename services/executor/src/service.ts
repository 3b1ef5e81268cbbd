/** Wires the executor's core to scheduler, framer and shards. */
import { createEthereumRules } from "@velarium/chain-rules";
import { encode } from "@velarium/columns";
import { createServiceEngine, defineEngineMetrics, replyEngineReport } from "@velarium/engine-wasm";
import { createExecutorCore, type DispatchWatch } from "@velarium/executor-core";
import { keepsEmptyAccounts, readGenesisHead } from "@velarium/genesis";
import { Link, type RpcServer, serveRpc } from "@velarium/rpc";
import {
  addTracing,
  createMetricRegistry,
  Lifecycle,
  type ObservabilityServer,
  type RunnableService,
  type ServiceContext,
  serveObservability,
  type Tracing,
} from "@velarium/service-kit";
import { ExecutorHello } from "@velarium/wire";
import { defineExecutorMetrics } from "./metrics.ts";
import type { executorOptions } from "./options.ts";
import { SendPace } from "./send-pace.ts";

const DRAIN_POLL_MS = 20;

export function createExecutorService({
  options,
  log,
}: ServiceContext<typeof executorOptions.definitions>): RunnableService {
  const genesis = readGenesisHead(options.genesis);
  const keepsEmpty = keepsEmptyAccounts(genesis);
  const lifecycle = new Lifecycle({
    onPartError: (part, error) => log.error({ err: error, part }, "a part did not stop in good order"),
  });
  let server: RpcServer | undefined;
  let observability: ObservabilityServer | undefined;

  const tracing = addTracing(lifecycle, "executor", options, options.name);
  const engine = createServiceEngine(options.engine, { keepsEmptyAccounts: keepsEmpty });
  const core = createExecutorCore(
    {
      rules: createEthereumRules(genesis.config),
      engine,
      shards: options.shards.length,
      partitions: options.partitions,
      chainSecret: new Uint8Array(Buffer.from(options.chainSecret, "hex")),
      cacheRows: options.cacheRows,
      codeCacheBytes: options.codeCacheBytes,
      keepsEmptyAccounts: keepsEmpty,
      later: new SendPace(options.sendIntervalMs).later,
    },
    {
      toShard: (shard, bytes) => shards[shard]!.give(bytes),
      toFramer: (bytes) => framer.give(bytes),
      toScheduler: (bytes) => scheduler.give(bytes),
      failed: (error) => {
        log.error({ err: error }, "the epoch cannot go on here: leaving it");
        scheduler.reset();
      },
      ...(tracing.enabled
        ? {
            watchDispatch: (trace: Uint8Array, block: number, frame: number, transactions: number) =>
              watchDispatch(tracing, trace, block, frame, transactions),
          }
        : {}),
    },
  );
  /** Leaving the scheduler's stream begins another epoch, in which everything is repeated. */
  const leave = (what: string): void => {
    log.warn(`${what} went away: leaving the epoch`);
    core.lost();
    scheduler.reset();
  };
  const shards = options.shards.map(
    (address, shard) =>
      new Link(address, "StateShard", "Slots", {
        onMessage: (bytes) => core.onShard(shard, bytes),
        onLost: () => leave(`shard ${shard}`),
      }),
  );
  const framer = new Link(options.framer, "Framer", "Receipts", {
    onMessage: () => {},
    onLost: () => leave("the framer"),
  });
  const scheduler = new Link(options.scheduler, "Scheduler", "Execute", {
    // An epoch begins with the executors that are there: come only when every value and receipt has a way.
    mayOpen: () => framer.isOpen && shards.every((shard) => shard.isOpen),
    onOpen: () =>
      scheduler.send(
        encode(ExecutorHello, { capacity: options.capacity, name: new TextEncoder().encode(options.name) }),
      ),
    onMessage: (bytes) => core.onScheduler(bytes),
    onLost: () => core.lost(),
  });
  const registry = createMetricRegistry({ service: options.name });
  defineExecutorMetrics(registry, core.stats, () => core.inFlight);
  defineEngineMetrics(registry, () => engine);

  lifecycle.add({
    name: "health",
    start: async () => {
      server = await serveRpc({
        host: options.host,
        port: options.port,
        services: [
          { name: "Executor", unary: { EngineReport: (bytes) => replyEngineReport(engine, bytes) } },
        ],
      });
    },
    stop: () => server?.stop(),
  });
  lifecycle.add({
    name: "streams",
    start: async () => {
      await Promise.all([...shards, framer].map((link) => link.start(options.dialTimeoutMs)));
      await scheduler.start(options.dialTimeoutMs);
    },
    drain: async () => {
      while (!core.isIdle) await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    },
    stop: () => {
      core.lost();
      scheduler.stop();
      for (const link of [...shards, framer]) link.stop();
    },
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

/** One span per dispatch: from its arrival until its last results are sent. */
function watchDispatch(
  tracing: Tracing,
  trace: Uint8Array,
  block: number,
  frame: number,
  transactions: number,
): DispatchWatch | undefined {
  const span = tracing.frameSpan("executor.frame", trace);
  if (!span.isRecording) return undefined;
  span.setAttribute("block", block);
  span.setAttribute("frame", frame);
  span.setAttribute("transactions", transactions);
  return { sent: () => span.end() };
}
