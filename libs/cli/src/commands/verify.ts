/** `velarium verify DIR`: the exported chain again, block by block, in the reference virtual machine. */
import { formatNumber, renderPairs, renderTable } from "@velarium/report";
import { type VerifyReport, verifyExport } from "@velarium/verify";
import { Command } from "commander";
import { wholeNumber } from "../cluster-flags.ts";
import { ExitCode } from "../exit-code.ts";
import { createOutput, type Progress } from "../output.ts";

interface VerifyFlags {
  readonly json?: boolean;
  readonly maxMismatches: number;
  readonly trustVerified?: boolean;
}

export function verifyCommand(): Command {
  return new Command("verify")
    .description("re-execute exported blocks with @ethereumjs/vm and compare everything")
    .argument(
      "<dir>",
      "folder of exported blocks, as written by run --export, replay --export or up --export",
    )
    .option("--max-mismatches <n>", "mismatches listed; all are counted", wholeNumber(1), 20)
    .option(
      "--trust-verified",
      "take the recorded sender of verified records even where there is a signature",
    )
    .addHelpText(
      "after",
      `
Compared for every block: parent hash, number, base fee, senders, status, gas and logs of every transaction,
transactions root, receipts root, bloom and the state root. Exit code 1 when anything differs.

Examples:
  velarium verify ./blocks
  velarium verify ./blocks --json`,
    )
    .action(async (dir: string, flags: VerifyFlags) => {
      const out = createOutput(flags.json === true);
      let progress: Progress | undefined;
      const report = await verifyExport(dir, {
        maxMismatches: flags.maxMismatches,
        trustVerifiedSenders: flags.trustVerified === true,
        onProgress: (at) => {
          progress ??= out.progress("verify", at.blocksTotal);
          progress.update(at.blocksDone, `block ${at.block}, ${at.transactionsDone} transactions`);
        },
      }).finally(() => progress?.stop());
      out.result(report);
      for (const line of verifyReportLines(report)) out.say(line);
      if (!report.ok) process.exitCode = ExitCode.failed;
    });
}

/** The report for people; `replay` and `run` print the same. */
export function verifyReportLines(report: VerifyReport): string[] {
  const range = report.firstBlock === undefined ? "none" : `${report.firstBlock} to ${report.lastBlock}`;
  const lines = [
    renderPairs([
      ["blocks", `${formatNumber(report.blocks)} (${range})`],
      ["transactions", formatNumber(report.transactions)],
      ["rejected, as recorded", formatNumber(report.rejected)],
      ["recorded senders", formatNumber(report.recordedSenders)],
      ["gas used", formatNumber(report.gasUsed)],
      ["state root", report.stateRoot],
      ["time", `${report.seconds.toFixed(1)} s`],
    ]),
  ];
  if (report.mismatches.length > 0) {
    const rows = report.mismatches.map((m) => [m.block, m.transaction, m.what, m.expected, m.actual]);
    lines.push("", renderTable(["block", "transaction", "what", "recorded", "reference"], rows));
  }
  const unlisted = report.mismatchCount - report.mismatches.length;
  if (unlisted > 0) lines.push(`and ${formatNumber(unlisted)} more`);
  const verdict = report.ok
    ? "VERIFIED: the reference virtual machine gives the same receipts, logs, gas and state."
    : `FAILED: ${formatNumber(report.mismatchCount)} mismatches.`;
  return [...lines, "", verdict];
}
