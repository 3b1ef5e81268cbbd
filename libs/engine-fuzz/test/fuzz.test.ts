import { describe, expect, it } from "@jest/globals";
import { createEngineUnderTest } from "@velarium/conformance";
import { createReferenceEngine, type Engine, type ExecutionResult, NO_LOGS } from "@velarium/engine";
import { bytesOf, FUZZED_FORKS, fuzz, makeCase, readRealCodes, replay } from "../src/index.ts";

const reference = createReferenceEngine({ keepsEmptyAccounts: true });
const realCodes = readRealCodes();
const altered = (change: (result: ExecutionResult) => ExecutionResult): Engine => ({
  ...reference,
  name: "altered",
  execute: async (...given) => change(await reference.execute(...given)),
});

describe("cases", () => {
  it("are the same for the same seed, and others for another", () => {
    expect(makeCase(1, 5, realCodes)).toEqual(makeCase(1, 5, realCodes));
    expect(makeCase(2, 5, realCodes)).not.toEqual(makeCase(1, 5, realCodes));
  });

  it("reach success, failure, logs, writes, creations, suspended reads and every fork", async () => {
    const seen = new Set<string>();
    const watching = altered((result) => {
      if (result.outcome === "included") seen.add(`status ${result.status}`);
      if (result.logs.length > NO_LOGS.length) seen.add("logs");
      if (result.codes.length > 0) seen.add("codes");
      if (result.writes.count > 4) seen.add("writes");
      if (result.returnData.length > 0) seen.add("return data");
      if (result.refund > 0) seen.add("refund");
      return result;
    });
    const tested = [{ name: "watching", engine: watching }];
    const report = await fuzz({
      seed: 3,
      reference,
      tested,
      realCodes,
      goOn: (n) => n < 200,
      maxFailures: 1,
    });
    expect(report.failures).toEqual([]);
    expect([...seen].sort()).toEqual([
      "codes",
      "logs",
      "refund",
      "return data",
      "status 0",
      "status 1",
      "writes",
    ]);
    const forks = new Set(Array.from({ length: 200 }, (_, i) => makeCase(3, i, []).fork));
    expect([...forks].sort()).toEqual([...FUZZED_FORKS].sort());
  });
});

describe("a fault", () => {
  const faults: [string, (result: ExecutionResult) => ExecutionResult][] = [
    ["gasUsed", (result) => (result.logs.length > 1 ? { ...result, gasUsed: result.gasUsed + 1 } : result)],
    [
      "state",
      (result) => (result.writes.count > 3 ? { ...result, writes: { ...result.writes, count: 3 } } : result),
    ],
    [
      "accesses",
      (result) =>
        result.accesses.count > 9 ? { ...result, accesses: { ...result.accesses, count: 9 } } : result,
    ],
  ];

  it.each(faults)("in %s is found, and made small enough to read", async (field, change) => {
    const engine = altered(change);
    const report = await fuzz({
      seed: 11,
      reference,
      tested: [{ name: "faulty", engine }],
      realCodes: [],
      goOn: (n, found) => n < 300 && found === 0,
      maxFailures: 1,
    });
    const [failure] = report.failures;
    expect(failure?.difference.field).toBe(field);
    const { accounts, transactions } = failure!.fuzzCase;
    const codeBytes = accounts.reduce((sum, { code }) => sum + bytesOf(code).length, 0);
    expect(codeBytes + bytesOf(transactions[0]!.data).length).toBeLessThan(150);
    // The case survives being written to a file, and shows nothing on a sound engine.
    const read = JSON.parse(JSON.stringify(failure)) as typeof failure;
    expect((await replay(read!, reference, engine))?.field).toBe(field);
    expect(await replay(read!, reference, reference)).toBeUndefined();
  });

  it("that is an exception is a failure too", async () => {
    const broken: Engine = { ...reference, execute: () => Promise.reject(new Error("trap")) };
    const report = await fuzz({
      seed: 1,
      reference,
      tested: [{ name: "broken", engine: broken }],
      realCodes: [],
      goOn: (_, found) => found === 0,
      maxFailures: 1,
    });
    expect(report.failures[0]?.difference).toMatchObject({ field: "error", tested: "trap" });
  });
});

describe("both tiers", () => {
  it.each([
    ["wasm-interpreter", 300],
    ["compiled", 80],
  ] as const)("%s gives what the reference gives on %d cases", async (name, cases) => {
    const { engine } = await createEngineUnderTest(name);
    const report = await fuzz({
      seed: 2026,
      reference,
      tested: [{ name, engine }],
      realCodes,
      goOn: (n) => n < cases,
      maxFailures: 3,
    });
    expect(report.failures).toEqual([]);
    expect(report.cases).toBe(cases);
  });
});
