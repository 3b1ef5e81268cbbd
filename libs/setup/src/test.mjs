/**
 * Runs jest over ES modules, with the same cases of properties every time unless `--seed=N` says otherwise, and ends with one plain line, `N passed, N failed` (and `, N skipped`), counted from
 * jest's own results. Arguments go to jest. Exit code 0 only when something ran and nothing failed.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");

/** Properties draw their cases from it. A gate that tries others each time stops work that has nothing to do with them: `soak.mjs` explores. */
const SEED = 1;

/** Counts of a run of jest; a suite that could not be loaded counts as one failure. `results` is jest's JSON, if any. */
export function tally(results) {
  if (results === undefined) return { passed: 0, failed: 1, skipped: 0 };
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
    skipped: results.numPendingTests + results.numTodoTests,
  };
}

export function tallyLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Runs jest with `args` once; its counts and exit code. */
export async function runJest(args) {
  const folder = mkdtempSync(join(tmpdir(), "velarium-test-"));
  const output = join(folder, "results.json");
  try {
    const child = spawn(
      process.execPath,
      // Flags on the command line reach jest's workers; NODE_OPTIONS would reach every process that a test starts.
      [
        "--experimental-vm-modules",
        "--disable-warning=ExperimentalWarning",
        join(ROOT, "node_modules/jest/bin/jest.js"),
        "--json",
        "--outputFile",
        output,
        ...(args.some((arg) => arg.startsWith("--seed")) ? [] : [`--seed=${SEED}`]),
        ...args,
      ],
      { cwd: ROOT, stdio: ["inherit", "ignore", "inherit"] },
    );
    process.on("SIGINT", () => {});
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    const code = await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (status, signal) => resolve(status ?? 128 + (constants.signals[signal] ?? 0)));
    });
    let results;
    try {
      results = JSON.parse(readFileSync(output, "utf8"));
    } catch {
      console.error("jest left no results");
    }
    const counts = tally(results);
    return { counts, code: code !== 0 ? code : counts.failed > 0 || counts.passed === 0 ? 1 : 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(args) {
  const { counts, code } = await runJest(args);
  console.log(tallyLine(counts));
  return code;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.exitCode = await main(process.argv.slice(2));
