import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "@jest/globals";

const guard = fileURLToPath(new URL("../src/server-guard.mjs", import.meta.url));
/** Stands in for a server that runs for ever. */
const forever = "setInterval(() => {}, 1000)";
/** Starts a guarded server, prints the server's pid, and then does nothing: a supervisor to be killed. */
const supervisor = `
  const { spawn } = require("node:child_process");
  const guard = spawn(process.execPath, [${JSON.stringify(guard)}, process.execPath, "-e", process.argv[1]],
    { stdio: ["ignore", "ignore", "ignore", "ipc"], detached: true });
  guard.on("message", ({ pid }) => process.stdout.write(pid + " " + guard.pid + "\\n"));
`;

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function untilGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 20));
}

let started: number[] = [];
afterEach(() => {
  for (const pid of started.filter(isAlive)) process.kill(pid, "SIGKILL");
  started = [];
});

async function guarded(program: string): Promise<{ guard: ChildProcess; pid: number }> {
  const child = spawn(process.execPath, [guard, process.execPath, "-e", program], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const [{ pid }] = (await once(child, "message")) as [{ pid: number }];
  started.push(pid, child.pid!);
  return { guard: child, pid };
}

describe("the guard of a server", () => {
  it("ends the server when the supervisor is killed", async () => {
    const killed = spawn(process.execPath, ["-e", supervisor, forever], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(killed.stdout, "data")) as [Buffer];
    const pids = line.toString().trim().split(" ").map(Number);
    started.push(killed.pid!, ...pids);
    expect(pids).toHaveLength(2);
    expect(pids.every(isAlive)).toBe(true);
    killed.kill("SIGKILL");
    await untilGone(pids);
  });

  it("passes a signal on", async () => {
    const { guard: child, pid } = await guarded(forever);
    child.kill("SIGTERM");
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(128 + 15);
    expect(isAlive(pid)).toBe(false);
  });

  it("exits as the server does", async () => {
    const { guard: child } = await guarded("process.exit(7)");
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(7);
  });

  it("says when the server cannot be started", async () => {
    const child = spawn(process.execPath, [guard, "/nowhere/nats-server"], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const said = once(child.stderr!, "data");
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(127);
    expect(String((await said)[0])).toContain("/nowhere/nats-server did not start");
  });
});
