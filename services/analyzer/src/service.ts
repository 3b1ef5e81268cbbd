/** Composition of the analyzer: shards, streams, link to the framer, server. */
import { BatchAnalyzer, ProfileStrategy } from "@velarium/analyzer-core";
import { createEthereumRules } from "@velarium/chain-rules";
import { decode } from "@velarium/columns";
import { createServiceEngine, defineEngineMetrics, replyEngineReport } from "@velarium/engine-wasm";
import { readGenesisHead } from "@velarium/genesis";
import { dial, type RpcConnection, type RpcServer, serveRpc } from "@velarium/rpc";
import {
  addTracing,
  createMetricRegistry,
  KitError,
  Lifecycle,
  type Logger,
  type ObservabilityServer,
  type RunnableService,
  serveObservability,
  type Tracing,
} from "@velarium/service-kit";
import { connectRedisCache, type SharedCache, SharedCacheError } from "@velarium/shared-cache";
import { SlotIds } from "@velarium/slots";
import { connectHub, connectNats, type LogStreams } from "@velarium/streams";
import { Assignment } from "@velarium/wire";
import { AssignedReader, type ReaderEvents } from "./assigned-reader.ts";
import { FramerLink } from "./framer-link.ts";
import { defineAnalyzerMetrics, type Observed } from "./metrics.ts";
import { type AnalyzerServiceOptions, recoveryThreadsOf } from "./options.ts";
import { RecoveryPool } from "./recovery-pool.ts";
import { ShardReads } from "./shard-reads.ts";
import { Simulator } from "./simulate.ts";
import { Tracer } from "./trace.ts";

const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/^0x/, ""), "hex"));

export function createAnalyzerService(context: {
  readonly options: AnalyzerServiceOptions;
  readonly log: Logger;
}): RunnableService {
  const { options, log } = context;
  // Not the accounts: a million of them, kept, is heap that every collection walks.
  const { config, header } = readGenesisHead(options.genesis);
  const rules = createEthereumRules(config);
  const engine = createServiceEngine(options.engine, {
    keepsEmptyAccounts: !rules.rulesAt(0, header.timestamp).eip158,
  });
  const beneficiary = options.beneficiary ? fromHex(options.beneficiary) : header.beneficiary;
  const { gasLimit } = header;
  const slotIds = new SlotIds(fromHex(options.chainSecret), options.partitions);
  const lifecycle = new Lifecycle({
    onPartError: (part, error) => log.error({ err: error, part }, "a part did not stop in good order"),
  });
  const tracing = addTracing(lifecycle, "analyzer", options);
  const shards: RpcConnection[] = [];
  let streams: LogStreams | undefined;
  let shared: SharedCache | undefined;
  let server: RpcServer | undefined;
  let observability: ObservabilityServer | undefined;
  let parts: Observed | undefined;

  const framer = new FramerLink(options.framer, {
    onMessage: (bytes) => parts?.reader.assign(decode(Assignment, bytes)),
    onLost: (error) => {
      log.warn({ err: error }, "the framer is gone; connecting again");
      parts?.reader.reset();
    },
    onDrain: () => parts?.reader.resume(),
  });
  const registry = createMetricRegistry({ service: "analyzer" });
  const metrics = defineAnalyzerMetrics(registry, framer, () => parts);
  defineEngineMetrics(registry, () => engine);

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
    name: "shards",
    async start() {
      const timeoutMs = options.dialTimeoutMs;
      shards.push(...(await Promise.all(options.shards.map((address) => dial(address, { timeoutMs })))));
    },
    stop: () => {
      for (const shard of shards) shard.close();
    },
  });
  lifecycle.add({
    name: "streams",
    async start() {
      streams = await connectStreams(options);
    },
    stop: () => streams?.close(),
  });
  lifecycle.add({
    name: "shared cache",
    async start() {
      shared = await connectShared(options, rules.chainId, log);
    },
    stop: () => shared?.close(),
  });
  lifecycle.add({
    name: "analysis",
    async start() {
      const reads = new ShardReads(shards, options.partitions);
      const { knownRecipients, knownRecipientsMaxAgeMs, maxCalls } = options;
      const threads = recoveryThreadsOf(options);
      const recovery = threads === 0 ? undefined : new RecoveryPool(threads);
      const profiles = new ProfileStrategy({ cache: shared, evaluationSteps: options.evaluationSteps });
      const analyzer = new BatchAnalyzer({
        profiles,
        ...(recovery === undefined ? {} : { recovery: recovery.recover }),
        slotIds,
        rules,
        source: reads,
        beneficiary,
        gasLimit,
        engine,
        knownRecipients,
        knownRecipientsMaxAgeMs,
        onError: (error, { stage, error: name, count }) => {
          metrics.errors.inc({ stage, error: name });
          // The first, the second, the fourth...: a log that a stream of bad transactions cannot fill.
          if (Number.isInteger(Math.log2(count)))
            log.error({ err: error, stage, count }, "an access set could not be found in this way");
        },
      });
      const events = {
        analyze: tracedAnalysis(tracing, analyzer.analyzeBatch.bind(analyzer)),
        send: (bytes: Uint8Array) => framer.send(bytes),
        broken: (error: Error) => {
          log.error({ err: error }, "cannot go on with this assignment; asking for another");
          parts?.reader.reset();
          framer.restart();
        },
      };
      const reader = new AssignedReader(await streams!.open("tx"), events, options.inFlight, log);
      const { codes } = analyzer;
      const simulator = new Simulator({ engine, rules, reads, beneficiary, gasLimit, codes, maxCalls });
      const { maxTraceBytes } = options;
      const maxTraces = Math.max(1, Math.floor(maxCalls / 4));
      const tracer = new Tracer({
        engine,
        rules,
        reads,
        beneficiary,
        gasLimit,
        codes,
        maxTraces,
        maxTraceBytes,
      });
      parts = { analyzer, profiles, reader, reads, simulator, tracer, recovery };
    },
    drain: () => parts?.reader.drain(),
    stop: async () => {
      parts?.reader.reset();
      await parts?.recovery?.stop();
    },
  });
  // All parts drain before any stops, so the link still carries the last results.
  lifecycle.add({ name: "framer", start: () => framer.start(), stop: () => framer.stop() });
  lifecycle.add({
    name: "server",
    async start() {
      server = await serveRpc({
        host: options.host,
        port: options.port,
        services: [
          {
            name: "Analyzer",
            unary: {
              Simulate: (bytes) => parts!.simulator.handle(bytes),
              Trace: (bytes) => parts!.tracer.handle(bytes),
              EngineReport: (bytes) => replyEngineReport(engine, bytes),
            },
          },
        ],
      });
    },
    drain: async () => void (await server?.drain(5000)),
    stop: () => server?.stop(),
  });
  return {
    lifecycle,
    endpoints: () => ({
      grpc: server!.address,
      ...(observability ? { metrics: `${options.host}:${observability.port}` } : {}),
    }),
  };
}

