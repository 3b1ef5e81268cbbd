/** Composition of the framer: streams, shards, the core, and the server that analyzers, executors and the scheduler dial. */
import { splitRecordInto } from "@velarium/blocks";
import { createEthereumRules } from "@velarium/chain-rules";
import { decode, layOut, MessageMemory, schemaIdOf } from "@velarium/columns";
import { DEFAULT_OPTIONS, Framer, type FramerEffects, type FramerOptions } from "@velarium/framer-core";
import { readGenesisHead } from "@velarium/genesis";
import { type PackedStream, type RpcServer, serveRpc } from "@velarium/rpc";
import {
  addTracing,
  createMetricRegistry,
  type FrameSpan,
  KitError,
  Lifecycle,
  type Logger,
  type ObservabilityServer,
  type RunnableService,
  serveObservability,
  type Tracing,
  traceparentToBytes,
} from "@velarium/service-kit";
import { SlotIds } from "@velarium/slots";
import { connectHub, connectNats, type LogStream, type LogStreams } from "@velarium/streams";
import { BlockCompleted, EpochNotice, Receipts, Stripe } from "@velarium/wire";
import { AnalyzerClasses } from "./analyzer-classes.ts";
import { LogWriter } from "./log-writer.ts";
import { defineFramerMetrics } from "./metrics.ts";
import { announceMissing } from "./missing-blocks.ts";
import type { FramerServiceOptions } from "./options.ts";
import { readStart, replayInto, type StartFacts, takeOver } from "./recovery.ts";
import { ShardLinks } from "./shard-links.ts";

/** Resolution of frame ages (50 ms) and block times; a tick of an idle framer costs some 40 µs. */
const TICK_MS = 4;
const REASONS_EVERY_TICKS = 250;
/** How long a drain waits for open blocks to be announced. */
const DRAIN_MS = 8000;
/** Three times a block of 40,000 token transfers (600 bytes each): as a record, as stripes, as chunks; and one more. */
const FREE_MEMORY_BYTES = 128 * 1024 * 1024;

export function createFramerService(context: {
  readonly options: FramerServiceOptions;
  readonly log: Logger;
}): RunnableService {
  return new FramerService(context.options, context.log);
}

class FramerService implements RunnableService {
  readonly lifecycle: Lifecycle;
  private readonly options: FramerServiceOptions;
  private readonly log: Logger;
  private readonly shards: ShardLinks;
  private readonly tracing: Tracing;
  /** Of the frame that is appended next. */
  private span: FrameSpan | undefined;
  private framer: Framer | undefined;
  private classes: AnalyzerClasses | undefined;
  private streams: LogStreams | undefined;
  private tx: LogStream | undefined;
  private frames: LogWriter | undefined;
  private blocks: LogWriter | undefined;
  private server: RpcServer | undefined;
  private observability: ObservabilityServer | undefined;
  private scheduler: PackedStream | undefined;
  private timer: NodeJS.Timeout | undefined;
  private current:
    | { readonly number: number; readonly stripes: Uint8Array[]; sentAgain: boolean }
    | undefined;
  /** First sequence of each block in `frames`, and of each kept block in `blocks` with its size. */
  private readonly frameOpens = new Map<number, number>();
  /** Of records, stripes and chunks. */
  private readonly memory = new MessageMemory(FREE_MEMORY_BYTES);
  private readonly keptBlocks: { sequence: number; bytes: number }[] = [];
  private keptBytes = 0;
  private pendingOpen: number | undefined;

  constructor(options: FramerServiceOptions, log: Logger) {
    this.options = options;
    this.log = log;
    this.lifecycle = new Lifecycle({
      onPartError: (part, error) => log.error({ err: error, part }, "a part did not stop in good order"),
    });
    this.tracing = addTracing(this.lifecycle, "framer", options);
    this.shards = new ShardLinks(options.shards, options.partitions, {
      onCommitted: (message) => this.guard(() => this.framer?.committed(message)),
      onOpen: (shard) => {
        if (!this.current) return;
        this.current.sentAgain = true;
        this.shards.send(shard, this.current.stripes[shard]!);
      },
    });
    this.addParts();
  }

