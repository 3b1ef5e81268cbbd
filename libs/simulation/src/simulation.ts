/** A whole cluster behind the frames stream in one process: the real scheduler and shard cores, toy executors and framer. */
import { decode, encode, schemaIdOf } from "@velarium/columns";
import {
  bigintToWord,
  createSchedulerCore,
  type SchedulerCore,
  wordToBigint,
} from "@velarium/scheduler-core";
import { BlockCompleted, BlockHash, Committed, EpochNotice, Stripe } from "@velarium/wire";
import { Network, Random } from "./network.ts";
import { nextToyFee, type ToyBlock, type ToyOutcome, toyBlockHash } from "./toy-chain.ts";
import { ToyExecutor } from "./toy-executor.ts";
import { encodeChain } from "./toy-frames.ts";
import { ToyShard } from "./toy-shard.ts";
import { fromWord } from "./toy-transaction.ts";

export interface Schedule {
  readonly seed: number;
  readonly executors: number;
  readonly shards: number;
  /** Executors that die on the way; each is replaced, and a new epoch repeats the frames. */
  readonly deaths: number;
  /** Executors that join on the way. */
  readonly joins: number;
}

export interface SimulatedRun {
  readonly state: Map<string, number>;
  readonly outcomes: Map<number, ToyOutcome>;
  readonly baseFees: number[];
  readonly gasUsed: number[];
  readonly hashes: number[];
  readonly epochs: number;
  readonly messages: number;
}

interface Header {
  gasUsed: number;
  baseFee: number;
  digest: number;
  committed: number;
}

export class Simulation {
  private readonly random: Random;
  private readonly network: Network;
  private readonly schedule: Schedule;
  private readonly frames: Uint8Array[];
  private readonly blocks: number;
  private readonly shards: ToyShard[] = [];
  /** By connection; a dead one is undefined. */
  private readonly executors: (ToyExecutor | undefined)[] = [];
  private readonly outcomes = new Map<number, ToyOutcome>();
  private core!: SchedulerCore;
  private byIndex: number[] = [];
  private indexOf = new Map<number, number>();
  private nextFrame = 0;
  private lost = false;
  private epochs = 0;
  // The framer.
  private framerEpoch = 0;
  private readonly headers: Header[] = [{ gasUsed: 0, baseFee: 0, digest: 0, committed: 0 }];
  private readonly hashes: number[] = [toyBlockHash(0, 0, 0)];

  constructor(blocks: readonly ToyBlock[], schedule: Schedule) {
    this.schedule = schedule;
    this.random = new Random(schedule.seed);
    this.network = new Network(this.random);
    this.frames = encodeChain(blocks);
    this.blocks = blocks.length;
    for (let s = 0; s < schedule.shards; s++) this.addShard(s);
    for (let e = 0; e < schedule.executors; e++) this.addExecutor();
    this.newCore(0);
  }

  /** Runs to the end. Throws when nothing moves any more before the last block is announced. */
  run(): SimulatedRun {
    let deaths = this.schedule.deaths;
    let joins = this.schedule.joins;
    while (this.hashes.length <= this.blocks) {
      const progress = this.network.delivered;
      if (deaths > 0 && this.random.below(400) === 0) {
        deaths--;
        this.kill();
      }
      if (joins > 0 && this.random.below(400) === 0) {
        joins--;
        this.join(this.addExecutor());
      }
      if (this.lost) this.newCore(this.core.greatestEpoch);
      let moved = false;
      if (this.core.wantsFrames && this.nextFrame < this.frames.length && this.random.below(3) === 0) {
        this.core.onFrames(this.frames[this.nextFrame++]!);
        moved = true;
      }
      if (this.random.below(20) === 0) this.core.tick();
      if (this.network.step() || moved) continue;
      for (const executor of this.executors) if (executor?.flush()) moved = true;
      if (moved || this.lost || (this.core.wantsFrames && this.nextFrame < this.frames.length)) continue;
      throw new Error(`stuck after ${progress} messages: ${JSON.stringify(this.core.stats())}`);
    }
    const state = new Map<string, number>();
    for (const shard of this.shards) for (const [name, value] of shard.state) state.set(name, value);
    return {
      state,
      outcomes: this.outcomes,
      baseFees: this.headers.map((h) => h.baseFee),
      gasUsed: this.headers.map((h) => h.gasUsed),
      hashes: this.hashes,
      epochs: this.epochs,
      messages: this.network.delivered,
    };
  }

