import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
// @ts-expect-error plain JavaScript: it runs before TypeScript can
import { buildPackages, staleBuilds } from "../src/builds.mjs";
// @ts-expect-error plain JavaScript
import { installDigest, isInstalled, ROOT } from "../src/setup.mjs";
// @ts-expect-error plain JavaScript
import { tally, tallyLine } from "../src/test.mjs";

let root: string;
const write = (path: string, text: string): void => {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), text);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "velarium-setup-test-"));
  write("pnpm-lock.yaml", "lock: 1\n");
  write("pnpm-workspace.yaml", "packages: []\n");
  write("libs/kernel/package.json", JSON.stringify({ scripts: { build: "cat assembly/a.ts > build/out" } }));
  write("libs/kernel/assembly/a.ts", "one");
  write("libs/plain/package.json", "{}");
  mkdirSync(join(root, "libs/kernel/build"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const stale = (): string[] => staleBuilds(root).map((p: { name: string }) => p.name);
const build = (): Promise<void> =>
  buildPackages(
    root,
    false,
    process.env,
    () => {},
    async (script: string, cwd: string, env: NodeJS.ProcessEnv) => {
      execFileSync("sh", ["-c", script], { cwd, env });
    },
  );

describe("builds", () => {
  it("are current after a build, stale after a change of source, script or output", async () => {
    expect(stale()).toEqual(["kernel"]);
    await build();
    expect(stale()).toEqual([]);
    expect(readFileSync(join(root, "libs/kernel/build/out"), "utf8")).toBe("one");
    write("libs/kernel/assembly/a.ts", "two");
    expect(stale()).toEqual(["kernel"]);
    await build();
    expect(readFileSync(join(root, "libs/kernel/build/out"), "utf8")).toBe("two");
    write("libs/kernel/assembly/deep/b.ts", "");
    expect(stale()).toEqual(["kernel"]);
    await build();
    write("libs/kernel/package.json", JSON.stringify({ scripts: { build: "true" } }));
    expect(stale()).toEqual(["kernel"]);
    await build();
    rmSync(join(root, "libs/kernel/build"), { recursive: true });
    expect(stale()).toEqual(["kernel"]);
  });
  it("stay stale when the script fails", async () => {
    write("libs/kernel/package.json", JSON.stringify({ scripts: { build: "exit 3" } }));
    await expect(build()).rejects.toThrow();
    expect(stale()).toEqual(["kernel"]);
  });
});

describe("installation", () => {
  it("is current only with a stamp of this lockfile and the pinned Node in place", () => {
    expect(isInstalled(root)).toBe(false);
    write("node_modules/.velarium-setup", installDigest(root));
    expect(isInstalled(root)).toBe(false);
    write("node_modules/.bin/node", "");
    expect(isInstalled(root)).toBe(true);
    write("pnpm-lock.yaml", "lock: 2\n");
    expect(isInstalled(root)).toBe(false);
  });
  it("refuses unknown arguments and --then without a command with exit code 2", () => {
    const script = join(ROOT, "libs/setup/src/setup.mjs");
    const made = spawnSync(process.execPath, [script, "--frobnicate"], { encoding: "utf8" });
    expect(made.status).toBe(2);
    expect(made.stderr).toContain("--frobnicate");
    expect(existsSync(script)).toBe(true);
  });
});

describe("tally", () => {
  const none = {
    numPassedTests: 0,
    numFailedTests: 0,
    numRuntimeErrorTestSuites: 0,
    numPendingTests: 0,
    numTodoTests: 0,
  };
  it("counts suites that did not load as failures, and no results as one", () => {
    expect(
      tallyLine(tally({ ...none, numPassedTests: 5, numFailedTests: 1, numRuntimeErrorTestSuites: 2 })),
    ).toBe("5 passed, 3 failed");
    expect(tallyLine(tally(undefined))).toBe("0 passed, 1 failed");
  });
  it("names skipped ones only when there are some", () => {
    expect(tallyLine(tally({ ...none, numPassedTests: 5, numPendingTests: 2, numTodoTests: 1 }))).toBe(
      "5 passed, 0 failed, 3 skipped",
    );
  });
});
