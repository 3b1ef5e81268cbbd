import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { serveRpc } from "@velarium/rpc";
import {
  connectHub,
  connectNats,
  type LogStream,
  type LogStreams,
  MAX_APPEND_BYTES,
  StreamHub,
} from "../src/index.ts";

interface Backend {
  readonly name: string;
  /** Starts the server; returns how to connect and how to stop. `maxBytes` bounds a stream. */
  start(): Promise<{ connect(maxBytes?: number): Promise<LogStreams>; stop(): Promise<void> }>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

const SMALL_STREAM_BYTES = 1 << 20;
const backends: Backend[] = [
  {
    name: "embedded hub",
    start: async () => {
      const large = await serveRpc({ services: [new StreamHub().service()] });
      const small = await serveRpc({
        services: [new StreamHub({ maxStreamBytes: SMALL_STREAM_BYTES }).service()],
      });
      return {
        connect: (maxBytes) => connectHub({ address: (maxBytes ? small : large).address, prefix: "7" }),
        stop: async () => {
          await large.stop();
          await small.stop();
        },
      };
    },
  },
];
// Debian keeps servers in /usr/sbin, which is not on every user's PATH.
const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin`;
if (spawnSync("nats-server", ["--version"], { env: { ...process.env, PATH } }).status === 0) {
  backends.push({
    name: "NATS JetStream",
    start: async () => {
      const port = await freePort();
      const folder = mkdtempSync(join(tmpdir(), "velarium-nats-"));
      const child: ChildProcess = spawn(
        "nats-server",
        ["-js", "-a", "127.0.0.1", "-p", String(port), "-sd", folder],
        {
          stdio: "ignore",
          env: { ...process.env, PATH },
        },
      );
      return {
        connect: (maxBytes) =>
          connectNats({
            servers: `nats://127.0.0.1:${port}`,
            prefix: "7",
            maxStreamBytes: maxBytes ?? 1 << 28,
          }),
        stop: () =>
          new Promise((resolve) => {
            child.once("exit", () => {
              rmSync(folder, { recursive: true, force: true });
              resolve();
            });
            child.kill("SIGTERM");
          }),
      };
    },
  });
} else process.stderr.write("skipped: stream contract on NATS (nats-server is not on PATH)\n");

const text = (s: string): Uint8Array => Buffer.from(s);
function collect(stream: LogStream, from: number, count: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const got: string[] = [];
    const consumption = stream.consume(
      from,
      (sequence, bytes) => {
        got.push(`${sequence}:${Buffer.from(bytes).toString()}`);
        if (got.length === count) {
          consumption.stop();
          resolve(got);
        }
      },
      reject,
    );
  });
}

describe.each(backends)("log stream on $name", (backend) => {
  let server: Awaited<ReturnType<Backend["start"]>>;
  let streams: LogStreams;
  beforeAll(async () => {
    server = await backend.start();
    streams = await server.connect();
  });
  afterAll(async () => {
    await streams.close();
    await server.stop();
  });

  it("numbers pipelined appends from 1, in order, and delivers them from any sequence", async () => {
    const log = await streams.open("order");
    expect(await log.info()).toEqual({ first: 1, last: 0 });
    const sequences = await Promise.all(Array.from({ length: 500 }, (_, i) => log.append(text(`m${i + 1}`))));
    expect(sequences).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    expect(await log.info()).toEqual({ first: 1, last: 500 });
    expect(await collect(log, 1, 500)).toEqual(sequences.map((n) => `${n}:m${n}`));
    expect(await collect(log, 499, 2)).toEqual(["499:m499", "500:m500"]);
  });

  it("delivers what is appended later, pauses and resumes without loss or repetition", async () => {
    const log = await streams.open("pause");
    const got: number[] = [];
    let wake = (): void => {};
    const until = async (n: number): Promise<void> => {
      while (got.length < n) await new Promise<void>((resolve) => (wake = resolve));
    };
    const consumption = log.consume(1, (sequence) => {
      got.push(sequence);
      if (sequence === 3) consumption.pause();
      wake();
    });
    await Promise.all([1, 2, 3, 4, 5].map((n) => log.append(text(`${n}`))));
    await until(3);
    await new Promise((r) => setTimeout(r, 50));
    expect(got).toEqual([1, 2, 3]);
    consumption.resume();
    await until(5);
    await log.append(text("6"));
    await until(6);
    consumption.stop();
    expect(got).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("appends on an expected last sequence only", async () => {
    const log = await streams.open("fence");
    expect(await log.appendExpecting(text("a"), 0)).toBe(1);
    await expect(log.appendExpecting(text("b"), 0)).rejects.toMatchObject({ code: "sequence-mismatch" });
    expect(await log.appendExpecting(text("c"), 1)).toBe(2);
    expect(await collect(log, 1, 2)).toEqual(["1:a", "2:c"]);
  });

  it("trims, keeps numbering, and begins with what is kept", async () => {
    const log = await streams.open("trim");
    for (const n of [1, 2, 3, 4]) await log.append(text(`${n}`));
    await log.trim(3);
    expect(await log.info()).toEqual({ first: 3, last: 4 });
    expect(await collect(log, 1, 2)).toEqual(["3:3", "4:4"]);
    await log.trim(99);
    expect(await log.info()).toEqual({ first: 5, last: 4 });
    expect(await log.append(text("5"))).toBe(5);
  });

  it("takes 900 KiB and refuses more, and refuses when full", async () => {
    const log = await streams.open("large");
    expect(await log.append(new Uint8Array(MAX_APPEND_BYTES))).toBe(1);
    await expect(log.append(new Uint8Array(MAX_APPEND_BYTES + 1))).rejects.toMatchObject({
      code: "too-large",
    });
    const bounded = await server.connect(SMALL_STREAM_BYTES);
    const full = await bounded.open("full");
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => full.append(new Uint8Array(400_000))));
    expect(
      results.map((r) => (r.status === "fulfilled" ? r.value : (r.reason as { code: string }).code)),
    ).toEqual([1, 2, "full", "full"]);
    await bounded.close();
  });

  it("carries notices between clients, and closes", async () => {
    const other = await server.connect();
    const got: string[] = [];
    let arrived = (): void => {};
    const first = new Promise<void>((resolve) => (arrived = resolve));
    const unsubscribe = other.notices.subscribe("blocks", (bytes) => {
      got.push(Buffer.from(bytes).toString());
      arrived();
    });
    const repeat = setInterval(() => streams.notices.publish("blocks", text("n")), 10);
    await first;
    clearInterval(repeat);
    unsubscribe();
    expect(got[0]).toBe("n");
    const log = await other.open("closing");
    await other.close();
    await expect(log.append(text("x"))).rejects.toMatchObject({ code: "closed" });
  });
});

describe("streams without a server", () => {
  it("say so, with an exit code", async () => {
    const port = await freePort();
    const error = { code: "unreachable", exitCode: 69 };
    await expect(
      connectNats({ servers: `nats://127.0.0.1:${port}`, prefix: "7", timeoutMs: 300 }),
    ).rejects.toMatchObject(error);
    await expect(
      connectHub({ address: `127.0.0.1:${port}`, prefix: "7", timeoutMs: 300 }),
    ).rejects.toMatchObject(error);
  });
});