  private addShard(index: number): void {
    const { network } = this;
    this.shards.push(
      new ToyShard(index, this.schedule.shards, {
        toExecutor: (e, bytes) =>
          network.send(`shard${index}>executor${e}`, bytes, (b) => this.executors[e]?.fromShard(index, b)),
        toScheduler: (bytes) =>
          network.send(`shard${index}>scheduler`, bytes, (b) => this.core.onShard(index, b)),
        toFramer: (bytes) => network.send(`shard${index}>framer`, bytes, (b) => this.committed(b)),
      }),
    );
  }

  private addExecutor(): number {
    const connection = this.executors.length;
    const { network } = this;
    this.executors.push(
      new ToyExecutor(this.schedule.shards, 8 + this.random.below(60), this.random, {
        toScheduler: (bytes) =>
          network.send(`executor${connection}>scheduler`, bytes, (b) => {
            const index = this.indexOf.get(connection);
            if (index !== undefined) this.core.onExecutor(index, b);
          }),
        toShard: (s, bytes) =>
          network.send(`executor${connection}>shard${s}`, bytes, (b) =>
            this.shards[s]!.fromExecutor(connection, b),
          ),
      }),
    );
    for (const shard of this.shards) shard.core.connect();
    return connection;
  }

  private join(connection: number): void {
    this.byIndex[this.core.fleet.count] = connection;
    this.indexOf.set(connection, this.core.fleet.count);
    this.core.joinExecutor(this.executors[connection]!.hello());
  }

  private kill(): void {
    const alive = this.executors.flatMap((e, i) => (e ? [i] : []));
    const connection = alive[this.random.below(alive.length)]!;
    this.collectOutcomes(this.executors[connection]!);
    this.executors[connection] = undefined;
    for (const shard of this.shards) shard.core.disconnect(connection);
    const index = this.indexOf.get(connection);
    this.addExecutor();
    if (index !== undefined) this.core.executorLeft(index);
    else this.lost = true;
  }

  /** A scheduler for a new epoch. */
  private newCore(lastEpoch: number): void {
    const { network, schedule } = this;
    this.lost = false;
    this.epochs++;
    this.nextFrame = 0;
    this.byIndex = [];
    this.indexOf = new Map();
    const core = createSchedulerCore(
      {
        shards: schedule.shards,
        minExecutors: 1,
        lastEpoch,
        maxPendingBlocks: 1 + this.random.below(4),
        slotRows: 64,
        slotGroups: 2,
        windowTransactions: 16 + this.random.below(100),
        nextFees: (parent) => ({
          baseFee: BigInt(nextToyFee(Number(parent.baseFee), parent.gasUsed)),
          excessBlobGas: 0,
        }),
      },
      {
        toExecutor: (index, bytes) => {
          const connection = this.byIndex[index]!;
          network.send(`scheduler>executor${connection}`, bytes, (b) =>
            this.executors[connection]?.fromScheduler(b),
          );
        },
        toShard: (s, bytes) =>
          network.send(`scheduler>shard${s}`, bytes, (b) => this.shards[s]!.fromScheduler(b)),
        toFramer: (bytes) => network.send("scheduler>framer", bytes, (b) => this.fromScheduler(b)),
        notice: () => {},
        epochLost: () => {
          this.lost = this.core === core;
        },
      },
    );
    this.core = core;
    this.executors.forEach((executor, connection) => {
      if (executor) this.join(connection);
    });
    core.framerConnected();
    for (let s = 0; s < schedule.shards; s++) core.askShard(s);
  }