/** A span, a trace of its own, per message of the tx stream and attempt. */
function tracedAnalysis(tracing: Tracing, analyze: ReaderEvents["analyze"]): ReaderEvents["analyze"] {
  if (!tracing.enabled) return analyze;
  return async (batch, term, streamSeq) => {
    const span = tracing.frameSpan("analyzer.batch");
    if (!span.isRecording) return analyze(batch, term, streamSeq);
    span.setAttribute("stream_seq", streamSeq);
    span.setAttribute("transactions", batch.raw.ends.length);
    try {
      return await analyze(batch, term, streamSeq);
    } catch (error) {
      span.fail(error);
      throw error;
    } finally {
      span.end();
    }
  };
}

/** Redis, where there is one; without it every analyzer has its own profiles only. */
async function connectShared(
  { redisUrl: url, dialTimeoutMs: timeoutMs }: AnalyzerServiceOptions,
  chainId: number,
  log: Logger,
): Promise<SharedCache | undefined> {
  if (url === undefined) return undefined;
  try {
    return await connectRedisCache({ url, prefix: `velarium:${chainId}`, timeoutMs });
  } catch (error) {
    if (!(error instanceof SharedCacheError)) throw error;
    log.warn({ err: error }, "going on without the shared cache: profiles are not shared");
    return undefined;
  }
}

function connectStreams(options: AnalyzerServiceOptions): Promise<LogStreams> {
  const { natsUrl, hub, streamPrefix: prefix, dialTimeoutMs: timeoutMs } = options;
  if (natsUrl !== undefined && hub === undefined) return connectNats({ servers: natsUrl, prefix, timeoutMs });
  if (hub !== undefined && natsUrl === undefined) return connectHub({ address: hub, prefix, timeoutMs });
  throw new KitError("options", "expected either --nats-url or --hub, so that the streams can be found");
}
