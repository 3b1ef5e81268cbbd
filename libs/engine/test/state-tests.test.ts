import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { createReferenceEngine, type StateView } from "../src/index.ts";
import { type Runner, runCase, type StateTest } from "./support/state-test.ts";

const fixtures = process.env["VELARIUM_FIXTURES"] ?? ".fixtures";
const available = existsSync(join(fixtures, "tests/GeneralStateTests"));
if (!available)
  console.warn("state tests skipped: set VELARIUM_FIXTURES or unpack the fixtures into .fixtures");

function filesOf(path: string): string[] {
  if (statSync(path).isFile()) return path.endsWith(".json") ? [path] : [];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesOf(join(path, name)));
}

/** Every `every`-th file of a folder and the first case of each of its forks: all forks, all subjects, in seconds. */
async function failuresOf(
  folder: string,
  every: number,
  run?: Runner,
): Promise<{ failures: string[]; passed: number }> {
  const engine = createReferenceEngine({ keepsEmptyAccounts: true });
  const failures: string[] = [];
  let passed = 0;
  const files = filesOf(join(fixtures, folder)).filter(
    (file) => !/50000|MaxRounds|loop|Bomb|[Rr]ecursive|randomStatetest384/.test(file),
  );
  for (let i = 0; i < files.length; i += every) {
    const tests = JSON.parse(readFileSync(files[i]!, "utf8")) as Record<string, StateTest>;
    for (const [name, test] of Object.entries(tests).slice(0, 2)) {
      if (test.post === undefined || Number(test.transaction.gasLimit[0]) >= 2 ** 53) continue;
      for (const [fork, posts] of Object.entries(test.post)) {
        const result = await runCase(engine, `${files[i]} ${name} ${fork}`, test, fork, posts[0]!, run);
        if (result.status === "failed") failures.push(`${result.name}: ${result.why}`);
        if (result.status === "passed") passed++;
      }
    }
  }
  return { failures, passed };
}

/** Nothing is at hand, everything has to be waited for. */
const reluctant: Runner = async (engine, context, tx, state) => {
  const view: StateView = {
    read: () => undefined,
    fetch: (key) => state.fetch(key),
    codeByPrefix: () => undefined,
    fetchCode: (prefix) => state.fetchCode(prefix),
  };
  return engine.execute(context, tx, view);
};

(available ? describe : describe.skip)("official state tests", () => {
  for (const [folder, every] of [
    ["tests/GeneralStateTests", 24],
    ["eest/state_tests", 40],
    ["legacytests", 24],
  ] as const) {
    it(`gives the state roots and logs of ${folder}`, async () => {
      const { failures, passed } = await failuresOf(folder, every);
      expect(failures).toEqual([]);
      expect(passed).toBeGreaterThan(20);
    });
  }

  it("gives the same when every slot has to be fetched", async () => {
    const { failures, passed } = await failuresOf("tests/GeneralStateTests", 80, reluctant);
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(20);
  });
});