  endpoints(): Record<string, string> {
    return {
      grpc: this.server!.address,
      ...(this.observability ? { metrics: `${this.options.host}:${this.observability.port}` } : {}),
    };
  }

  private addParts(): void {
    const { options, lifecycle } = this;
    const registry = createMetricRegistry({ service: "framer" });
    const refreshReasons = defineFramerMetrics(registry, () =>
      this.framer
        ? {
            framer: this.framer,
            analyzers: this.classes?.count ?? 0,
            memory: this.memory,
            waitingBytes: this.frames?.waitingBytes ?? 0,
          }
        : undefined,
    );
    lifecycle.add({
      name: "metrics",
      start: async () => {
        if (options.metricsPort === undefined) return;
        this.observability = await serveObservability({
          host: options.host,
          port: options.metricsPort,
          registry,
          state: () => lifecycle.state,
        });
      },
      stop: () => this.observability?.stop(),
    });
    lifecycle.add({
      name: "streams",
      start: async () => {
        this.streams = await connectStreams(options);
        this.tx = await this.streams.open("tx");
      },
      stop: () => this.streams?.close(),
    });
    lifecycle.add({
      name: "shards",
      start: () => this.shards.start(options.dialTimeoutMs),
      stop: () => this.shards.stop(),
    });
    lifecycle.add({
      name: "core",
      start: () => this.startCore(),
      drain: () => this.drainCore(),
      stop: () => clearInterval(this.timer),
    });
    lifecycle.add({
      name: "server",
      start: async () => {
        this.server = await serveRpc({
          host: options.host,
          port: options.port,
          services: [
            {
              name: "Framer",
              streams: {
                Analyze: (peer) => this.classes!.accept(peer),
                Receipts: (peer) => this.acceptReceipts(peer),
                Blocks: (peer) => this.acceptScheduler(peer),
              },
            },
          ],
        });
        let ticks = 0;
        this.timer = setInterval(() => {
          this.guard(() => {
            this.framer!.tick(Date.now());
            this.classes!.raise();
          });
          if (++ticks % REASONS_EVERY_TICKS === 0) refreshReasons();
        }, TICK_MS);
      },
      stop: () => this.server?.stop(),
    });
  }

  private async startCore(): Promise<void> {
    const { options, log } = this;
    const genesis = readGenesisHead(options.genesis);
    const chain = createEthereumRules(genesis.config);
    const start = await this.inThisStream(await readStart(this.shards, options.partitions, genesis, chain));
    const frames = await this.streams!.open("frames");
    const earlier = await takeOver(frames);
    for (const [number, sequence] of earlier.opens) this.frameOpens.set(number, sequence);
    const events = (exclusive: boolean) => ({
      onCongested: (congested: boolean) => {
        if (exclusive && this.framer) this.framer.congested = congested;
      },
      onError: (error: Error) => void this.lifecycle.fail(error),
    });
    this.frames = new LogWriter(frames, earlier.last, true, events(true));
    const blocks = await this.streams!.open("blocks");
    const repeated = await announceMissing(this.shards, options.partitions, blocks, genesis.header.number);
    if (repeated > 0)
      log.info({ blocks: repeated }, "durable blocks that the blocks stream lacked were announced");
    this.blocks = new LogWriter(blocks, (await blocks.info()).last, false, events(false));
    const framer = new Framer(
      {
        options: coreOptions(options),
        chain,
        ids: new SlotIds(Buffer.from(options.chainSecret, "hex"), options.partitions),
        partitions: options.partitions,
        beneficiary: options.beneficiary
          ? Uint8Array.from(Buffer.from(options.beneficiary.slice(2), "hex"))
          : genesis.header.beneficiary,
        extraData: new TextEncoder().encode(options.extraData),
        memory: this.memory,
      },
      { ...start, term: earlier.term },
      this.effects(),
    );
    this.framer = framer;
    this.classes = new AnalyzerClasses(framer);
    framer.tick(Date.now());
    replayInto(framer, earlier);
    framer.finishReplay();
    log.info(
      {
        height: start.height,
        term: earlier.term,
        replayed: earlier.messages.length,
        watermark: start.watermark,
      },
      "the framer continues above the durable height",
    );
  }

