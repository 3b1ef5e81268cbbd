/** Builds the gateway from its parts, in the order in which they depend on each other. */
import {
  ChunkReassembly,
  decodeBlockRecord,
  encodeHeader,
  genesisBlockHeader,
  RpcBlock,
  toHex,
} from "@velarium/blocks";
import { createEthereumRules } from "@velarium/chain-rules";
import { decode, encode, fixedAt } from "@velarium/columns";
import { type Genesis, readGenesisHead } from "@velarium/genesis";
import { dial, type RpcConnection, type RpcServer, serveRpc } from "@velarium/rpc";
import {
  addTracing,
  createMetricRegistry,
  defineMetrics,
  Lifecycle,
  type OptionValues,
  type RunnableService,
  type ServiceContext,
  serveObservability,
  type Tracing,
} from "@velarium/service-kit";
import { combinedRoot } from "@velarium/state-tree";
import { connectHub, connectNats, type LogStream, type LogStreams } from "@velarium/streams";
import { txRulesOf } from "@velarium/tx-codec";
import {
  BlockChunk,
  Reason,
  RecordReply,
  RecordRequest,
  SimulateReply,
  SimulateRequest,
} from "@velarium/wire";
import { Admission } from "./admission.ts";
import { BlockIndex } from "./block-index.ts";
import { Ingest, SingleSubmissions } from "./ingest.ts";
import { JsonRpcServer } from "./json-rpc-server.ts";
import { blockMethods } from "./methods/blocks.ts";
import { chainMethods } from "./methods/chain.ts";
import type { GatewayContext } from "./methods/context.ts";
import { sendMethods } from "./methods/send.ts";
import { stateMethods } from "./methods/state.ts";
import { traceMethods } from "./methods/trace.ts";
import type { gatewayOptions } from "./options.ts";
import { PendingTransactions } from "./pending.ts";
import { refusal } from "./rpc-error.ts";
import { StateReader } from "./state-reader.ts";
import { tracedLog } from "./traced-log.ts";
import { gatewayVersion } from "./version.ts";

type Options = OptionValues<(typeof gatewayOptions)["definitions"]>;
const ADMISSION_REFRESH_MS = 1_000;

export function createGateway({
  options,
  log,
}: ServiceContext<(typeof gatewayOptions)["definitions"]>): RunnableService {
  const lifecycle = new Lifecycle();
  const parts = new GatewayParts(options, addTracing(lifecycle, "gateway", options));
  const registry = createMetricRegistry({ service: "gateway" });
  const metrics = defineMetrics(registry, {
    requests: {
      kind: "counter",
      name: "velarium_gateway_requests_total",
      help: "JSON-RPC requests by method and result.",
      labels: ["method", "ok"],
    },
    admitted: {
      kind: "counter",
      name: "velarium_gateway_admitted_total",
      help: "Transactions stored in the tx stream over gRPC.",
    },
    refused: {
      kind: "counter",
      name: "velarium_gateway_refused_total",
      help: "Transactions refused at the door over gRPC.",
    },
    height: {
      kind: "gauge",
      name: "velarium_gateway_block_height",
      help: "Newest announced block.",
      collect: () => parts.index.latest?.header.number ?? 0,
    },
    pending: {
      kind: "gauge",
      name: "velarium_gateway_pending_transactions",
      help: "Transactions sent here and not in a block yet.",
      collect: () => parts.pending.size,
    },
    ingestBytes: {
      kind: "gauge",
      name: "velarium_gateway_ingest_bytes",
      help: "Bytes received over gRPC and not yet stored.",
      collect: () => parts.ingest?.bytesInFlight ?? 0,
    },
  });
  lifecycle.add({ name: "state and streams", start: () => parts.connect(), stop: () => parts.disconnect() });
  lifecycle.add({
    name: "block index",
    start: () => parts.followBlocks((error) => void lifecycle.fail(error)),
  });
  lifecycle.add({
    name: "ingest",
    start: async () => {
      const { admission, txLog } = parts;
      parts.ingest = new Ingest(txLog, admission, {
        acceptVerified: options.acceptVerified,
        maxBytesInFlight: options.maxIngestBytes,
        onBatch: (admitted, refused) => {
          metrics.admitted.inc(admitted);
          metrics.refused.inc(refused);
        },
      });
      const ingest = parts.ingest;
      parts.grpc = await serveRpc({
        host: options.host,
        port: options.port,
        services: [{ name: "Ingest", streams: { Submit: (peer) => ingest.serve(peer) } }],
      });
    },
    drain: () => void parts.grpc?.drain(),
    stop: async () => {
      clearInterval(parts.refresh);
      await parts.grpc?.stop();
    },
  });
  lifecycle.add({
    name: "JSON-RPC",
    start: async () => {
      const context = parts.context();
      const methods = new Map([
        ...chainMethods(context),
        ...stateMethods(context),
        ...blockMethods(context),
        ...sendMethods(context),
        ...traceMethods(context),
      ]);
      parts.http = new JsonRpcServer(methods, {
        host: options.host,
        port: options.httpPort,
        maxBodyBytes: options.maxBodyBytes,
        maxBatch: options.maxBatch,
        maxConcurrent: options.maxConcurrent,
        allowOrigin: options.allowOrigin,
        onRequest: (method, ok) => metrics.requests.inc({ method, ok: String(ok) }),
        onInternalError: (error, method) => log.error({ err: error, method }, "a JSON-RPC request failed"),
      });
      parts.httpPort = await parts.http.start();
    },
    stop: () => parts.http?.stop(),
  });
  if (options.metricsPort !== undefined) {
    const port = options.metricsPort;
    let stop: (() => Promise<void>) | undefined;
    lifecycle.add({
      name: "metrics",
      start: async () => {
        const server = await serveObservability({
          host: options.host,
          port,
          registry,
          state: () => lifecycle.state,
        });
        parts.metricsAddress = `${options.host}:${server.port}`;
        stop = () => server.stop();
      },
      stop: () => stop?.(),
    });
  }
  return { lifecycle, endpoints: () => parts.endpoints() };
}

