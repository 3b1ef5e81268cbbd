/**
 * Framer's packing and the scheduler without execution: every transfer goes through ParaBloom, then frames in, grants and
 * dispatches out, results returned at once. Pool, networks and records of blocks are not part of it. Each figure is the
 * best of five runs, since a run is a second and anything else on the machine shows.
 */
import { benchScheduler } from "../../scheduler-core/bench/scheduler.ts";
import { type Bench, report, row } from "./report.ts";

const TARGET = 2_000_000;

const RUNS = 5;
/** Accounts and executors of each row; the first one has the target. */
const CASES = [
  [100_000, 1],
  [1_000_000, 1],
  [100_000, 2],
] as const;

export const scheduler: Bench = {
  doc: "packing (ParaBloom) and scheduler without execution: transfers packed, granted, dispatched and retired per second on one core",
  async run(options, progress) {
    const transactions = options.small ? 1 << 15 : 1 << 20;
    const rows = CASES.map(([accounts, executors], index) => {
      progress(`${accounts} accounts, ${executors} executors`);
      const bench = (n: number) => benchScheduler({ transactions: n, accounts, executors, packing: true });
      if (index === 0) bench(options.small ? 1 << 13 : 1 << 18); // warm-up
      let best = bench(transactions);
      for (let k = 1; k < (options.small ? 1 : RUNS); k++) {
        const again = bench(transactions);
        if (again.transactionsPerSecond > best.transactionsPerSecond) best = again;
      }
      return row(
        `packing and scheduler, ${accounts.toLocaleString("en")} accounts, ${executors} executor${executors === 1 ? "" : "s"}`,
        best.transactionsPerSecond,
        "txs/s",
        {
          ...(index === 0 ? { target: TARGET } : {}),
          detail: `${best.cpuNanosecondsPerTransaction} ns CPU per transaction, ${Math.round(best.dispatchedBytes / best.transactions)} bytes dispatched each`,
        },
      );
    });
    return report("scheduler", options, rows);
  },
};