  /** A tx stream that ends below the watermark is another one than the record speaks of: its arrivals begin anew. */
  private async inThisStream(start: StartFacts): Promise<StartFacts> {
    const { last } = await this.tx!.info();
    if (last + 1 >= start.watermark) return start;
    this.log.warn(
      { last, watermark: start.watermark },
      "the tx stream is a new one: it is read from its beginning",
    );
    return { ...start, watermark: 1, resolved: new Float64Array(0) };
  }

  private effects(): FramerEffects {
    return {
      appendFrames: (bytes) => this.appendFrames(bytes),
      ...(this.tracing.enabled ? { traceFrame: this.traceFrame.bind(this) } : {}),
      commit: (epoch, number, record) => this.commit(epoch, number, record),
      readRoots: (number) => {
        this.shards.records(number).then(
          (replies) =>
            this.guard(() => {
              for (const reply of replies) this.framer!.rootsRead(number, reply.partitions, reply.roots);
            }),
          (error: Error) => void this.lifecycle.fail(error),
        );
      },
      announce: (number, chunks) => this.announce(number, chunks),
      toScheduler: (bytes) => {
        if (this.scheduler && !this.scheduler.isClosed) this.scheduler.send(bytes);
      },
      readNonces: (accounts, keys) => {
        this.shards.words(keys).then(
          (values) => this.guard(() => this.framer!.noncesRead(accounts, values)),
          (error: Error) => {
            this.log.warn(
              { err: error, accounts: accounts.length },
              "nonces could not be read; asking again",
            );
            setTimeout(() => this.guard(() => this.framer!.noncesRead(accounts, undefined)), 100);
          },
        );
      },
    };
  }

  /** From the frame's first transaction on; `appendFrames` follows at once, and its acknowledgement is the end. */
  private traceFrame(
    block: number,
    frame: number,
    transactions: number,
    tail: number,
    openedMs: number,
  ): Uint8Array {
    const span = this.tracing.frameSpan("framer.frame", undefined, openedMs);
    if (span.isRecording) {
      span.setAttribute("block", block);
      span.setAttribute("frame", frame);
      span.setAttribute("transactions", transactions);
      span.setAttribute("tail", tail === 1);
      this.span = span;
    }
    return traceparentToBytes(span.traceparent);
  }

  private appendFrames(bytes: Uint8Array): void {
    const { span } = this;
    this.span = undefined;
    const number = this.framer ? this.framer.announced + this.framer.blocksInFlight : 0;
    const opens = number !== this.pendingOpen && !this.frameOpens.has(number);
    if (!opens) {
      this.frames!.append(bytes, span && (() => span.end()));
      return;
    }
    this.pendingOpen = number;
    this.frames!.append(bytes, (sequence) => {
      this.frameOpens.set(number, sequence);
      span?.end();
    });
  }

  /** Each stripe is copied once, from the record into its message. */
  private commit(epoch: number, number: number, record: Uint8Array): void {
    const stripes: Uint8Array[] = [];
    splitRecordInto(record, this.shards.count, number, (_, size) => {
      const { bytes, message } = layOut(Stripe, { epoch, number }, { stripe: size }, this.memory.take);
      stripes.push(bytes);
      return message.stripe;
    });
    this.current = { number, stripes, sentAgain: this.current?.number === number };
    for (const [shard, stripe] of stripes.entries()) this.shards.send(shard, stripe);
  }

  private announce(number: number, chunks: readonly Uint8Array[]): void {
    // Every shard has its stripe. Where it was sent again, after an epoch or a connection was lost, one may still be on its way.
    if (this.current?.sentAgain === false)
      for (const stripe of this.current.stripes) this.memory.giveBack(stripe);
    this.current = undefined;
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    for (const [index, chunk] of chunks.entries())
      this.blocks!.append(chunk, (sequence) => {
        this.memory.giveBack(chunk);
        if (index !== chunks.length - 1) return;
        this.keptBlocks.push({ sequence, bytes });
        this.keptBytes += bytes;
        this.trim(number);
      });
  }

