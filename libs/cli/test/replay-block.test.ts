import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { GivenState } from "../src/given-state.ts";
import { findRunningCluster, shardAddresses } from "../src/running-cluster.ts";

const folders: string[] = [];
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "cli-test-"));
  folders.push(made);
  return made;
}
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

describe("reads outside a given pre-state", () => {
  const GIVEN = new Uint8Array(20).fill(0xab);
  const OTHER = new Uint8Array(20).fill(0xcd);
  const slot = (value: number): Uint8Array => {
    const out = new Uint8Array(32);
    out[31] = value;
    return out;
  };

  it("are distinct accounts, and distinct slots of given accounts; zero values are given too", () => {
    const path = folder();
    writeFileSync(
      join(path, "pre_state.json"),
      JSON.stringify({ [`0x${"AB".repeat(20)}`]: { storage: { "0x1": "0x5", "0x02": "0x0" } } }),
    );
    const given = new GivenState(path);
    for (const read of [undefined, slot(1), slot(2), slot(3), slot(3)]) given.note(GIVEN, read);
    for (const read of [undefined, slot(1), undefined]) given.note(OTHER, read);
    given.note(slot(4).subarray(12), undefined); // a precompile
    expect([given.accountsOutside, given.slotsOutside]).toEqual([1, 1]);
  });
});

describe("a running cluster", () => {
  const service = (name: string) => ({ name, pid: process.pid, endpoints: { grpc: `${name}:1` } });
  const run = {
    pid: process.pid,
    startedMs: 1,
    mode: "embedded",
    chainId: 1,
    streamPrefix: "p",
    partitions: 64,
    services: ["state-shard-10", "framer", "state-shard-2"].map(service),
  };

  it("is found by its data directory, and its shards in order of their numbers", () => {
    const data = folder();
    writeFileSync(join(data, "running.json"), JSON.stringify(run));
    expect(shardAddresses(findRunningCluster(data).run)).toEqual(["state-shard-2:1", "state-shard-10:1"]);
  });

  it("is not found where its program has ended", () => {
    const data = folder();
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, "running.json"), JSON.stringify({ ...run, pid: 2 ** 30 }));
    expect(() => findRunningCluster(data)).toThrow(/no cluster runs in/);
  });
});
