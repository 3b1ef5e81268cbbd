/** One look at the scheduler, for metrics and reports. */
import type { HotSlot } from "./conflicts.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Fleet } from "./fleet.ts";

/** What a core has counted since it was made. Gas in gas. */
export interface SchedulerCounters {
  frames: number;
  transactions: number;
  blocksCompleted: number;
  staleEpoch: number;
  staleTerm: number;
  repeatedFrames: number;
  repeatedResults: number;
  stallsWindow: number;
  stallsPendingBlocks: number;
  tailTransactions: number;
  tailCorrections: number;
  gasUsed: number;
  executedGas: number;
}

export const nothingCounted = (): SchedulerCounters => ({
  frames: 0,
  transactions: 0,
  blocksCompleted: 0,
  staleEpoch: 0,
  staleTerm: 0,
  repeatedFrames: 0,
  repeatedResults: 0,
  stallsWindow: 0,
  stallsPendingBlocks: 0,
  tailTransactions: 0,
  tailCorrections: 0,
  gasUsed: 0,
  executedGas: 0,
});

export interface SchedulerStats {
  readonly phase: string;
  readonly epoch: number;
  readonly height: number;
  readonly durableHeight: number;
  readonly openedThrough: number;
  readonly completeThrough: number;
  /** Messages of the frames stream held back. */
  readonly backlog: number;
  /** Blocks complete and not durable. */
  readonly pendingBlocks: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly executors: readonly { inFlight: number; capacity: number }[];
  /** Grants of values by mode (GrantMode). */
  readonly grants: readonly number[];
  readonly ownershipMoves: number;
  readonly sealed: number;
  readonly slotRows: number;
  readonly slotEvictions: number;
  readonly slotGrowths: number;
  /** Transaction-level parallelism of the last window, and over all. */
  readonly tlp: number;
  readonly meanTlp: number;
  readonly hottest: readonly HotSlot[];
}

type Position = Pick<
  SchedulerStats,
  | "phase"
  | "epoch"
  | "height"
  | "durableHeight"
  | "openedThrough"
  | "completeThrough"
  | "backlog"
  | "pendingBlocks"
  | "sealed"
>;
const HOTTEST = 16;

export function statsOf(
  counters: SchedulerCounters,
  fleet: Fleet,
  dispatcher: Dispatcher,
  position: Position,
): SchedulerStats {
  const { table, grants } = dispatcher;
  const { parallelism, history } = grants;
  return {
    ...position,
    counters: { ...counters },
    executors: Array.from({ length: fleet.count }, (_, e) => ({
      inFlight: fleet.inFlight[e]!,
      capacity: fleet.capacity[e]!,
    })),
    grants: [...grants.counts],
    ownershipMoves: grants.ownershipMoves,
    slotRows: table.rows,
    slotEvictions: table.evictions,
    slotGrowths: table.growths,
    tlp: parallelism.tlp,
    meanTlp: parallelism.meanTlp,
    hottest: history.hottest(HOTTEST),
  };
}
