/** What the members of a simulated cluster share: chance, the network between them, time, and where the others are. */
import { Network, Random } from "../network.ts";
import type { SimulatedAnalyzer } from "./simulated-analyzer.ts";
import type { SimulatedExecutors } from "./simulated-executors.ts";
import type { SimulatedFramer } from "./simulated-framer.ts";
import type { SimulatedScheduler } from "./simulated-scheduler.ts";
import type { WholeInput, WholeSchedule } from "./whole-run.ts";
import type { WholeShard } from "./whole-shard.ts";

const FIRST_MS = 2_000_000;

export class World {
  readonly input: WholeInput;
  readonly schedule: WholeSchedule;
  readonly random: Random;
  readonly network: Network;
  readonly shards: WholeShard[] = [];
  analyzer!: SimulatedAnalyzer;
  framer!: SimulatedFramer;
  executors!: SimulatedExecutors;
  scheduler!: SimulatedScheduler;
  nowMs = FIRST_MS;
  /** An executor may have promises to settle. */
  touched = false;
  failure: Error | undefined;

  constructor(input: WholeInput, schedule: WholeSchedule) {
    this.input = input;
    this.schedule = schedule;
    this.random = new Random(schedule.seed);
    this.network = new Network(this.random);
  }
}
