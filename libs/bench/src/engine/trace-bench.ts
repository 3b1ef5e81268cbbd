/** The packed trace against the interpreter without one: what it costs to have every step told. */
import type { BlockContext } from "@velarium/engine";
import { type BenchRow, row } from "../report.ts";
import { checkAgreement } from "./agreement.ts";
import { FULL, measure, SMALL } from "./measure.ts";
import { ResidentRunner } from "./resident.ts";
import type { Workload } from "./workload.ts";

const TARGET = 0.5;

/** One row per workload: speed with a trace, whose records are copied out, as a share of the speed without. */
export async function traceRows(
  workloads: readonly Workload[],
  context: BlockContext,
  small: boolean,
): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const workload of workloads) {
    const plain = new ResidentRunner("interpreter", workload, context);
    plain.enterSingly();
    const traced = new ResidentRunner("traced", workload, context);
    await checkAgreement(workload, [plain, traced]);
    const [off, on] = await measure([plain, traced], small ? SMALL : FULL);
    const perSecond = (n: number): string =>
      `${n.toLocaleString("en", { maximumFractionDigits: n < 100 ? 2 : 0 })}/s`;
    rows.push(
      row(`packed trace: ${workload.name}`, on!.callsPerSecond / off!.callsPerSecond, "× untraced", {
        target: TARGET,
        detail: `${perSecond(on!.callsPerSecond)} of ${perSecond(off!.callsPerSecond)}, median of ${on!.passes}`,
      }),
    );
  }
  return rows;
}
