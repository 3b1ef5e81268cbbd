/** Benchmarks of parts run and report; how fast they are is not for a test to say. */
import { execFile } from "node:child_process";
import { describe, expect, it } from "@jest/globals";

const velarium = new URL("../libs/cli/src/velarium.mjs", import.meta.url).pathname;

/** A busy machine takes this long at the most; seconds are usual. */
const LONGEST_MS = 180_000;

/** What of a report is used here. */
interface Report {
  readonly machine: { readonly cores: number };
  readonly rows: readonly { readonly name: string; readonly value: number; readonly unit: string }[];
}

const bench = (...args: string[]): Promise<{ exitCode: number; stdout: string }> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [velarium, "bench", ...args, "--json"],
      { timeout: LONGEST_MS },
      (error, stdout) => resolve({ exitCode: error ? Number(error.code ?? -1) : 0, stdout }),
    );
  });

describe("velarium bench", () => {
  it.each(["state-tree", "fafo", "scheduler"])(
    "%s --small reports rows with units",
    async (name) => {
      const { exitCode, stdout } = await bench(name, "--small");
      expect(exitCode).toBe(0);
      const report = JSON.parse(stdout) as Report;
      expect(report).toMatchObject({ name, small: true });
      expect(report.machine.cores).toBeGreaterThan(0);
      expect(report.rows.length).toBeGreaterThan(0);
      for (const row of report.rows) {
        expect(row.name).not.toBe("");
        expect(row.unit).not.toBe("");
        expect(Number.isFinite(row.value) && row.value >= 0).toBe(true);
      }
      const names = report.rows.map((row) => row.name);
      expect(new Set(names).size).toBe(names.length);
    },
    LONGEST_MS,
  );

  it("lists the benchmarks when none is named", async () => {
    const { exitCode, stdout } = await bench();
    expect(exitCode).toBe(0);
    expect(Object.keys(JSON.parse(stdout))).toEqual(
      expect.arrayContaining(["state-tree", "fafo", "scheduler"]),
    );
  });
});
