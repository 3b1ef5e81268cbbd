/** The executors of a simulated cluster, which join, die, and lose their streams to the scheduler. */
import { decode, encode, schemaIdOf } from "@velarium/columns";
import { createExecutorCore } from "@velarium/executor-core";
import { ExecutorHello, Publish, Receipts } from "@velarium/wire";
import { CHAIN_SECRET, engine, rules } from "./chain.ts";
import { PARTITIONS } from "./whole-shard.ts";
import type { World } from "./world.ts";

/** An executor's stream to the scheduler. */
export interface ExecuteStream {
  /** A link of its own, so that what ends one stream does not touch the next. */
  readonly link: string;
  readonly executor: SimulatedExecutor;
  /** Once it has arrived. */
  hello: Uint8Array | undefined;
  /** In the core that runs now. */
  index: number;
}

export interface SimulatedExecutor {
  readonly id: number;
  readonly core: ReturnType<typeof createExecutorCore>;
  stream: ExecuteStream;
  isDead: boolean;
}

export class SimulatedExecutors {
  /** By id. */
  readonly all: SimulatedExecutor[] = [];
  private readonly world: World;
  private streamsOpened = 0;

  constructor(world: World) {
    this.world = world;
  }

  add(): void {
    const { world } = this;
    const { network, schedule, random } = world;
    const id = this.all.length;
    let clock = 0;
    const core = createExecutorCore(
      {
        rules,
        engine,
        shards: schedule.shards,
        partitions: PARTITIONS,
        chainSecret: CHAIN_SECRET,
        cacheRows: 4 << random.below(8),
        codeCacheBytes: 1 << (6 + random.below(12)),
        // Every few contract transactions others have their turn.
        clock: () => (clock += random.below(3)),
        yieldTurn: () =>
          new Promise((resolve) =>
            network.post(`executor${id}.turn`, () => {
              world.touched = true;
              resolve();
            }),
          ),
      },
      {
        toScheduler: (bytes) => {
          if (executor.isDead) return;
          const { stream } = executor;
          network.send(stream.link, bytes, (b) => {
            if (stream.index >= 0) world.scheduler.core.onExecutor(stream.index, b);
          });
        },
        toShard: (s, bytes) => {
          if (!executor.isDead) this.toShard(executor, s, bytes);
        },
        toFramer: (bytes) => {
          if (executor.isDead) return;
          const framer = world.framer.incumbent();
          network.send(`executor${id}>framer`, bytes, (b) =>
            framer((core) => core.receipts(decode(Receipts, b))),
          );
        },
        failed: (error) => {
          if (!executor.isDead) world.failure ??= error;
        },
      },
    );
    const executor: SimulatedExecutor = { id, core, stream: undefined as never, isDead: false };
    this.all.push(executor);
    for (const shard of world.shards)
      if (shard.core.connect() !== id) throw new Error("peers of a shard are numbered like executors");
    this.openStream(executor);
  }

  private toShard(executor: SimulatedExecutor, s: number, bytes: Uint8Array): void {
    const { shards, network, random, schedule } = this.world;
    const deliver = (b: Uint8Array): void => shards[s]!.fromExecutor(executor.id, b);
    const link = `executor${executor.id}>shard${s}`;
    network.send(link, bytes, deliver);
    if (schemaIdOf(bytes) === Publish.id && random.below(100) < (schedule.repeatedPercent ?? 0))
      network.send(link, bytes, deliver);
  }

  private openStream(executor: SimulatedExecutor): void {
    const { random, network } = this.world;
    const link = `executor${executor.id}.${++this.streamsOpened}>scheduler`;
    const stream: ExecuteStream = { link, executor, hello: undefined, index: -1 };
    executor.stream = stream;
    const hello = encode(ExecutorHello, { capacity: 4 + random.below(60), name: new Uint8Array(0) });
    network.send(link, hello, (b) => {
      stream.hello = b;
      this.world.scheduler.arrived(stream);
    });
  }

  private pick(): SimulatedExecutor {
    const alive = this.all.filter((e) => !e.isDead);
    return alive[this.world.random.below(alive.length)]!;
  }

  /** One dies, and another takes its place. */
  kill(): void {
    const { shards, network } = this.world;
    const executor = this.pick();
    executor.isDead = true;
    for (let s = 0; s < shards.length; s++)
      network.cut(`executor${executor.id}>shard${s}`, () => shards[s]!.core.disconnect(executor.id));
    network.cut(`executor${executor.id}>framer`);
    this.closeStream(executor);
    this.add();
  }

  /** One loses its stream. */
  lose(): void {
    this.reset(this.pick());
  }

  /** All lose their streams. */
  loseAll(): void {
    for (const executor of this.all) if (!executor.isDead) this.reset(executor);
  }

  /** The stream to the scheduler ends on both sides; what is under way on it may be lost. */
  private reset(executor: SimulatedExecutor): void {
    executor.core.lost();
    this.closeStream(executor);
    this.openStream(executor);
  }

  private closeStream({ stream }: SimulatedExecutor): void {
    this.world.network.cut(stream.link, () => {
      this.world.scheduler.left(stream);
    });
  }
}
