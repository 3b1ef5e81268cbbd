import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { ENGINE_NAMES, runSuite, type SuiteResult, stateTestFiles } from "../src/index.ts";

const fixtures = process.env["VELARIUM_FIXTURES"] ?? ".fixtures";
const available = existsSync(join(fixtures, "tests/GeneralStateTests"));
if (!available)
  console.warn("state tests skipped: set VELARIUM_FIXTURES or unpack the fixtures into .fixtures");

/** Every `every`-th file of a folder, without those that take minutes somewhere. */
function sample(folder: string, every: number): string[] {
  const files = stateTestFiles([join(fixtures, folder)]).filter(
    (file) => !/50000|MaxRounds|loop|Bomb|[Rr]ecursive|1024|Performance|Quadratic/.test(file),
  );
  return files.filter((_, i) => i % every === 0);
}

const run = (
  files: readonly string[],
  engine: (typeof ENGINE_NAMES)[number],
  more: { suspendEverywhere?: boolean; caseLimitMs?: number; jobs?: number } = {},
): Promise<SuiteResult> =>
  runSuite({ files, engine, jobs: 2, caseLimitMs: 60_000, suspendEverywhere: false, ...more });

(available ? describe : describe.skip).each(ENGINE_NAMES)("official state tests on %s", (engine) => {
  it("pass on a sample of each suite", async () => {
    // The reference is slow, and others hold it to these tests already.
    const every = engine === "reference" ? 400 : 200;
    const files = [
      ...sample("tests/GeneralStateTests", every),
      ...sample("eest/state_tests", every),
      ...sample("legacytests", every),
    ];
    const result = await run(files, engine);
    expect([...result.failures, ...result.broken, ...result.skips]).toEqual([]);
    expect(result.passed).toBeGreaterThan(engine === "reference" ? 10 : 100);
  });

  it("pass when every access suspends and other cases run in between", async () => {
    const files = [...sample("tests/GeneralStateTests", 500), ...sample("eest/state_tests", 500)];
    const result = await run(files, engine, { suspendEverywhere: true });
    expect([...result.failures, ...result.broken, ...result.skips]).toEqual([]);
    expect(result.passed).toBeGreaterThan(10);
    for (const wanted of ["balance", "nonce", "code word", "storage", "code"])
      expect(result.suspensionsByWanted[wanted]).toBeGreaterThan(0);
  });
});

(available ? describe : describe.skip)("the suite", () => {
  it("stops a case that takes too long, counts it as failed, and goes on with the next", async () => {
    const files = [join(fixtures, "tests/GeneralStateTests/VMTests/vmPerformance/loopMul.json")];
    const result = await run(files, "reference", { caseLimitMs: 1_500, jobs: 1 });
    expect(result.passed).toBe(0);
    expect(result.failed).toBe(3);
    expect(result.slow.map(({ name }) => name)).toEqual(result.failures.map(({ name }) => name));
    expect(result.forks.get("cancun")).toMatchObject({ failed: 3, timedOut: 3 });
  });

  it("reports a file that is no test", async () => {
    const result = await run([join(fixtures, "tests/LICENSE")], "reference");
    expect(result.broken).toHaveLength(1);
    expect(result.failed).toBe(1);
  });
});
