/** `velarium bench NAME`: benchmarks of parts, with ratios to what they are measured against. */
import { type Bench, type BenchReport, isWanted, benches as partBenches } from "@velarium/bench";
import { formatNumber, renderPairs, renderTable } from "@velarium/report";
import { Command } from "commander";
import { clusterBenches } from "../cluster-bench.ts";
import { ExitCode, UsageError } from "../exit-code.ts";
import { createOutput } from "../output.ts";

const benches = { ...partBenches, ...clusterBenches };

interface BenchFlags {
  readonly json?: boolean;
  readonly small?: boolean;
  readonly only?: string;
}

/** Throws UsageError where nothing would run. */
function checkPart(name: string, bench: Bench, only: string): void {
  const { parts = [] } = bench;
  if (parts.length === 0) throw new UsageError(`${name} has no parts to choose from; leave --only out`);
  if (!parts.some((part) => isWanted(part, { small: false, only })))
    throw new UsageError(`no part of ${name} has "${only}" in its name; there are ${parts.join(", ")}`);
}

export function benchCommand(): Command {
  return new Command("bench")
    .description("run a benchmark; without a name, list them")
    .argument("[name]", Object.keys(benches).join(", "))
    .option("--small", "a short run on small data: shows that it works, not how fast it is")
    .option(
      "--only <text>",
      "only the parts with this in their names, for benchmarks that have parts (engine)",
    )
    .addHelpText(
      "after",
      "\nExit code 1 when a target is missed (never with --small).\n\nExamples:\n  velarium bench\n  velarium bench fafo\n  velarium bench state-tree --json\n  velarium bench engine --only swap",
    )
    .action(async (name: string | undefined, flags: BenchFlags) => {
      const out = createOutput(flags.json === true);
      if (name === undefined) {
        const listed = Object.entries(benches).map(([each, { doc }]) => [each, doc] as const);
        out.result(Object.fromEntries(listed));
        out.say(renderPairs(listed));
        return;
      }
      const bench = benches[name];
      if (!bench)
        throw new UsageError(`there is no benchmark ${name}; there are ${Object.keys(benches).join(", ")}`);
      const { only } = flags;
      if (only !== undefined) checkPart(name, bench, only);
      const options = { small: flags.small === true, ...(only === undefined ? {} : { only }) };
      const report = await bench.run(options, (step) => out.note(step));
      out.result(report);
      for (const line of benchReportLines(report)) out.say(line);
      if (!report.small && report.rows.some((row) => row.reached === false))
        process.exitCode = ExitCode.failed;
    });
}

function benchReportLines(report: BenchReport): string[] {
  const machine = `${report.machine.cores} × ${report.machine.cpu}, Node ${report.machine.node}`;
  const lines = [`${report.name}${report.small ? " (small: no measure of speed)" : ""}: ${machine}`, ""];
  const rows = report.rows.map((row) => [
    row.name,
    formatNumber(row.value, row.value < 100 ? 2 : 0),
    row.unit,
    row.target === undefined
      ? ""
      : `${row.better === "lower" ? "≤" : "≥"} ${formatNumber(row.target, Number.isInteger(row.target) ? 0 : 2)}`,
    row.ratio === undefined ? "" : row.ratio.toFixed(2),
    row.reached === undefined ? "" : row.reached ? "reached" : "missed",
    row.detail,
  ]);
  lines.push(renderTable(["", "value", "unit", "target", "ratio", "", "detail"], rows));
  for (const table of report.tables) lines.push("", table.title, renderTable(table.header, table.rows));
  return lines;
}
