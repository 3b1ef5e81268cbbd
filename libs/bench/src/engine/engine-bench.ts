/** `velarium bench engine`: our engine against `runCall` of the reference, workload by workload. */
import { createBlockRules } from "@velarium/chain-rules";
import type { BlockContext } from "@velarium/engine";
import { type Bench, type BenchRow, report, row } from "../report.ts";
import { checkAgreement } from "./agreement.ts";
import { createBaseline } from "./baseline.ts";
import { concentratedSwaps } from "./concentrated-swap.ts";
import { fixtureProgram, fixturePrograms, hashChainProgram } from "./fixture-workloads.ts";
import { fibonacciLoop, multiplyLoop } from "./loop-workloads.ts";
import { FULL, measure, SMALL, type Speed } from "./measure.ts";
import { constantProductSwaps, nativeTransfers, tokenTransfers } from "./token-workloads.ts";
import type { Workload } from "./workload.ts";

/** What the baseline itself must reach for the ratios to mean something: ERC-20 transfers per second. */
const BASELINE_TRANSFERS = 4_500;

const rules = createBlockRules("cancun", 1);
const context: BlockContext = {
  rules,
  number: 1,
  timestamp: 2_000,
  beneficiary: new Uint8Array(20),
  gasLimit: 30_000_000,
  baseFee: 0n,
  prevRandao: new Uint8Array(32),
  difficulty: 0n,
  blobBaseFee: 1n,
};

interface Entry {
  readonly name: string;
  /** Seconds per call on the baseline: left out of short runs. */
  readonly long?: boolean;
  /** Undefined where its fixtures are not there. */
  readonly make: () => Workload | undefined;
}

function entries(small: boolean): Entry[] {
  const holders = small ? 500 : 100_000;
  const users = small ? 50 : 1_000;
  const calls = small ? 200 : 50_000;
  const programs = fixturePrograms().map(([name, make]): Entry => ({ name, long: true, make }));
  return [
    { name: "ERC-20 transfer", make: () => tokenTransfers(holders, calls) },
    { name: "Uniswap V2 style swap", make: () => constantProductSwaps(users, calls) },
    { name: "Uniswap V3 swap", make: () => concentratedSwaps(users, small ? 40 : 8_000) },
    ...programs,
    { name: hashChainProgram.name, make: () => fixtureProgram(hashChainProgram) },
    { name: "fib loop", make: fibonacciLoop },
    { name: "multiply loop", make: multiplyLoop },
    { name: "native transfer", make: () => nativeTransfers(holders, calls) },
  ];
}

const perSecond = (speed: Speed): string =>
  `${speed.callsPerSecond.toLocaleString("en", { maximumFractionDigits: speed.callsPerSecond < 100 ? 2 : 0 })}/s`;

function rowsOf(workload: Workload, [baseline]: readonly Speed[]): BenchRow[] {
  const what = `${workload.name}: ${baseline!.runner}`;
  const target = workload.name.startsWith("ERC-20") ? { target: BASELINE_TRANSFERS } : {};
  const detail = `median of ${baseline!.passes}`;
  return [row(what, baseline!.callsPerSecond, "calls/s", { ...target, detail })];
}

export const engineBench: Bench = {
  doc: "execution engine: interpreter and compiled code against runCall of @ethereumjs/evm in the same process",
  async run(options, progress) {
    const rows: BenchRow[] = [];
    for (const { name, long, make } of entries(options.small)) {
      const workload = options.small && long === true ? undefined : make();
      if (workload === undefined) {
        const detail = options.small && long === true ? "not in a small run" : "no fixtures";
        rows.push(row(name, 0, "×", { detail }));
        continue;
      }
      progress(workload.name);
      const runners = [await createBaseline(workload, rules, context)];
      await checkAgreement(workload, runners);
      const speeds = await measure(runners, options.small ? SMALL : FULL);
      progress(`  ${speeds.map((speed) => `${speed.runner} ${perSecond(speed)}`).join(", ")}`);
      rows.push(...rowsOf(workload, speeds));
    }
    return report("engine", options, rows);
  },
};
