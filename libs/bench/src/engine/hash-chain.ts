/** One iteration of a chain of hashes against the permutation alone: what the engine adds to a keccak. */
import type { BlockContext } from "@velarium/engine";
import { keccakBatch } from "@velarium/hash-kernel";
import { type BenchRow, row } from "../report.ts";
import { FULL, median, SMALL } from "./measure.ts";
import { ResidentRunner } from "./resident.ts";
import type { Workload } from "./workload.ts";

const TARGET = 1.3;
const BATCH = 10_000;
/** The chain is the same in every call: a memo of hashes must not remember it. */
const SMALLEST_MEMO = 64;

function cpuNanoseconds(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) * 1_000;
}

/** Medians of ns per hash of our keccak over one block, and per iteration of each runner, measured in turns. */
export function hashChainRows(
  workload: Workload | undefined,
  context: BlockContext,
  small: boolean,
): BenchRow[] {
  const name = "keccak chain (hash_10k)";
  if (workload === undefined) return [row(name, 0, "ns", { detail: "no fixtures" })];
  const turns = workload.turnsPerCall!;
  const { passes } = small ? SMALL : FULL;
  const ends = Uint32Array.from({ length: BATCH }, (_, i) => 32 * (i + 1));
  const column = { ends, blob: new Uint8Array(32 * BATCH) };
  const out = new Uint8Array(32 * BATCH);
  const runners = (["interpreter", "compiled"] as const).map(
    (tier) => new ResidentRunner(tier, workload, context, { keccakMemo: SMALLEST_MEMO }),
  );
  const repeats = small ? 1 : 20;
  for (const runner of runners) {
    runner.compileAll();
    runner.run(0, repeats);
  }
  keccakBatch(column, out);
  const own: number[] = [];
  const found = runners.map((): number[] => []);
  for (let pass = 0; pass < passes; pass++) {
    own.push(
      cpuNanoseconds(() => {
        for (let i = 0; i < repeats; i++) keccakBatch(column, out);
      }) /
        (BATCH * repeats),
    );
    for (const [i, runner] of runners.entries())
      found[i]!.push(cpuNanoseconds(() => runner.run(0, repeats)) / (turns * repeats));
  }
  const keccak = median(own);
  return [
    row("keccak-f of this project", keccak, "ns", { detail: `median of ${passes}` }),
    ...runners.map(({ name: tier }, i) => {
      const ns = median(found[i]!);
      return row(`${name}, an iteration: ${tier}`, ns / keccak, "× keccak-f", {
        better: "lower",
        ...(tier === "compiled" ? { target: TARGET } : {}),
        detail: `${ns.toFixed(0)} ns`,
      });
    }),
  ];
}
