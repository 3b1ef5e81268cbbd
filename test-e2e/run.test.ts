/** `velarium run` as a user types it: real processes, real transactions, the full check. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import type { RunResult } from "../libs/cli/src/drive/run-result.ts";
import { hasServers } from "./support/cluster.ts";

const velarium = new URL("../libs/cli/src/velarium.mjs", import.meta.url).pathname;

async function run(...flags: string[]): Promise<RunResult> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [velarium, "run", "--json", "--full-check", ...flags],
    { maxBuffer: 1 << 24 },
  );
  return JSON.parse(stdout) as RunResult;
}

describe("velarium run", () => {
  it("executes transfers whose blocks pass the full check", async () => {
    const result = await run(
      "--workload",
      "native",
      "--txs",
      "1000",
      "--accounts",
      "200",
      "--hot",
      "10",
      "--contention",
      "0.5",
      "--both-ends",
    );
    expect(result).toMatchObject({ transactions: 1000, included: 1000, failed: 0, refusedAtTheDoor: {} });
    expect(result.verification).toMatchObject({ ok: true, transactions: 1000, mismatchCount: 0 });
  }, 120_000);

  it("executes a mixed workload with three executors and three shards", async () => {
    const directory = mkdtempSync(join(tmpdir(), "velarium-report-"));
    try {
      const result = await run(
        "--workload",
        "mixed",
        "--txs",
        "1500",
        "--accounts",
        "300",
        "--executors",
        "3",
        "--shards",
        "3",
        "--analyzers",
        "2",
        "--report",
        directory,
      );
      expect(result).toMatchObject({ included: 1500, failed: 0 });
      expect(result.verification).toMatchObject({ ok: true, transactions: 1500 });
      expect(readFileSync(join(directory, "index.html"), "utf8")).toContain("<svg");
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 180_000);

  (hasServers() ? it : it.skip)(
    "executes verified records on NATS and Redis",
    async () => {
      const result = await run(
        "--local",
        "--verified",
        "--workload",
        "native",
        "--txs",
        "20000",
        "--accounts",
        "5000",
      );
      expect(result).toMatchObject({ included: 20_000, failed: 0 });
      expect(result.verification).toMatchObject({ ok: true, transactions: 20_000, recordedSenders: 20_000 });
    },
    180_000,
  );
});
