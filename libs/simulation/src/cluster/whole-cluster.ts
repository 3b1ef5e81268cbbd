/**
 * A whole cluster in one process: the real cores of framer, scheduler, executors, shards and analyzer, the real state
 * store, the real interpreter. Time, network and disk are simulated: a seed decides what happens next.
 */
import { BatchAnalyzer } from "@velarium/analyzer-core";
import { type BlockRecord, decodeBlockRecord, splitRecord } from "@velarium/blocks";
import { createEthereumRules } from "@velarium/chain-rules";
import { BytesVector, decode, encode, schemaIdOf } from "@velarium/columns";
import { createReferenceEngine } from "@velarium/engine";
import { createExecutorCore } from "@velarium/executor-core";
import { DEFAULT_OPTIONS, Framer, FramerError, type FramerOptions } from "@velarium/framer-core";
import { keccak256 } from "@velarium/hash-kernel";
import { createSchedulerCore, type SchedulerCore } from "@velarium/scheduler-core";
import { hashKey, partitionOf, SLOT_KEY_BYTES, SlotIds, shardOfPartition, WORD_BYTES } from "@velarium/slots";
import {
  Analyzed,
  BlockChunk,
  BlockCompleted,
  BlockOpen,
  Committed,
  EpochNotice,
  ExecutorHello,
  Frame,
  Publish,
  Receipts,
  Stripe,
  TermMarker,
  TxBatch,
} from "@velarium/wire";
import { Network, Random } from "../network.ts";
import { durableRecord, framerStartAt } from "./durable-record.ts";
import { BENEFICIARY, GENESIS, type Submitted } from "./scenario.ts";
import { PARTITIONS, WholeShard } from "./whole-shard.ts";

const SECRET = new Uint8Array(32).fill(5);
export const rules = createEthereumRules(GENESIS.config);
const engine = createReferenceEngine();
const slotIds = new SlotIds(SECRET, PARTITIONS);
/** Turns without any message before the run counts as stuck; each lets time pass. */
const MAX_IDLE_TURNS = 4000;
const FIRST_MS = 2_000_000;

export interface WholeSchedule {
  readonly seed: number;
  readonly executors: number;
  readonly shards: number;
  /** Executors that die and are replaced. */
  readonly deaths?: number;
  /** Executors that lose the scheduler's stream and come back as they are. */
  readonly losses?: number;
  /** Executors that join on the way. */
  readonly joins?: number;
  readonly framerRestarts?: number;
  /** Publish messages that arrive twice, in percent. */
  readonly repeatedPercent?: number;
}

export interface WholeInput {
  readonly transactions: readonly Submitted[];
  readonly options?: Partial<FramerOptions>;
  /** A frames stream of an earlier run, to be repeated; nothing is submitted then. */
  readonly frames?: readonly Uint8Array[];
}

export interface WholeRun {
  readonly records: readonly BlockRecord[];
  /** By number, from 1. */
  readonly hashes: readonly string[];
  readonly frames: readonly Uint8Array[];
  readonly epochs: number;
  readonly messages: number;
  readonly framerStats: Framer["stats"];
  /** Reads of code slots that executors answered themselves. */
  readonly unwrittenCodes: number;
}

/** An executor's stream to the scheduler. */
interface ExecuteStream {
  /** A link of its own, so that what ends one stream does not touch the next. */
  readonly link: string;
  readonly executor: SimulatedExecutor;
  /** Once it has arrived. */
  hello: Uint8Array | undefined;
  /** In the core that runs now. */
  index: number;
}

