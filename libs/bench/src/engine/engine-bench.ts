/** `velarium bench engine`: our engine against `runCall` of the reference, workload by workload. */
import { createBlockRules } from "@velarium/chain-rules";
import type { BlockContext } from "@velarium/engine";
import { loadFastCurves } from "@velarium/precompiles";
import { type Bench, type BenchRow, isWanted, report, row } from "../report.ts";
import { checkAgreement } from "./agreement.ts";
import { createBaseline } from "./baseline.ts";
import { compileRows } from "./compile-bench.ts";
import { concentratedSwaps } from "./concentrated-swap.ts";
import { fixtureProgram, fixturePrograms, hashChainProgram } from "./fixture-workloads.ts";
import { hashChainRows } from "./hash-chain.ts";
import { fibonacciLoop, multiplyLoop } from "./loop-workloads.ts";
import { FULL, measure, SMALL, type Speed } from "./measure.ts";
import { ResidentRunner } from "./resident.ts";
import { constantProductSwaps, nativeTransfers, tokenTransfers } from "./token-workloads.ts";
import { traceRows } from "./trace-bench.ts";
import { workersRow } from "./two-workers.ts";
import type { Workload } from "./workload.ts";

/** What the baseline itself must reach for the ratios to mean something: ERC-20 transfers per second. */
const BASELINE_TRANSFERS = 4_500;

export const BENCH_CONTEXT: BlockContext = {
  rules: createBlockRules("cancun", 1),
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
    { name: "fib loop", make: fibonacciLoop },
    { name: "multiply loop", make: multiplyLoop },
    { name: "native transfer", make: () => nativeTransfers(holders, calls) },
  ];
}

function tracedWorkloads(small: boolean): Workload[] {
  return entries(small)
    .filter(({ name }) => TRACED.includes(name))
    .map(({ make }) => make())
    .filter((workload) => workload !== undefined);
}

const perSecond = ({ callsPerSecond: n }: Speed): string =>
  `${n.toLocaleString("en", { maximumFractionDigits: n < 100 ? 2 : 0 })}/s`;

function rowsOf(workload: Workload, speeds: readonly Speed[], interpretedShare: number): BenchRow[] {
  const [baseline, interpreter, compiled] = speeds as [Speed, Speed, Speed];
  const { name, targets } = workload;
  const times = (speed: Speed): number => speed.callsPerSecond / baseline.callsPerSecond;
  const detail = (speed: Speed): string => `${perSecond(speed)}, median of ${speed.passes}`;
  const some = (target: number | undefined) => (target === undefined ? {} : { target });
  const rows = [
    row(`${name}: baseline`, baseline.callsPerSecond, "calls/s", {
      ...(name.startsWith("ERC-20") ? { target: BASELINE_TRANSFERS } : {}),
      detail: `median of ${baseline.passes}`,
    }),
    row(`${name}: interpreter`, times(interpreter), "×", {
      ...some(targets.interpreter),
      detail: detail(interpreter),
    }),
  ];
  // Without code there is nothing to compile.
  if (workload.accounts.every(({ code }) => code === undefined)) {
    rows[1] = row(`${name}: engine`, times(interpreter), "×", {
      target: targets.compiled,
      detail: detail(interpreter),
    });
    return rows;
  }
  const left =
    interpretedShare > 0 ? `, ${(interpretedShare * 100).toFixed(1)} % of the gas interpreted` : "";
  rows.push(
    row(`${name}: compiled`, times(compiled), "×", {
      target: targets.compiled,
      detail: detail(compiled) + left,
    }),
  );
  if (targets.overInterpreter !== undefined)
    rows.push(
      row(`${name}: compiled over interpreter`, compiled.callsPerSecond / interpreter.callsPerSecond, "×", {
        target: targets.overInterpreter,
      }),
    );
  return rows;
}

async function benchWorkload(
  workload: Workload,
  small: boolean,
  progress: (step: string) => void,
): Promise<BenchRow[]> {
  progress(workload.name);
  const baseline = await createBaseline(workload, BENCH_CONTEXT.rules, BENCH_CONTEXT);
  const interpreter = new ResidentRunner("interpreter", workload, BENCH_CONTEXT);
  const compiled = new ResidentRunner("compiled", workload, BENCH_CONTEXT);
  const runners = [baseline, interpreter, compiled];
  compiled.compileAll();
  await checkAgreement(workload, runners);
  const share = compiled.interpretedShare(0);
  const speeds = await measure(runners, small ? SMALL : FULL);
  progress(`  ${speeds.map((speed) => `${speed.runner} ${perSecond(speed)}`).join(", ")}`);
  return rowsOf(workload, speeds, share);
}

const HASH_CHAIN = hashChainProgram.name;
const TWO_WORKERS = "two workers";
const COMPILE_TIMES = "compile times";
const TRACE = "packed trace";
/** Workloads that are traced: storage and hashes, many calls, and the interpreter alone. */
const TRACED: readonly string[] = ["ERC-20 transfer", "Uniswap V2 style swap", "fib loop"];

export const engineBench: Bench = {
  doc: "execution engine: interpreter and compiled code against runCall of @ethereumjs/evm in the same process",
  parts: [...entries(false).map(({ name }) => name), HASH_CHAIN, TRACE, TWO_WORKERS, COMPILE_TIMES],
  async run(options, progress) {
    const { small } = options;
    await loadFastCurves();
    const rows: BenchRow[] = [];
    for (const { name, long, make } of entries(small)) {
      if (!isWanted(name, options)) continue;
      const leftOut = small && long === true;
      const workload = leftOut ? undefined : make();
      if (workload !== undefined) rows.push(...(await benchWorkload(workload, small, progress)));
      else rows.push(row(name, 0, "×", { detail: leftOut ? "not in a small run" : "no fixtures" }));
    }
    const others: [name: string, run: () => BenchRow[] | Promise<BenchRow[]>][] = [
      [HASH_CHAIN, () => hashChainRows(fixtureProgram(hashChainProgram), BENCH_CONTEXT, small)],
      [TRACE, () => traceRows(tracedWorkloads(small), BENCH_CONTEXT, small)],
      [TWO_WORKERS, async () => [await workersRow(small)]],
      [COMPILE_TIMES, () => compileRows(BENCH_CONTEXT, small)],
    ];
    for (const [name, run] of others) {
      if (!isWanted(name, options)) continue;
      progress(name);
      rows.push(...(await run()));
    }
    return report("engine", options, rows);
  },
};
