import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "@jest/globals";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function launch(args: string[], ipc: boolean) {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("./main-process.ts", import.meta.url)), ...args],
    {
      stdio: ["ignore", "pipe", "pipe", ...(ipc ? (["ipc"] as const) : [])],
      env: { ...process.env, NODE_OPTIONS: "" },
    },
  );
  children.push(child);
  let output = "";
  child.stderr!.on("data", (d: Buffer) => (output += d.toString()));
  child.stdout!.on("data", (d: Buffer) => (output += d.toString()));
  const exit = once(child, "exit") as Promise<[number | null, string | null]>;
  return { child, exit, output: () => output };
}

describe("runMain", () => {
  it("tells its parent when it is ready, and ends with 0 on SIGTERM", async () => {
    const { child, exit, output } = launch([], true);
    const [message] = await once(child, "message");
    expect(message).toEqual({ ready: true, endpoints: { rpc: "127.0.0.1:1" } });
    child.kill("SIGTERM");
    expect(await exit).toEqual([0, null]);
    const states = output()
      .split("\n")
      .filter((l) => l.includes('"state"'))
      .map((l) => (JSON.parse(l) as { state: string }).state);
    expect(states).toEqual(["starting", "ready", "draining", "stopped"]);
  });

  it("ends when its parent goes away", async () => {
    const { child, exit } = launch([], true);
    await once(child, "message");
    child.disconnect();
    expect(await exit).toEqual([0, null]);
  });

  it("ends at once on the second signal, though it does not drain", async () => {
    const { child, exit, output } = launch(["--mode", "stuck"], true);
    await once(child, "message");
    child.kill("SIGINT");
    while (!output().includes("draining")) await new Promise((r) => setTimeout(r, 10));
    child.kill("SIGINT");
    expect(await exit).toEqual([130, null]);
  });

  it("exits with a code for the kind of failure", async () => {
    const failing = launch(["--mode=fail"], false);
    expect((await failing.exit)[0]).toBe(69);
    expect(failing.output()).toMatch(/no NATS here/);
    const wrong = launch(["--mode=odd"], false);
    expect((await wrong.exit)[0]).toBe(2);
    expect(wrong.output()).toMatch(/--mode: expected one of normal, fail, stuck/);
    const help = launch(["--help"], false);
    expect((await help.exit)[0]).toBe(0);
    expect(help.output()).toMatch(/--log-level/);
  });
});
