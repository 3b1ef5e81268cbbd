/** The scheduler without execution: frames in, grants and dispatches out, results returned at once. */
import { benchScheduler } from "../../scheduler-core/bench/scheduler.ts";
import { type Bench, report, row } from "./report.ts";

const TARGET = 2_000_000;

export const scheduler: Bench = {
  doc: "scheduler without execution: transactions granted, dispatched and retired per second on one core",
  async run(options, progress) {
    const transactions = options.small ? 1 << 15 : 1 << 20;
    const accounts = options.small ? 100_000 : 1_000_000;
    progress("warm-up");
    benchScheduler({ transactions: options.small ? 1 << 13 : 1 << 18, accounts, executors: 1 });
    const rows = [1, 2, 4].map((executors) => {
      progress(`${executors} executors`);
      const result = benchScheduler({ transactions, accounts, executors });
      return row(
        `scheduler, ${executors} executor${executors === 1 ? "" : "s"}`,
        result.transactionsPerSecond,
        "txs/s",
        {
          ...(executors === 1 ? { target: TARGET } : {}),
          detail: `${result.nanosecondsPerTransaction} ns per transaction, ${Math.round(result.dispatchedBytes / result.transactions)} bytes dispatched each`,
        },
      );
    });
    return report("scheduler", options, rows);
  },
};