class GatewayParts {
  readonly options: Options;
  readonly index: BlockIndex;
  readonly pending: PendingTransactions;
  ingest: Ingest | undefined;
  grpc: RpcServer | undefined;
  http: JsonRpcServer | undefined;
  httpPort = 0;
  metricsAddress: string | undefined;
  private readonly tracing: Tracing;
  refresh: NodeJS.Timeout | undefined;
  /** Not its accounts: a million of them, kept, is heap that every collection walks. */
  private readonly genesis: Pick<Genesis, "config" | "header">;
  private readonly rules;
  private shards: RpcConnection[] = [];
  private analyzers: RpcConnection[] = [];
  private streams: LogStreams | undefined;
  private tx: LogStream | undefined;
  private blocks: LogStream | undefined;
  private door: Admission | undefined;
  private genesisBlock: RpcBlock | undefined;
  private nextAnalyzer = 0;

  constructor(options: Options, tracing: Tracing) {
    this.options = options;
    this.tracing = tracing;
    this.index = new BlockIndex({ maxBlocks: options.indexBlocks, maxBytes: options.indexBytes });
    this.pending = new PendingTransactions(options.pendingTransactions);
    const { config, header } = readGenesisHead(options.genesis);
    this.genesis = { config, header };
    this.rules = createEthereumRules(this.genesis.config);
  }

  get txLog(): LogStream {
    return this.tx!;
  }

  get admission(): Admission {
    return this.door!;
  }

  async connect(): Promise<void> {
    const { options } = this;
    this.shards = await Promise.all(options.shards.map((address) => dial(address)));
    this.analyzers = await Promise.all(options.analyzers.map((address) => dial(address)));
    const { natsUrl, hub, streamPrefix: prefix } = options;
    if (natsUrl) this.streams = await connectNats({ servers: natsUrl, prefix, clientName: "gateway" });
    else if (hub) this.streams = await connectHub({ address: hub, prefix });
    else throw refusal(Reason.notReady, "give --nats-url or --hub");
    this.tx = tracedLog(await this.streams.open("tx"), this.tracing);
    this.blocks = await this.streams.open("blocks");
    this.genesisBlock = await this.readGenesisBlock();
    this.door = new Admission({
      chainId: this.rules.chainId,
      blockGasLimit: options.blockGasLimit,
      acceptBlobs: options.acceptBlobs,
      txRules: () => this.txRules(),
    });
    this.refresh = setInterval(() => this.door?.refresh(), ADMISSION_REFRESH_MS);
    this.refresh.unref();
  }

  async disconnect(): Promise<void> {
    for (const connection of [...this.shards, ...this.analyzers]) connection.close();
    await this.streams?.close();
  }