  /** Lets go of what lies below the durable height; an error here only means that more is kept. */
  private trim(number: number): void {
    const quietly = (trimming: Promise<void>): void => {
      trimming.catch((error: Error) => this.log.warn({ err: error }, "a stream could not be trimmed"));
    };
    const open = this.frameOpens.get(number);
    for (const known of this.frameOpens.keys()) if (known <= number) this.frameOpens.delete(known);
    if (open !== undefined) quietly(this.frames!.stream.trim(open));
    quietly(this.tx!.trim(this.framer!.watermark));
    let below = 0;
    while (this.keptBlocks.length > 1 && this.keptBytes > this.options.blocksRetainedBytes) {
      const oldest = this.keptBlocks.shift()!;
      this.keptBytes -= oldest.bytes;
      below = oldest.sequence + 1;
    }
    if (below > 0) quietly(this.blocks!.stream.trim(below));
  }

  private acceptReceipts(peer: PackedStream): void {
    peer.onClose(() => {});
    peer.onMessage((bytes) => {
      if (schemaIdOf(bytes) === Receipts.id) this.guard(() => this.framer!.receipts(decode(Receipts, bytes)));
    });
  }

  private acceptScheduler(peer: PackedStream): void {
    this.scheduler = peer;
    peer.onClose(() => {
      if (this.scheduler === peer) this.scheduler = undefined;
    });
    peer.onMessage((bytes) => {
      if (this.scheduler !== peer) return;
      const id = schemaIdOf(bytes);
      if (id === EpochNotice.id) this.guard(() => this.framer!.epochNotice(decode(EpochNotice, bytes)));
      else if (id === BlockCompleted.id)
        this.guard(() => this.framer!.blockCompleted(decode(BlockCompleted, bytes)));
    });
  }

  /** An error of the core is the end of this process: another start recovers from the shards. */
  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      void this.lifecycle.fail(error);
    }
  }

  /** Takes nothing new, closes the open block and waits until all are announced. */
  private async drainCore(): Promise<void> {
    const framer = this.framer;
    if (!framer) return;
    framer.draining = true;
    const limit = Date.now() + DRAIN_MS;
    while (!framer.isQuiet && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all([this.frames?.flush(), this.blocks?.flush()]);
  }
}

function coreOptions(options: FramerServiceOptions): FramerOptions {
  return {
    ...DEFAULT_OPTIONS,
    poolTransactions: options.poolTransactions,
    intakeTransactions: options.intakeTransactions,
    senderTransactions: options.senderTransactions,
    maxNonceGap: options.maxNonceGap,
    accounts: options.accounts,
    expiryMs: options.expiryMs,
    order: options.order,
    geometry: { frames: options.openFrames, filterBits: options.filterBits, hashes: options.filterHashes },
    frameTransactions: options.frameTransactions,
    frameAgeMs: options.frameAgeMs,
    blockGasLimit: options.blockGasLimit,
    blockIntervalMs: options.blockTimeMs,
    emptyBlockMs: options.emptyBlockTimeMs,
    blockTransactions: options.blockTransactions,
    blockBytes: options.blockBytes,
    blocksInFlight: options.blocksInFlight,
    tailAttempts: options.tailAttempts,
    // Small block gas limits need no flags of their own for the tail.
    tailGas: Math.min(options.tailGas, options.blockGasLimit),
    senderTailGas: Math.min(options.senderTailGas, options.blockGasLimit),
  };
}

function connectStreams(options: FramerServiceOptions): Promise<LogStreams> {
  const { natsUrl, hub, streamPrefix: prefix, dialTimeoutMs: timeoutMs } = options;
  if (natsUrl !== undefined && hub === undefined) return connectNats({ servers: natsUrl, prefix, timeoutMs });
  if (hub !== undefined && natsUrl === undefined) return connectHub({ address: hub, prefix, timeoutMs });
  throw new KitError("options", "expected either --nats-url or --hub, so that the streams can be found");
}
