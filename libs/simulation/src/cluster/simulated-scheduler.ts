/** The scheduler of a simulated cluster: one core after the other, each in an epoch of its own. */
import { decode, schemaIdOf } from "@velarium/columns";
import { createSchedulerCore, feeRuleOf, type SchedulerCore } from "@velarium/scheduler-core";
import { BlockCompleted, EpochNotice } from "@velarium/wire";
import { rules } from "./chain.ts";
import type { ExecuteStream } from "./simulated-executors.ts";
import type { World } from "./world.ts";

export class SimulatedScheduler {
  core!: SchedulerCore;
  epochs = 0;
  private readonly world: World;
  private isLost = false;
  private byIndex: ExecuteStream[] = [];
  private readonly streams = new Set<ExecuteStream>();
  private nextFrame = 0;

  constructor(world: World) {
    this.world = world;
    this.start(0);
  }

  start(lastEpoch: number): void {
    const { world } = this;
    const { network, schedule, random } = world;
    this.isLost = false;
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
        nextFees: feeRuleOf(rules),
      },
      {
        toExecutor: (index, bytes) => {
          const stream = this.byIndex[index]!;
          const { executor } = stream;
          network.send(`scheduler>executor${executor.id}`, bytes, (b) => {
            if (executor.isDead || executor.stream !== stream) return;
            world.touched = true;
            executor.core.onScheduler(b);
          });
        },
        toShard: (s, bytes) =>
          network.send(`scheduler>shard${s}`, bytes, (b) => world.shards[s]!.fromScheduler(b)),
        toFramer: (bytes) => {
          const framer = world.framer.incumbent();
          network.send("scheduler>framer", bytes, (b) =>
            framer((core) => {
              if (schemaIdOf(b) === EpochNotice.id) core.epochNotice(decode(EpochNotice, b));
              else core.blockCompleted(decode(BlockCompleted, b));
            }),
          );
        },
        notice: () => {},
        epochLost: () => {
          this.isLost ||= this.core === core;
        },
      },
    );
    this.core = core;
    core.framerConnected();
    for (const stream of this.streams) this.join(stream);
    for (let s = 0; s < schedule.shards; s++) core.askShard(s);
  }

  /** What has no message: losing an epoch, ticks, reading the frames stream. */
  turn(): void {
    const { random, network, framer } = this.world;
    if (this.isLost) this.start(this.core.greatestEpoch);
    if (random.below(10) === 0) this.core.tick();
    if (this.core.wantsFrames && this.nextFrame < framer.frames.length && random.below(2) === 0) {
      network.delivered++;
      this.core.onFrames(framer.frames[this.nextFrame++]!);
    }
  }

  /** A stream of an executor, with its hello. */
  arrived(stream: ExecuteStream): void {
    this.streams.add(stream);
    this.join(stream);
  }

  left(stream: ExecuteStream): void {
    const { index } = stream;
    stream.index = -1;
    this.streams.delete(stream);
    if (index >= 0) this.core.executorLeft(index);
  }

  private join(stream: ExecuteStream): void {
    stream.index = this.core.fleet.count;
    this.byIndex[stream.index] = stream;
    this.core.joinExecutor(stream.hello!);
  }
}
