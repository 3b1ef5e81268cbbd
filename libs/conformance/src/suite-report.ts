/** A run of state tests as lines of text and as JSON. */
import { renderPairs, renderTable } from "@velarium/report";
import type { Finding, SuiteResult } from "./suite-result.ts";

/** Failures printed in full; all are in the JSON. */
const PRINTED_FAILURES = 40;
const PRINTED_SLOW = 40;

const findingLine = ({ file, name, why }: Finding): string => `  ${file} ${name}: ${why}`;

function some(title: string, lines: readonly string[], most: number): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > most ? [`  and ${lines.length - most} more (--json has all)`] : [];
  return ["", `${title}:`, ...lines.slice(0, most), ...more];
}

function countsTable(title: string, counts: Readonly<Record<string, number>>): string[] {
  const rows = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  return rows.length === 0 ? [] : ["", `${title}:`, renderPairs(rows.map(([name, n]) => [name, String(n)]))];
}

export function suiteLines(result: SuiteResult): string[] {
  const rows = result
    .table()
    .map(([fork, counts]) =>
      counts === undefined
        ? [fork, result.engine, "untested", "", "", "", ""]
        : [
            fork,
            result.engine,
            counts.passed + counts.failed + counts.skipped,
            counts.passed,
            counts.failed,
            counts.timedOut,
            counts.skipped,
          ],
    );
  const slow = [...result.slow].sort((a, b) => b.seconds - a.seconds);
  return [
    renderTable(["fork", "engine", "cases", "passed", "failed", "of these timed out", "skipped"], rows),
    ...some("Files that could not be run", result.broken.map(findingLine), PRINTED_FAILURES),
    ...some("Failures", result.failures.map(findingLine), PRINTED_FAILURES),
    ...some("Skipped", result.skips.map(findingLine), PRINTED_FAILURES),
    ...some(
      "Slow cases",
      slow.map(({ file, name, seconds }) => `  ${seconds.toFixed(1)} s  ${file} ${name}`),
      PRINTED_SLOW,
    ),
    ...countsTable("Suspensions by opcode", result.suspensionsByOpcode),
    ...countsTable("Suspensions by what was waited for", result.suspensionsByWanted),
    ...countsTable("Executions that ran elsewhere", result.elsewhere),
    "",
    `${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`,
  ];
}

export function suiteJson(result: SuiteResult): unknown {
  return {
    ok: result.failed === 0,
    engine: result.engine,
    suspendEverywhere: result.suspendEverywhere,
    passed: result.passed,
    failed: result.failed,
    skipped: result.skipped,
    seconds: result.seconds,
    forks: Object.fromEntries(result.table().map(([fork, counts]) => [fork, counts ?? "untested"])),
    broken: result.broken,
    failures: result.failures,
    skips: result.skips,
    slow: result.slow,
    suspensionsByOpcode: result.suspensionsByOpcode,
    suspensionsByWanted: result.suspensionsByWanted,
    elsewhere: result.elsewhere,
  };
}
