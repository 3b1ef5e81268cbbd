/**
 * The packed trace against the same without: what it costs to have an execution told. Either tier is compared with itself,
 * one entry into the kernel per call on both sides.
 */
import type { BlockContext } from "@velarium/engine";
import { type BenchRow, row } from "../report.ts";
import { checkAgreement } from "./agreement.ts";
import { FULL, measure, SMALL } from "./measure.ts";
import { ResidentRunner, type Tier } from "./resident.ts";
import type { Workload } from "./workload.ts";

const TARGET = 0.5;
const TIERS: readonly Tier[] = ["interpreter", "compiled"];

/** A row per workload and tier: speed with a trace, whose records are copied out, as a share of the speed without. */
export async function traceRows(
  workloads: readonly Workload[],
  context: BlockContext,
  small: boolean,
): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const workload of workloads) {
    const runners = TIERS.flatMap((tier) =>
      [false, true].map((traced) => new ResidentRunner(tier, workload, context, { traced })),
    );
    for (const runner of runners) {
      runner.enterSingly();
      runner.compileAll();
    }
    await checkAgreement(workload, runners);
    const speeds = await measure(runners, small ? SMALL : FULL);
    const perSecond = (n: number): string =>
      `${n.toLocaleString("en", { maximumFractionDigits: n < 100 ? 2 : 0 })}/s`;
    for (const [i, tier] of TIERS.entries()) {
      const [off, on] = [speeds[2 * i]!, speeds[2 * i + 1]!];
      rows.push(
        row(`packed trace: ${workload.name}, ${tier}`, on.callsPerSecond / off.callsPerSecond, "× untraced", {
          target: TARGET,
          detail: `${perSecond(on.callsPerSecond)} of ${perSecond(off.callsPerSecond)}, median of ${on.passes}`,
        }),
      );
    }
  }
  return rows;
}