  private fromScheduler(bytes: Uint8Array): void {
    if (schemaIdOf(bytes) === EpochNotice.id) {
      const { epoch, height } = decode(EpochNotice, bytes);
      if (epoch <= this.framerEpoch) return;
      this.framerEpoch = epoch;
      for (let n = 0; n <= height; n++) {
        // A block that was durable everywhere when its announcement was lost is announced now.
        if (this.hashes[n] === undefined) this.hashes[n] = this.hashOfDurable(n);
        this.sendHash(n);
      }
      this.headers.length = height + 1;
      const { gasUsed, baseFee } = this.headers[height]!;
      this.toScheduler(
        encode(BlockCompleted, {
          epoch,
          number: height,
          gasUsed,
          gasLimit: 1e6,
          blobGasUsed: 0,
          excessBlobGas: 0,
          executedGas: gasUsed,
          baseFee: bigintToWord(BigInt(baseFee)),
        }),
      );
      return;
    }
    const { epoch, number, gasUsed, baseFee } = decode(BlockCompleted, bytes);
    if (epoch !== this.framerEpoch) return;
    this.headers[number] = { gasUsed, baseFee: Number(wordToBigint(baseFee)), digest: 0, committed: 0 };
    const stripe = encode(Stripe, { epoch, number, stripe: Uint8Array.of(number) });
    for (let s = 0; s < this.shards.length; s++)
      this.network.send(`framer>shard${s}`, stripe, (b) => this.shards[s]!.fromFramer(b));
  }

  private committed(bytes: Uint8Array): void {
    const { epoch, number, roots } = decode(Committed, bytes);
    const header = this.headers[number];
    if (!header) return;
    // What is durable stays so when its epoch ends before the framer has heard of it.
    if (epoch !== this.framerEpoch && header.committed === this.shards.length) return;
    header.digest ^= fromWord(roots);
    if (++header.committed < this.shards.length || epoch !== this.framerEpoch) return;
    const hash = this.hashOf(number);
    if (this.hashes[number] !== undefined && this.hashes[number] !== hash)
      throw new Error(`block ${number} was announced as ${this.hashes[number]}, now it is ${hash}`);
    this.hashes[number] = hash;
    this.sendHash(number);
    if (number === this.blocks)
      for (const executor of this.executors) if (executor) this.collectOutcomes(executor);
  }

  private hashOf(number: number): number {
    const { digest, gasUsed } = this.headers[number]!;
    return toyBlockHash(number, digest >>> 0, gasUsed);
  }

  /** Some of its shards' answers may still be on their way, so their roots are read, as the framer does. */
  private hashOfDurable(number: number): number {
    const header = this.headers[number]!;
    header.digest = this.shards.reduce((digest, shard) => digest ^ shard.digestAt(number), 0);
    header.committed = this.shards.length;
    return this.hashOf(number);
  }

  private sendHash(number: number): void {
    const hash = bigintToWord(BigInt(this.hashes[number]!));
    this.toScheduler(encode(BlockHash, { epoch: this.framerEpoch, number, hash }));
  }

  private toScheduler(bytes: Uint8Array): void {
    this.network.send("framer>scheduler", bytes, (b) => this.core.onFramer(b));
  }

  /** A repeat has to give the same outcome, wherever and whenever it runs. */
  private collectOutcomes(executor: ToyExecutor): void {
    for (const [seq, { outcome, gasUsed }] of executor.outcomes) {
      const before = this.outcomes.get(seq);
      if (before && (before.outcome !== outcome || before.gasUsed !== gasUsed))
        throw new Error(
          `seq ${seq} had outcome ${before.outcome} with ${before.gasUsed} gas, now ${outcome} with ${gasUsed}`,
        );
      this.outcomes.set(seq, { outcome, gasUsed });
    }
  }
}

export const simulate = (blocks: readonly ToyBlock[], schedule: Schedule): SimulatedRun =>
  new Simulation(blocks, schedule).run();
