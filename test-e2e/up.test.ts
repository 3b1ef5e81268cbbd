/** `velarium up` as a program: what it prints, how it ends, what it leaves behind. And the small commands beside it. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { hasServers } from "./support/cluster.ts";

const velarium = new URL("../libs/cli/src/velarium.mjs", import.meta.url).pathname;

/** A busy machine takes this long at the most; seconds are usual. */
const LONGEST_MS = 180_000;

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Endpoints {
  readonly chainId: number;
  readonly http: string;
  readonly grpc: string;
  readonly mode: string;
  readonly accounts: readonly { address: string; privateKey: string }[];
}

interface Up {
  readonly child: ChildProcess;
  readonly endpoints: Endpoints;
  readonly ended: Promise<Ended>;
}

function velariumEnds(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [velarium, ...args], { timeout: LONGEST_MS }, (error, stdout, stderr) =>
      resolve({ exitCode: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** All processes below one, by the proc file system: also the guards and servers that no status names. */
function descendants(pid: number): number[] {
  let children: number[] = [];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number);
  } catch {
    // ended, or a system without it
  }
  return children.flatMap((child) => [child, ...descendants(child)]);
}

async function untilGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 50));
}

const servicesOf = async (data: string): Promise<{ name: string; pid: number; health: string }[]> =>
  JSON.parse((await velariumEnds("status", "--data", data, "--json")).stdout).services;

const started: ChildProcess[] = [];
const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "velarium-test-"));
  folders.push(folder);
  return folder;
};

async function up(data: string, ...flags: string[]): Promise<Up> {
  const args = ["up", "--dev", "--http-port", "0", "--json", "--data", data, "--executors", "1", ...flags];
  const child = spawn(process.execPath, [velarium, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  let stdout = "";
  let stderr = "";
  child.stdout!.on("data", (bytes) => (stdout += bytes));
  child.stderr!.on("data", (bytes) => (stderr += bytes));
  const ended = once(child, "close").then(([code, signal]) => {
    return { exitCode: (code as number | null) ?? -1, stdout, stderr: `${stderr}${signal ?? ""}` };
  });
  const printed = (async () => {
    for (;;) {
      await once(child.stdout!, "data");
      try {
        return JSON.parse(stdout) as Endpoints;
      } catch {
        // not all of it yet
      }
    }
  })();
  const failed = ended.then((how) => {
    throw new Error(`velarium up ended: ${JSON.stringify(how)}`);
  });
  failed.catch(() => {});
  return { child, endpoints: await Promise.race([printed, failed]), ended };
}

afterEach(() => {
  for (const child of started.splice(0)) if (child.exitCode === null) child.kill("SIGKILL");
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe("velarium up", () => {
  it(
    "prints its endpoints, serves, is healthy, and drains at the first signal",
    async () => {
      const data = newFolder();
      const config = join(newFolder(), "config.json");
      writeFileSync(config, JSON.stringify({ chainId: 4_242, shards: 1 }));
      const { child, endpoints, ended } = await up(data, "--config", config);
      expect(endpoints).toMatchObject({ chainId: 4_242, mode: "embedded" });
      expect(endpoints.accounts).toHaveLength(10);
      const answer = await fetch(endpoints.http, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }),
      });
      expect(await answer.json()).toEqual({ jsonrpc: "2.0", id: 1, result: "0x1092" });

      const status = await velariumEnds("status", "--data", data, "--json");
      expect(status.exitCode).toBe(0);
      const { healthy, services } = JSON.parse(status.stdout);
      expect(healthy).toBe(true);
      expect(services.map((s: { name: string }) => s.name).sort()).toEqual([
        "analyzer-0",
        "executor-0",
        "framer",
        "gateway",
        "scheduler",
        "state-shard-0",
      ]);
      child.kill("SIGINT");
      expect(await ended).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("draining") });
      expect(services.filter((s: { pid: number }) => isAlive(s.pid))).toEqual([]);
      expect((await velariumEnds("status", "--data", data)).exitCode).toBe(69);
    },
    LONGEST_MS,
  );

  it(
    "ends at once at the second signal, and leaves nothing",
    async () => {
      const data = newFolder();
      const { child, ended } = await up(data);
      const services = await servicesOf(data);
      expect(services.length).toBeGreaterThan(5);
      child.kill("SIGINT");
      // A signal is a state, not a message: two at once are one.
      await once(child.stderr!, "data");
      child.kill("SIGINT");
      expect((await ended).exitCode).toBe(130);
      await untilGone(services.map((s) => s.pid));
    },
    LONGEST_MS,
  );

  (hasServers() ? it : it.skip)(
    "leaves no service, NATS or Redis when it is killed",
    async () => {
      const data = newFolder();
      const { child, endpoints, ended } = await up(data, "--local");
      expect(endpoints.mode).toBe("local");
      const below = descendants(child.pid!);
      const services = (await servicesOf(data)).map((s) => s.pid);
      expect(below).toEqual(expect.arrayContaining(services));
      // Each of the two servers and its guard.
      expect(below).toHaveLength(services.length + 4);
      child.kill("SIGKILL");
      await ended;
      await untilGone(below);
    },
    LONGEST_MS,
  );
});

describe("small commands", () => {
  let results: Ended[];
  beforeAll(async () => {
    results = [];
    for (const args of [["--version"], ["completion", "bash"], ["doctor", "--json"], ["fly"]])
      results.push(await velariumEnds(...args));
  }, LONGEST_MS);

  it("--version is that of the package", () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(results[0]).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(version) });
  });

  it("completion bash is a script that bash can read and that knows the commands", async () => {
    const { exitCode, stdout } = results[1]!;
    expect(exitCode).toBe(0);
    for (const command of ["up", "run", "replay", "status", "doctor"]) expect(stdout).toContain(command);
    const bash = spawn("bash", ["-n"], { stdio: ["pipe", "ignore", "inherit"] });
    bash.stdin.end(stdout);
    expect((await once(bash, "exit"))[0]).toBe(0);
  });

  it("doctor --json names every check with its state; its exit code agrees", () => {
    const { exitCode, stdout } = results[2]!;
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; state: string }[] };
    expect(checks.length).toBeGreaterThan(3);
    for (const check of checks) expect(["ok", "optional", "missing"]).toContain(check.state);
    expect(ok).toBe(checks.every((check) => check.state !== "missing"));
    expect(exitCode).toBe(ok ? 0 : 1);
  });

  it("an unknown command is wrong usage", () => {
    expect(results[3]).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("unknown command") });
  });
});
