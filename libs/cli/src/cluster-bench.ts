/**
 * `velarium bench cluster-verified`, `cluster-signed`, `cluster-erc20` and `cluster-swap`: whole clusters on NATS and Redis, every service a process, root and
 * synced append every block, receipts included. Rates are counted from acknowledgement to announcement after a warm-up;
 * the generator and the recorder of the blocks take part in the CPU account. Then the exported blocks are re-executed.
 */

import { type Bench, report, row } from "@velarium/bench";
import { defaultClusterOptions } from "@velarium/cluster";
import { DEFAULT_ENGINE } from "@velarium/engine-wasm";
import { type RunFlags, run } from "./commands/run.ts";
import type { RunResult } from "./drive/run-result.ts";
import { createOutput } from "./output.ts";

interface Kind {
  readonly doc: string;
  readonly target: number;
  readonly flags: Partial<RunFlags>;
}

const WARM_UP_SECONDS = 10;
/** A minute, and the seconds in which its first and last block are not there yet. */
const SUSTAINED_SECONDS = 62;
const MIN_BLOCKS = 20;
/** Signing costs 35 µs a transaction and must not compete with the cluster, so signed ones are made beforehand. */
const SIGNED_TRANSACTIONS = 1_900_000;

const kinds: Readonly<Record<string, Kind>> = {
  "cluster-verified": {
    doc: "native transfers as verified records, 1 M accounts, uniform, --local: transactions per second",
    target: 60_000,
    flags: { verified: true, accounts: 1_000_000, seconds: SUSTAINED_SECONDS + WARM_UP_SECONDS },
  },
  "cluster-signed": {
    doc: "native transfers with signatures, 20 k accounts, uniform, --local: transactions per second",
    target: 15_000,
    flags: { accounts: 20_000, seconds: SUSTAINED_SECONDS + WARM_UP_SECONDS, txs: SIGNED_TRANSACTIONS },
  },
  "cluster-erc20": {
    doc: "ERC-20 transfers as verified records, 100 k holders, uniform, --local: transactions per second",
    target: 40_000,
    flags: {
      workload: "erc20",
      verified: true,
      accounts: 100_000,
      seconds: SUSTAINED_SECONDS + WARM_UP_SECONDS,
    },
  },
  "cluster-swap": {
    doc: "swaps on constant-product markets as verified records, 20 k accounts, --local: transactions per second",
    target: 15_000,
    flags: {
      workload: "swap",
      verified: true,
      accounts: 20_000,
      seconds: SUSTAINED_SECONDS + WARM_UP_SECONDS,
    },
  },
};

const baseFlags: RunFlags = {
  local: true,
  engine: DEFAULT_ENGINE,
  executors: defaultClusterOptions.executors,
  shards: defaultClusterOptions.shards,
  analyzers: defaultClusterOptions.analyzers,
  httpPort: 0,
  grpcPort: 0,
  blockGasLimit: 1_500_000_000,
  blockTime: 1_000,
  emptyBlockTime: 12_000,
  traceRatio: 1,
  set: [],
  workload: "native",
  txs: 1,
  warmUp: WARM_UP_SECONDS,
  accounts: 1,
  hot: 0,
  contention: 0,
  seed: 1,
  batch: 1024,
  inFlight: 150_000,
  fullCheck: true,
};

export const clusterBenches: Readonly<Record<string, Bench>> = Object.fromEntries(
  Object.entries(kinds).map(([name, kind]) => [
    name,
    {
      doc: kind.doc,
      async run(options, progress) {
        const small = options.small ? { accounts: 2_000, seconds: 6, txs: 20_000, warmUp: 1 } : {};
        progress(kind.doc);
        // The bars of the run go to standard error; its summary is replaced by this report.
        const result = await run({ ...baseFlags, ...kind.flags, ...small }, createOutput(true));
        return reportOf(name, kind, result, options);
      },
    } satisfies Bench,
  ]),
);

function reportOf(name: string, kind: Kind, result: RunResult, options: { readonly small: boolean }) {
  const { sustained, verification } = result;
  const totalCpu = result.cpu.reduce((sum, c) => sum + c.microsPerTransaction, 0);
  const rows = [
    row("sustained throughput", sustained?.transactionsPerSecond ?? 0, "tx/s", {
      target: kind.target,
      detail: sustained
        ? `${sustained.blocks} blocks, ${sustained.seconds.toFixed(1)} s after warm-up`
        : "too few blocks",
    }),
    row("blocks in that time", sustained?.blocks ?? 0, "blocks", { target: MIN_BLOCKS }),
    row("blocks that pass the full check", verification?.ok ? 100 : 0, "%", {
      target: 100,
      detail: verification
        ? `${verification.blocks} blocks, ${verification.transactions} transactions, ${verification.mismatchCount} mismatches, ${verification.seconds.toFixed(0)} s`
        : "not run",
    }),
    row("CPU per transaction", totalCpu, "µs", { detail: "all processes, generator and recorder included" }),
    row("latency p50", result.latencyMs.p50, "ms"),
    row("latency p99", result.latencyMs.p99, "ms"),
  ];
  const table = {
    title: "CPU µs per transaction",
    header: ["service", "µs", "MiB"],
    rows: result.cpu.map((c) => [c.name, Number(c.microsPerTransaction.toFixed(2)), c.residentMiB]),
  };
  return report(name, options, rows, [table]);
}
