/** A cluster on the hostile chain, its door, and what became of all that went in. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "@jest/globals";
import { verifyExport } from "@velarium/verify";
import { CHAIN_ID, startTestCluster, type TestCluster } from "./cluster.ts";
import { hostileDataDirectory } from "./hostile.ts";
import { IngestClient } from "./ingest.ts";
import { Outcomes } from "./outcomes.ts";

/** A running cluster, its door, and what it says about each transaction. */
export interface Bench {
  readonly running: TestCluster;
  readonly ingest: IngestClient;
  readonly outcomes: Outcomes;
  readonly export: string;
  readonly data: string;
}

export async function startBench(
  framer: Record<string, string>,
  mode: "embedded" | "local" = "embedded",
  blockGasLimit = 40_000_000,
): Promise<Bench> {
  const data = hostileDataDirectory();
  const gas = { "block-gas-limit": String(blockGasLimit) };
  const serviceFlags = {
    gateway: gas,
    framer: { ...gas, "block-time-ms": "100", "empty-block-time-ms": "1000", "metrics-port": "0", ...framer },
  };
  const running = await startTestCluster({ mode, serviceFlags }, data);
  const outcomes = await Outcomes.follow(running, join(data, "export"), CHAIN_ID);
  return {
    running,
    data,
    outcomes,
    export: join(data, "export"),
    ingest: await IngestClient.connect(running.cluster.ingestAddress),
  };
}

/** Ends a cluster after the whole account: one outcome each, and blocks that the reference confirms. */
export async function settle(bench: Bench): Promise<{ included: number; rejected: number }> {
  const { ingest, outcomes } = bench;
  const all = await outcomes.of(ingest.acknowledged);
  for (const arrival of ingest.acknowledged) expect(outcomes.all(arrival)).toHaveLength(1);
  const report = await verifyExport(bench.export);
  expect(report.mismatches).toEqual([]);
  const included = all.filter((o) => o.what === "included").length;
  expect(report).toMatchObject({ ok: true, transactions: included, rejected: all.length - included });
  return { included, rejected: all.length - included };
}

export async function stopBench(bench: Bench | undefined): Promise<void> {
  if (!bench) return;
  bench.ingest.close();
  await bench.outcomes.stop();
  await bench.running.stop();
  rmSync(bench.data, { recursive: true, force: true });
}