  async followBlocks(onError: (error: unknown) => void): Promise<void> {
    const reassembly = new ChunkReassembly();
    this.blocks!.consume(
      1,
      (_seq, bytes) => {
        const chunk = decode(BlockChunk, bytes);
        const record = reassembly.add(chunk.number, chunk.index, chunk.count, chunk.bytes);
        if (record) this.take(record);
      },
      onError,
    );
  }

  context(): GatewayContext {
    const singles = new SingleSubmissions(this.txLog);
    return {
      chainId: this.rules.chainId,
      rules: this.rules,
      blockGasLimit: this.options.blockGasLimit,
      clientVersion: gatewayVersion(),
      genesis: this.genesisBlock!,
      index: this.index,
      pending: this.pending,
      admission: this.admission,
      state: new StateReader(this.shards, this.options.partitions),
      submit: (raw) =>
        singles.submit(raw).catch((error: { code?: string }) => {
          throw refusal(Reason.overloaded, error.code ?? "");
        }),
      simulate: (request) => this.simulate(request),
      trace: (request) => this.anyAnalyzer().call("velarium.v1.Analyzer", "Trace", request),
      maxTraceDepth: this.options.maxTraceDepth,
      maxTraceBytes: this.options.maxTraceBytes,
      maxLogs: this.options.maxLogs,
      maxLogBlocks: this.options.maxLogBlocks,
    };
  }

  endpoints(): Record<string, string> {
    return {
      grpc: this.grpc?.address ?? "",
      http: `http://${this.options.host}:${this.httpPort}`,
      ...(this.metricsAddress ? { metrics: this.metricsAddress } : {}),
    };
  }

  private take(bytes: Uint8Array): void {
    const record = decodeBlockRecord(bytes);
    this.index.add(record, bytes.length);
    if (this.pending.size === 0) return;
    for (let i = 0; i < record.hashes.length / 32; i++)
      this.pending.remove(toHex(fixedAt(record.hashes, 32, i)));
    for (let i = 0; i < record.rejectedHashes.length / 32; i++)
      this.pending.remove(toHex(fixedAt(record.rejectedHashes, 32, i)));
  }

  /** Analyzers in turn. */
  private anyAnalyzer(): RpcConnection {
    return this.analyzers[this.nextAnalyzer++ % this.analyzers.length]!;
  }

  private async simulate(request: unknown): Promise<unknown> {
    const json = new Uint8Array(Buffer.from(JSON.stringify(request)));
    const reply = decode(
      SimulateReply,
      await this.anyAnalyzer().call("velarium.v1.Analyzer", "Simulate", encode(SimulateRequest, { json })),
    );
    return JSON.parse(Buffer.from(reply.json).toString("utf8"));
  }

  /** Rules of the fork that the next block has. */
  private txRules() {
    const { header } = this.index.latest ?? { header: this.genesis.header };
    const timestamp = Math.max(header.timestamp, Math.floor(Date.now() / 1000));
    return txRulesOf(this.rules.rulesAt(header.number + 1, timestamp));
  }

  private async readGenesisBlock(): Promise<RpcBlock> {
    const { genesis, options } = this;
    const number = genesis.header.number;
    const roots = new Uint8Array(options.partitions * 32);
    for (const shard of this.shards) {
      const reply = decode(
        RecordReply,
        await shard.call("velarium.v1.StateShard", "Read", encode(RecordRequest, { height: number })),
      );
      reply.partitions.forEach((partition, i) =>
        roots.set(reply.roots.subarray(i * 32, i * 32 + 32), partition * 32),
      );
    }
    const rules = this.rules.rulesAt(number, genesis.header.timestamp);
    const header = encodeHeader(
      genesisBlockHeader(genesis.header, rules.header, combinedRoot(roots, options.partitions)),
    );
    const nothing = new Uint8Array(0);
    const none = { ends: new Uint32Array(0), blob: nothing };
    return new RpcBlock({
      number,
      firstSeq: 0,
      lastSeq: 0,
      watermark: 0,
      frames: 0,
      returned: 0,
      sealed: 1,
      header,
      raw: none,
      senders: nothing,
      hashes: nothing,
      verified: nothing,
      arrivals: new Float64Array(0),
      statuses: nothing,
      gasUsed: new Float64Array(0),
      logs: none,
      rejectedArrivals: new Float64Array(0),
      rejectedHashes: nothing,
      rejectedSenders: nothing,
      rejectedReasons: nothing,
      ancestors: nothing,
      resolved: new Float64Array(0),
    });
  }
}
