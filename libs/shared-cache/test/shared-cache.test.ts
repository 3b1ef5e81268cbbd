import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { connectRedisCache, MemoryCache, type SharedCache } from "../src/index.ts";

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
const bytes = (s: string): Uint8Array => Buffer.from(s);
const shown = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString();

async function contract(cache: SharedCache): Promise<void> {
  expect(await cache.get("a")).toBeUndefined();
  await cache.set("a", bytes("1"));
  await cache.set("b", bytes("2"), 60_000);
  await cache.set("a", bytes("3"));
  expect((await cache.mget(["a", "none", "b"])).map(shown)).toEqual(["3", undefined, "2"]);
  expect(await cache.mget([])).toEqual([]);
  await cache.set("brief", bytes("x"), 20);
  const until = Date.now() + 5000;
  while ((await cache.get("brief")) !== undefined && Date.now() < until)
    await new Promise((r) => setTimeout(r, 10));
  expect(await cache.get("brief")).toBeUndefined();
}

describe("memory cache", () => {
  it("keeps the contract", () => contract(new MemoryCache()));

  it("stays within its bytes and drops the least recently used", async () => {
    const cache = new MemoryCache({ maxBytes: 1000 });
    await cache.set("a", new Uint8Array(200));
    await cache.set("b", new Uint8Array(200));
    await cache.get("a");
    await cache.set("c", new Uint8Array(400));
    expect(cache.bytes).toBeLessThanOrEqual(1000);
    expect((await cache.mget(["a", "b", "c"])).map((v) => v?.length)).toEqual([200, undefined, 400]);
    await cache.set("huge", new Uint8Array(2000));
    expect(await cache.get("huge")).toBeUndefined();
    expect((await cache.get("c"))?.length).toBe(400);
  });
});

const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;
if (!hasRedis) process.stderr.write("skipped: shared cache on Redis (redis-server is not on PATH)\n");
(hasRedis ? describe : describe.skip)("Redis cache", () => {
  let server: ChildProcess;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    server = spawn("redis-server", options, { stdio: "ignore" });
  });
  afterAll(() => {
    server.kill("SIGKILL");
  });

  it("keeps the contract, and misses instead of failing when the server is gone", async () => {
    const degraded: string[] = [];
    const cache = await connectRedisCache({
      url: `redis://127.0.0.1:${port}`,
      prefix: "7",
      commandTimeoutMs: 2000,
      onDegraded: (operation) => degraded.push(operation),
    });
    await contract(cache);
    expect(degraded).toEqual([]);
    server.kill("SIGKILL");
    await once(server, "exit");
    expect(await cache.get("a")).toBeUndefined();
    expect(await cache.mget(["a", "b"])).toEqual([undefined, undefined]);
    await cache.set("a", bytes("1"));
    expect(degraded).toEqual(["get", "mget", "set"]);
    await cache.close();
  });
});

describe("a Redis that does not answer", () => {
  it("is a typed error with an exit code, without the password", async () => {
    const port = await freePort();
    const failing = connectRedisCache({
      url: `redis://u:secret@127.0.0.1:${port}`,
      prefix: "7",
      timeoutMs: 200,
    });
    await expect(failing).rejects.toMatchObject({ code: "unreachable", exitCode: 69 });
    await expect(failing).rejects.not.toThrow(/secret/);
  });
});
