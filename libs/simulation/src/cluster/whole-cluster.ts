/**
 * A whole cluster in one process: the real cores of framer, scheduler, executors, shards and analyzer, the real state
 * store, the real interpreter. Time, network and disk are simulated: a seed decides what happens next.
 */
import type { BlockRecord } from "@velarium/blocks";
import { decode, schemaIdOf } from "@velarium/columns";
import { DEFAULT_OPTIONS } from "@velarium/framer-core";
import { BlockOpen, Committed } from "@velarium/wire";
import { blockHashOf, durableRecord } from "./durable-record.ts";
import { GENESIS } from "./scenario.ts";
import { SimulatedAnalyzer } from "./simulated-analyzer.ts";
import { SimulatedExecutors } from "./simulated-executors.ts";
import { SimulatedFramer } from "./simulated-framer.ts";
import { SimulatedScheduler } from "./simulated-scheduler.ts";
import type { WholeInput, WholeRun, WholeSchedule } from "./whole-run.ts";
import { WholeShard } from "./whole-shard.ts";
import { World } from "./world.ts";

/** Turns without any message before the run counts as stuck; each lets time pass. */
const MAX_IDLE_TURNS = 4000;

export class WholeCluster {
  private readonly world: World;
  private readonly total: number;
  private readonly lastNumber: number;

  constructor(input: WholeInput, schedule: WholeSchedule) {
    const world = new World(input, schedule);
    this.world = world;
    const framerOptions = { ...DEFAULT_OPTIONS, ...input.options };
    this.lastNumber = input.frames ? lastBlockOf(input.frames) : Number.POSITIVE_INFINITY;
    this.total = input.frames ? 0 : input.transactions.length;
    for (let s = 0; s < schedule.shards; s++) this.addShard(s);
    world.analyzer = new SimulatedAnalyzer(world, framerOptions.blockGasLimit);
    world.framer = new SimulatedFramer(world, framerOptions);
    world.executors = new SimulatedExecutors(world);
    for (let e = 0; e < schedule.executors; e++) world.executors.add();
    world.scheduler = new SimulatedScheduler(world);
  }

  /** Runs to the end. Throws when nothing moves any more before every transaction has its outcome. */
  async run(): Promise<WholeRun> {
    const { world } = this;
    const { network, random, executors, framer, analyzer } = world;
    const faults = [
      ...new Array<() => void>(world.schedule.deaths ?? 0).fill(() => executors.kill()),
      ...new Array<() => void>(world.schedule.losses ?? 0).fill(() => executors.lose()),
      ...new Array<() => void>(world.schedule.joins ?? 0).fill(() => executors.add()),
      ...new Array<() => void>(world.schedule.framerRestarts ?? 0).fill(() => framer.restart()),
    ];
    let idle = 0;
    while (!this.isDone) {
      if (faults.length > 0 && random.below(300) === 0) faults.splice(random.below(faults.length), 1)[0]!();
      const before = network.delivered;
      this.turn();
      if (random.below(8) === 0 && analyzer.hasNext) await analyzer.analyzeNext();
      const moved = network.step() || network.delivered !== before;
      if (world.touched) {
        world.touched = false;
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (world.failure) throw world.failure;
      idle = moved || analyzer.hasNext ? 0 : idle + 1;
      if (!moved) world.nowMs += 5;
      if (idle > MAX_IDLE_TURNS) throw new Error(`stuck: ${this.describe()}`);
    }
    return this.result();
  }

  private get isDone(): boolean {
    const { input, framer } = this.world;
    if (input.frames) return framer.core.announced >= this.lastNumber;
    return framer.resolved.size === this.total && framer.core.isQuiet;
  }

  /** What has no message: time, ticks, reading the frames stream. */
  private turn(): void {
    const { world } = this;
    if (world.random.below(4) === 0) world.nowMs++;
    if (world.random.below(6) === 0) world.framer.tick();
    world.scheduler.turn();
  }

  private describe(): string {
    const { shards, executors, scheduler, framer } = this.world;
    return JSON.stringify({
      resolved: framer.resolved.size,
      total: this.total,
      announced: framer.core.announced,
      inFlight: framer.core.blocksInFlight,
      open: framer.core.openTransactions,
      pool: framer.core.pool.rows.size,
      epoch: scheduler.core.epoch,
      phase: scheduler.core.phase,
      height: scheduler.core.height,
      executors: executors.all.filter((e) => !e.isDead).map((e) => e.core.inFlight),
      shards: shards.map((s) => [s.durableHeight, s.core.epoch, s.core.parkedNow, s.core.versionsHeld]),
      stats: scheduler.core.stats(),
    });
  }

  private result(): WholeRun {
    const { shards, network, executors, scheduler, framer } = this.world;
    const records: BlockRecord[] = [];
    const hashes: string[] = [];
    for (let n = 1; n <= framer.core.announced && n <= this.lastNumber; n++) {
      const record = durableRecord(shards, n);
      const hash = blockHashOf(record);
      if (framer.announcedHashes.get(n) !== hash)
        throw new Error(
          `block ${n} was announced as ${framer.announcedHashes.get(n)}, the shards have ${hash}`,
        );
      records.push(record);
      hashes.push(hash);
    }
    return {
      records,
      hashes,
      frames: framer.frames,
      epochs: scheduler.epochs,
      messages: network.delivered,
      framerStats: framer.core.stats,
      unwrittenCodes: executors.all.reduce((n, e) => n + e.core.stats.unwrittenCodes, 0),
    };
  }

  private addShard(index: number): void {
    const { world } = this;
    const { network, schedule, shards } = world;
    shards.push(
      new WholeShard(GENESIS, index, schedule.shards, {
        toExecutor: (peer, bytes) => {
          const executor = world.executors.all[peer];
          if (executor && !executor.isDead)
            network.send(`shard${index}>executor${peer}`, bytes, (b) => {
              if (executor.isDead) return;
              world.touched = true;
              executor.core.onShard(index, b);
            });
        },
        toScheduler: (bytes) =>
          network.send(`shard${index}>scheduler`, bytes, (b) => world.scheduler.core.onShard(index, b)),
        toFramer: (bytes) => {
          const framer = world.framer.incumbent();
          network.send(`shard${index}>framer`, bytes, (b) =>
            framer((core) => core.committed(decode(Committed, b))),
          );
        },
        toDisk: (turn) => network.post(`shard${index}.disk`, turn),
      }),
    );
  }
}

function lastBlockOf(frames: readonly Uint8Array[]): number {
  let last = 0;
  for (const bytes of frames)
    if (schemaIdOf(bytes) === BlockOpen.id) last = Math.max(last, decode(BlockOpen, bytes).number);
  return last;
}

/** Runs a cluster to the end of its input. */
export const simulateCluster = (input: WholeInput, schedule: WholeSchedule): Promise<WholeRun> =>
  new WholeCluster(input, schedule).run();