interface SimulatedExecutor {
  readonly id: number;
  readonly core: ReturnType<typeof createExecutorCore>;
  stream: ExecuteStream;
  isDead: boolean;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export class WholeCluster {
  private readonly random: Random;
  private readonly network: Network;
  private readonly schedule: WholeSchedule;
  private readonly input: WholeInput;
  private readonly framerOptions: FramerOptions;
  private readonly shards: WholeShard[] = [];
  private nowMs = FIRST_MS;
  /** An executor may have promises to settle. */
  private touched = false;
  private failure: Error | undefined;
  // scheduler
  private scheduler!: SchedulerCore;
  private schedulerLost = false;
  private byIndex: ExecuteStream[] = [];
  private readonly streams = new Set<ExecuteStream>();
  private streamsOpened = 0;
  private nextFrame = 0;
  private epochs = 0;
  // executors, by id
  private readonly executors: SimulatedExecutor[] = [];
  // framer
  private framer!: Framer;
  private framerLife = 0;
  private readonly frames: Uint8Array[] = [];
  private lastTerm = 0;
  private readonly announcedHashes = new Map<number, string>();
  private readonly resolved = new Set<number>();
  private resolvedThrough = 0;
  // tx stream and analyzer
  private readonly tx: Uint8Array[] = [];
  private readonly total: number;
  private readonly analyzer: BatchAnalyzer;
  private analyzedThrough = 0;
  private readonly lastNumber: number;

  constructor(input: WholeInput, schedule: WholeSchedule) {
    this.input = input;
    this.schedule = schedule;
    this.random = new Random(schedule.seed);
    this.network = new Network(this.random);
    this.framerOptions = { ...DEFAULT_OPTIONS, ...input.options };
    this.lastNumber = input.frames ? lastBlockOf(input.frames) : Number.POSITIVE_INFINITY;
    this.total = input.frames ? 0 : input.transactions.length;
    for (let s = 0; s < schedule.shards; s++) this.addShard(s);
    this.analyzer = this.createAnalyzer();
    if (input.frames) this.frames.push(...input.frames);
    else this.fillTxStream();
    this.startFramer();
    for (let e = 0; e < schedule.executors; e++) this.addExecutor();
    this.startScheduler(0);
  }

  /** Runs to the end. Throws when nothing moves any more before every transaction has its outcome. */
  async run(): Promise<WholeRun> {
    const faults = [
      ...new Array<() => void>(this.schedule.deaths ?? 0).fill(() => this.killExecutor()),
      ...new Array<() => void>(this.schedule.losses ?? 0).fill(() => this.resetExecutor(this.pickExecutor())),
      ...new Array<() => void>(this.schedule.joins ?? 0).fill(() => this.addExecutor()),
      ...new Array<() => void>(this.schedule.framerRestarts ?? 0).fill(() => this.restartFramer()),
    ];
    let idle = 0;
    while (!this.isDone) {
      if (faults.length > 0 && this.random.below(300) === 0)
        faults.splice(this.random.below(faults.length), 1)[0]!();
      const before = this.network.delivered;
      this.turn();
      if (this.random.below(8) === 0 && this.mayAnalyze) await this.analyzeNext();
      const moved = this.network.step() || this.network.delivered !== before;
      if (this.touched) {
        this.touched = false;
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (this.failure) throw this.failure;
      idle = moved || this.mayAnalyze ? 0 : idle + 1;
      if (!moved) this.nowMs += 5;
      if (idle > MAX_IDLE_TURNS) throw new Error(`stuck: ${this.describe()}`);
    }
    return this.result();
  }

  private get isDone(): boolean {
    if (this.input.frames) return this.framer.announced >= this.lastNumber;
    return this.resolved.size === this.total && this.framer.isQuiet;
  }

  /** What has no message: time, ticks, reading the frames stream. */
  private turn(): void {
    const { random } = this;
    if (random.below(4) === 0) this.nowMs++;
    if (random.below(6) === 0) this.guardFramer(() => this.framer.tick(this.nowMs));
    if (this.schedulerLost) this.startScheduler(this.scheduler.greatestEpoch);
    if (random.below(10) === 0) this.scheduler.tick();
    if (this.scheduler.wantsFrames && this.nextFrame < this.frames.length && random.below(2) === 0) {
      this.network.delivered++;
      this.scheduler.onFrames(this.frames[this.nextFrame++]!);
    }
  }

  private describe(): string {
    return JSON.stringify({
      resolved: this.resolved.size,
      total: this.total,
      announced: this.framer.announced,
      inFlight: this.framer.blocksInFlight,
      open: this.framer.openTransactions,
      pool: this.framer.pool.pending,
      epoch: this.scheduler.epoch,
      phase: this.scheduler.phase,
      height: this.scheduler.height,
      executors: this.executors.filter((e) => !e.isDead).map((e) => e.core.inFlight),
      shards: this.shards.map((s) => [s.durableHeight, s.core.epoch, s.core.parkedNow, s.core.versionsHeld]),
      stats: this.scheduler.stats(),
    });
  }

  private result(): WholeRun {
    const records: BlockRecord[] = [];
    const hashes: string[] = [];
    for (let n = 1; n <= this.framer.announced && n <= this.lastNumber; n++) {
      const record = durableRecord(this.shards, n);
      const hash = hexOf(keccak256(record.header));
      if (this.announcedHashes.get(n) !== hash)
        throw new Error(
          `block ${n} was announced as ${this.announcedHashes.get(n)}, the shards have ${hash}`,
        );
      records.push(record);
      hashes.push(hash);
    }
    return {
      records,
      hashes,
      frames: this.frames,
      epochs: this.epochs,
      messages: this.network.delivered,
      framerStats: this.framer.stats,
      unwrittenCodes: this.executors.reduce((n, e) => n + e.core.stats.unwrittenCodes, 0),
    };
  }

  // ---- shards

  private addShard(index: number): void {
    const { network } = this;
    this.shards.push(
      new WholeShard(GENESIS, index, this.schedule.shards, {
        toExecutor: (peer, bytes) => {
          const executor = this.executors[peer];
          if (executor && !executor.isDead)
            network.send(`shard${index}>executor${peer}`, bytes, (b) => {
              if (executor.isDead) return;
              this.touched = true;
              executor.core.onShard(index, b);
            });
        },
        toScheduler: (bytes) =>
          network.send(`shard${index}>scheduler`, bytes, (b) => this.scheduler.onShard(index, b)),
        toFramer: (bytes) => {
          const life = this.framerLife;
          network.send(`shard${index}>framer`, bytes, (b) => {
            if (life === this.framerLife) this.guardFramer(() => this.framer.committed(decode(Committed, b)));
          });
        },
        toDisk: (turn) => network.post(`shard${index}.disk`, turn),
      }),
    );
  }

  // ---- executors

  private addExecutor(): void {
    const { network, schedule } = this;
    const id = this.executors.length;
    let clock = 0;
    const core = createExecutorCore(
      {
        rules,
        engine,
        shards: schedule.shards,
        partitions: PARTITIONS,
        chainSecret: SECRET,
        cacheRows: 4 << this.random.below(8),
        codeCacheBytes: 1 << (6 + this.random.below(12)),
        // Every few contract transactions others have their turn.
        clock: () => (clock += this.random.below(3)),
        yieldTurn: () =>
          new Promise((resolve) =>
            network.post(`executor${id}.turn`, () => {
              this.touched = true;
              resolve();
            }),
          ),
      },
      {
        toScheduler: (bytes) => {
          if (executor.isDead) return;
          const { stream } = executor;
          network.send(stream.link, bytes, (b) => {
            if (stream.index >= 0) this.scheduler.onExecutor(stream.index, b);
          });
        },
        toShard: (s, bytes) => {
          if (!executor.isDead) this.toShard(executor, s, bytes);
        },
        toFramer: (bytes) => {
          if (executor.isDead) return;
          const life = this.framerLife;
          network.send(`executor${id}>framer`, bytes, (b) => {
            if (life === this.framerLife) this.guardFramer(() => this.framer.receipts(decode(Receipts, b)));
          });
        },
        failed: (error) => {
          if (!executor.isDead) this.failure ??= error;
        },
      },
    );
    const executor: SimulatedExecutor = { id, core, stream: undefined as never, isDead: false };
    this.executors.push(executor);
    for (const shard of this.shards)
      if (shard.core.connect() !== id) throw new Error("peers of a shard are numbered like executors");
    this.openStream(executor);
  }

  private toShard(executor: SimulatedExecutor, s: number, bytes: Uint8Array): void {
    const deliver = (b: Uint8Array): void => this.shards[s]!.fromExecutor(executor.id, b);
    const link = `executor${executor.id}>shard${s}`;
    this.network.send(link, bytes, deliver);
    if (schemaIdOf(bytes) === Publish.id && this.random.below(100) < (this.schedule.repeatedPercent ?? 0))
      this.network.send(link, bytes, deliver);
  }

  private openStream(executor: SimulatedExecutor): void {
    const link = `executor${executor.id}.${++this.streamsOpened}>scheduler`;
    const stream: ExecuteStream = { link, executor, hello: undefined, index: -1 };
    executor.stream = stream;
    const hello = encode(ExecutorHello, { capacity: 4 + this.random.below(60), name: new Uint8Array(0) });
    this.network.send(link, hello, (b) => {
      stream.hello = b;
      this.streams.add(stream);
      this.join(stream);
    });
  }

  private join(stream: ExecuteStream): void {
    stream.index = this.scheduler.fleet.count;
    this.byIndex[stream.index] = stream;
    this.scheduler.joinExecutor(stream.hello!);
  }

  private pickExecutor(): SimulatedExecutor {
    const alive = this.executors.filter((e) => !e.isDead);
    return alive[this.random.below(alive.length)]!;
  }

  private killExecutor(): void {
    const executor = this.pickExecutor();
    executor.isDead = true;
    for (let s = 0; s < this.shards.length; s++)
      this.network.cut(`executor${executor.id}>shard${s}`, () =>
        this.shards[s]!.core.disconnect(executor.id),
      );
    this.network.cut(`executor${executor.id}>framer`);
    this.closeStream(executor);
    this.addExecutor();
  }

  /** The stream to the scheduler ends on both sides; what is under way on it may be lost. */
  private resetExecutor(executor: SimulatedExecutor): void {
    executor.core.lost();
    this.closeStream(executor);
    this.openStream(executor);
  }

  private closeStream({ stream }: SimulatedExecutor): void {
    this.network.cut(stream.link, () => {
      const { index } = stream;
      stream.index = -1;
      this.streams.delete(stream);
      if (index >= 0) this.scheduler.executorLeft(index);
    });
  }

  // ---- scheduler

  private startScheduler(lastEpoch: number): void {
    const { network, schedule, random } = this;
    this.schedulerLost = false;
    this.epochs++;
    this.nextFrame = 0;
    this.byIndex = [];
    const core = createSchedulerCore(
      {
        shards: schedule.shards,
        minExecutors: 1,
        lastEpoch,
        maxPendingBlocks: 1 + random.below(6),
        slotRows: 256,
        slotGroups: 2,
        windowTransactions: 8 + random.below(100),
        nextFees: (parent, number, time) => {
          const facts = {
            ...parent,
            excessBlobGas: BigInt(parent.excessBlobGas),
            blobGasUsed: BigInt(parent.blobGasUsed),
          };
          const block = rules.rulesAt(number, time);
          return {
            baseFee: rules.nextBaseFee(facts, block) ?? 0n,
            excessBlobGas: Number(rules.nextExcessBlobGas(facts, block) ?? 0n),
          };
        },
      },
      {
        toExecutor: (index, bytes) => {
          const stream = this.byIndex[index]!;
          const { executor } = stream;
          network.send(`scheduler>executor${executor.id}`, bytes, (b) => {
            if (executor.isDead || executor.stream !== stream) return;
            this.touched = true;
            executor.core.onScheduler(b);
          });
        },
        toShard: (s, bytes) =>
          network.send(`scheduler>shard${s}`, bytes, (b) => this.shards[s]!.fromScheduler(b)),
        toFramer: (bytes) => {
          const life = this.framerLife;
          network.send("scheduler>framer", bytes, (b) => {
            if (life === this.framerLife) this.fromScheduler(b);
          });
        },
        notice: () => {},
        epochLost: () => {
          this.schedulerLost ||= this.scheduler === core;
        },
      },
    );
    this.scheduler = core;
    core.framerConnected();
    for (const stream of this.streams) this.join(stream);
    for (let s = 0; s < schedule.shards; s++) core.askShard(s);
  }

  // ---- framer

  private startFramer(): void {
    const height = Math.min(...this.shards.map((shard) => shard.durableHeight));
    const start = framerStartAt(this.shards, height, GENESIS, rules);
    this.framerLife++;
    const term = ++this.lastTerm;
    const earlier = this.frames.slice();
    this.frames.push(encode(TermMarker, { term }));
    this.framer = new Framer(
      {
        options: this.framerOptions,
        chain: rules,
        ids: slotIds,
        partitions: PARTITIONS,
        beneficiary: BENEFICIARY,
      },
      { ...start, term },
      this.framerEffects(),
    );
    this.analyzedThrough = this.framer.nextStreamSeq - 1;
    // Blocks that became durable when nobody was left to announce them.
    for (let n = this.resolvedThrough + 1; n <= height; n++) {
      const record = durableRecord(this.shards, n);
      this.remember(n, hexOf(keccak256(record.header)), record);
    }
    this.framer.tick(this.nowMs);
    for (const bytes of earlier) {
      const id = schemaIdOf(bytes);
      if (id === TermMarker.id) this.framer.replayTermMarker(decode(TermMarker, bytes).term);
      else if (id === Frame.id) this.framer.replayFrame(decode(Frame, bytes));
      else this.framer.replay(id, bytes);
    }
    this.framer.finishReplay();
  }

  private framerEffects(): ConstructorParameters<typeof Framer>[2] {
    const { network } = this;
    const life = this.framerLife;
    const isCurrent = (): boolean => life === this.framerLife;
    return {
      appendFrames: (bytes) => {
        const copy = bytes.slice();
        // What is on its way when a framer dies may be stored behind the marker of the next one.
        network.post(`framer${life}>frames`, () => void this.frames.push(copy));
      },
      commit: (epoch, number, record) => {
        for (const [s, stripe] of splitRecord(record, this.shards.length, number).entries())
          network.send(`framer${life}>shard${s}`, encode(Stripe, { epoch, number, stripe }), (b) =>
            this.shards[s]!.fromFramer(b),
          );
      },
      readRoots: (number) => {
        for (const [s, shard] of this.shards.entries())
          network.post(`framer${life}>records${s}`, () => {
            const { roots } = shard.recordAt(number);
            if (isCurrent())
              this.guardFramer(() => this.framer.rootsRead(number, Uint8Array.from(shard.owned), roots));
          });
      },
      announce: (number, chunks, hash) => {
        const parts = chunks.map((chunk) => decode(BlockChunk, chunk).bytes);
        this.remember(number, hexOf(hash), decodeBlockRecord(new Uint8Array(Buffer.concat(parts))));
      },
      toScheduler: (bytes) =>
        network.send("framer>scheduler", bytes, (b) => {
          if (isCurrent()) this.scheduler.onFramer(b);
        }),
      readNonces: (accounts, keys) =>
        network.post(`framer${life}>nonces`, () => {
          if (!isCurrent()) return;
          const fails = this.random.below(20) === 0;
          const values = fails ? undefined : this.readWords(keys, accounts.length);
          this.guardFramer(() => this.framer.noncesRead(accounts, values));
        }),
    };
  }

  /** A block that is announced, or was durable when its framer died. A transaction has one outcome, a number one block. */
  private remember(number: number, hash: string, record: BlockRecord): void {
    const before = this.announcedHashes.get(number);
    if (before !== undefined && before !== hash)
      throw new Error(`block ${number} was announced as ${before}, now it is ${hash}`);
    this.announcedHashes.set(number, hash);
    if (number <= this.resolvedThrough) return;
    this.resolvedThrough = number;
    for (const arrival of [...record.arrivals, ...record.rejectedArrivals]) {
      if (this.input.frames === undefined && this.resolved.has(arrival))
        throw new Error(`arrival ${arrival} has a second outcome in block ${number}`);
      this.resolved.add(arrival);
    }
  }

  private fromScheduler(bytes: Uint8Array): void {
    this.guardFramer(() => {
      if (schemaIdOf(bytes) === EpochNotice.id) this.framer.epochNotice(decode(EpochNotice, bytes));
      else this.framer.blockCompleted(decode(BlockCompleted, bytes));
    });
  }

  /** A framer that cannot go on with what the shards have starts over; anything else it says is a failure. */
  private guardFramer(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof FramerError) || !error.message.includes("start over")) throw error;
      this.restartFramer();
    }
  }

  private restartFramer(): void {
    for (let s = 0; s < this.shards.length; s++) this.network.cut(`framer${this.framerLife}>shard${s}`);
    // What the dead framer appended last may be lost, but only what nobody has seen.
    this.network.cut(`framer${this.framerLife}>frames`);
    this.startFramer();
    this.scheduler.framerLeft();
    // Its stream for receipts is gone as well.
    for (const executor of this.executors) if (!executor.isDead) this.resetExecutor(executor);
  }

  // ---- tx stream and analysis

  private fillTxStream(): void {
    const { transactions } = this.input;
    for (let at = 0; at < transactions.length; ) {
      const rows = transactions.slice(at, (at += 1 + this.random.below(8)));
      const raw = new BytesVector();
      for (const each of rows) raw.push(each.raw);
      this.tx.push(
        encode(TxBatch, {
          batch: 0,
          receivedMs: 0,
          verified: new Uint8Array(rows.length).fill(1),
          raw: raw.view(),
          senders: new Uint8Array(Buffer.concat(rows.map((each) => each.sender))),
          hashes: new Uint8Array(Buffer.concat(rows.map((each) => keccak256(each.raw)))),
        }),
      );
    }
  }

  private get mayAnalyze(): boolean {
    return this.analyzedThrough < Math.min(this.tx.length, this.framer.throughStreamSeq);
  }

  /** Analyses the next message on the state as it is now; the result is on its way for a while. */
  private async analyzeNext(): Promise<void> {
    const streamSeq = ++this.analyzedThrough;
    const life = this.framerLife;
    const packed = await this.analyzer.analyzeBatch(decode(TxBatch, this.tx[streamSeq - 1]!), 1, streamSeq);
    const analyzed = decode(Analyzed, packed);
    // Two analyzers with classes of their own, so that messages come out of order.
    this.network.post(`analyzer${streamSeq % 2}>framer`, () => {
      if (life === this.framerLife) this.guardFramer(() => this.framer.analyzed(analyzed));
    });
  }

  private createAnalyzer(): BatchAnalyzer {
    const nameOf = (sender: Uint8Array, nonce: bigint | number): string => `${hexOf(sender)} ${nonce}`;
    const underdeclared = new Set(
      this.input.transactions.filter((t) => t.isUnderdeclared).map((t) => nameOf(t.sender, t.nonce)),
    );
    return new BatchAnalyzer({
      slotIds,
      rules,
      engine,
      beneficiary: BENEFICIARY,
      gasLimit: this.framerOptions.blockGasLimit,
      now: () => this.nowMs,
      source: {
        height: 0,
        read: async (keys, count) => this.readWords(keys, count),
        code: async (prefix) => this.shards.map((s) => s.codeByPrefix(prefix)).find((c) => c !== undefined),
      },
      profiles: {
        name: "profile",
        contribute: ({ transaction }) =>
          underdeclared.has(nameOf(transaction.sender, transaction.nonce)) ? "complete" : "none",
      },
    });
  }

  /** Committed values by key, from the home shards. */
  private readWords(keys: Uint8Array, count: number): Uint8Array {
    const out = new Uint8Array(count * WORD_BYTES);
    for (let i = 0; i < count; i++) {
      const key = keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES);
      const home = shardOfPartition(partitionOf(hashKey(key), 0, PARTITIONS), this.shards.length);
      const shard = this.shards[home]!;
      out.set(shard.store.get(key.slice(), shard.durableHeight), i * WORD_BYTES);
    }
    return out;
  }
}

function lastBlockOf(frames: readonly Uint8Array[]): number {
  let last = 0;
  for (const bytes of frames)
    if (schemaIdOf(bytes) === BlockOpen.id) last = Math.max(last, decode(BlockOpen, bytes).number);
  return last;
}

export const simulateCluster = (input: WholeInput, schedule: WholeSchedule): Promise<WholeRun> =>
  new WholeCluster(input, schedule).run();
