import type { SchedulerStats } from "@velarium/scheduler-core";
import { defineMetrics } from "@velarium/service-kit";

/** Everything is read from the core when scraped. */
export function defineSchedulerMetrics(
  registry: Parameters<typeof defineMetrics>[0],
  stats: () => SchedulerStats,
  epochsLost: () => number,
) {
  const counter = (name: string, help: string, key: string) =>
    ({ kind: "counter", name, help, collect: () => stats().counters[key] ?? 0 }) as const;
  const gauge = (name: string, help: string, read: (s: SchedulerStats) => number) =>
    ({ kind: "gauge", name, help, collect: () => read(stats()) }) as const;
  return defineMetrics(registry, {
    epoch: gauge("velarium_scheduler_epoch", "Epoch that runs or begins.", (s) => s.epoch),
    running: gauge("velarium_scheduler_epoch_running", "1 while an epoch runs.", (s) =>
      s.phase === "running" ? 1 : 0,
    ),
    epochsLost: {
      kind: "counter",
      name: "velarium_scheduler_epochs_lost_total",
      help: "Epochs that ended by a loss.",
      collect: epochsLost,
    },
    executors: gauge("velarium_scheduler_executors", "Executors in the epoch.", (s) => s.executors.length),
    inFlight: gauge("velarium_scheduler_in_flight_transactions", "Dispatched and not complete.", (s) =>
      s.executors.reduce((n, e) => n + e.inFlight, 0),
    ),
    backlog: gauge("velarium_scheduler_backlog_messages", "Stream messages held back.", (s) => s.backlog),
    durableHeight: gauge(
      "velarium_scheduler_durable_height",
      "Newest durable block.",
      (s) => s.durableHeight,
    ),
    pendingBlocks: gauge(
      "velarium_scheduler_pending_blocks",
      "Blocks complete and not durable.",
      (s) => s.pendingBlocks,
    ),
    slotRows: gauge("velarium_scheduler_slot_rows", "Rows of the slot table.", (s) => s.slotRows),
    slotEvictions: gauge(
      "velarium_scheduler_slot_evictions",
      "Rows evicted in this epoch.",
      (s) => s.slotEvictions,
    ),
    slotGrowths: gauge(
      "velarium_scheduler_slot_growths",
      "Times the slot table grew past its bound in this epoch.",
      (s) => s.slotGrowths,
    ),
    ownershipMoves: gauge(
      "velarium_scheduler_ownership_moves",
      "Slots that changed their owner in this epoch.",
      (s) => s.ownershipMoves,
    ),
    parallelism: gauge(
      "velarium_scheduler_parallelism_transactions",
      "Transaction-level parallelism of the last window.",
      (s) => s.tlp,
    ),
    meanParallelism: gauge(
      "velarium_scheduler_mean_parallelism_transactions",
      "Transaction-level parallelism over all windows of this epoch.",
      (s) => s.meanTlp,
    ),
    transactions: counter(
      "velarium_scheduler_transactions_total",
      "Transactions dispatched in this epoch.",
      "transactions",
    ),
    frames: counter("velarium_scheduler_frames_total", "Frames dispatched in this epoch.", "frames"),
    blocks: counter("velarium_scheduler_blocks_total", "Blocks completed in this epoch.", "blocksCompleted"),
    gasUsed: counter("velarium_scheduler_gas_used_total", "Gas of included transactions.", "gasUsed"),
    executedGas: counter(
      "velarium_scheduler_executed_gas_total",
      "Gas executed, returned transactions included.",
      "executedGas",
    ),
    tail: counter(
      "velarium_scheduler_tail_transactions_total",
      "Transactions of the marked tail.",
      "tailTransactions",
    ),
    stale: counter(
      "velarium_scheduler_stale_messages_total",
      "Messages of other epochs, ignored.",
      "staleEpoch",
    ),
    stallsWindow: counter(
      "velarium_scheduler_window_stalls_total",
      "Times a frame had to wait for room in the window.",
      "stallsWindow",
    ),
    stallsBlocks: counter(
      "velarium_scheduler_pending_block_stalls_total",
      "Times a block had to wait for durability of older ones.",
      "stallsPendingBlocks",
    ),
  });
}
