import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "@jest/globals";
import {
  type DialOptions,
  dial,
  loadProtos,
  type PackedStream,
  type RpcConnection,
  RpcError,
  type RpcServer,
  type ServeRpcOptions,
  serveRpc,
} from "../src/index.ts";

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

async function serve(
  services: ServeRpcOptions["services"],
  extra: Partial<ServeRpcOptions> = {},
): Promise<RpcServer> {
  const server = await serveRpc({ services, ...extra });
  cleanup.push(() => server.stop());
  return server;
}

async function connect(address: string, options: DialOptions = {}): Promise<RpcConnection> {
  const connection = await dial(address, { timeoutMs: 5000, ...options });
  cleanup.push(() => connection.close());
  return connection;
}

const closing = (stream: PackedStream): Promise<RpcError | undefined> =>
  new Promise((resolve) => stream.onClose(resolve));

/** Deterministic sizes, most small, some large: xorshift32. */
function sizes(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    const u = x >>> 0;
    return u % 1000 === 0 ? u % 200_000 : u % 300;
  };
}

describe("packed streams", () => {
  it("carry 100,000 messages of random sizes in both directions, complete and in order", async () => {
    const total = 100_000;
    const check = (label: string, next: () => number) => {
      let i = 0;
      return (bytes: Uint8Array): number => {
        const n = next() + 8;
        if (bytes.length !== n) throw new Error(`${label} ${i}: ${bytes.length} bytes instead of ${n}`);
        const stamp = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24);
        if (stamp !== i || bytes[n - 1] !== (i & 0xff)) throw new Error(`${label} ${i}: content differs`);
        return ++i;
      };
    };
    const pump = (stream: PackedStream, next: () => number): void => {
      // One scratch buffer for all: send must have copied it when it returns.
      const scratch = new Uint8Array(200_100);
      let i = 0;
      const more = (): void => {
        while (i < total) {
          const bytes = scratch.subarray(0, next() + 8);
          bytes[0] = i & 0xff;
          bytes[1] = (i >>> 8) & 0xff;
          bytes[2] = (i >>> 16) & 0xff;
          bytes[3] = i >>> 24;
          bytes[bytes.length - 1] = i & 0xff;
          i++;
          if (!stream.send(bytes)) return;
        }
      };
      stream.onDrain(more);
      more();
    };
    let serverCount = 0;
    let serverHasAll: () => void;
    const serverDone = new Promise<void>((resolve) => {
      serverHasAll = resolve;
    });
    const failures: unknown[] = [];
    const server = await serve([
      {
        name: "test.Both",
        streams: {
          Run: (peer) => {
            const verify = check("server", sizes(7));
            peer.onMessage((bytes) => {
              try {
                serverCount = verify(bytes);
                if (serverCount === total) serverHasAll();
              } catch (error) {
                failures.push(error);
                peer.abort(new RpcError("remote", String(error)));
              }
            });
            pump(peer, sizes(9));
          },
        },
      },
    ]);
    const connection = await connect(server.address);
    const stream = connection.openStream("test.Both", "Run");
    const closed = closing(stream);
    const verify = check("client", sizes(9));
    await new Promise<void>((resolve, reject) => {
      closed.then((e) => reject(e ?? new Error("closed early")));
      stream.onMessage((bytes) => {
        try {
          if (verify(bytes) === total) resolve();
        } catch (error) {
          reject(error);
        }
      });
      pump(stream, sizes(7));
    });
    await serverDone;
    stream.close();
    expect(await closed).toBeUndefined();
    expect(failures).toEqual([]);
    expect(serverCount).toBe(total);
    expect(stream.bufferedBytes).toBe(0);
  });

  it("report a close by either side once, without an error", async () => {
    const serverSide: (RpcError | undefined)[] = [];
    const server = await serve([
      {
        name: "test.Close",
        streams: {
          Wait: (peer) => {
            peer.onClose((e) => serverSide.push(e));
            peer.onMessage(() => {});
          },
          Leave: (peer) => {
            peer.onClose((e) => serverSide.push(e));
            peer.onMessage(() => {});
            peer.send(new Uint8Array([1]));
            peer.close();
          },
        },
      },
    ]);
    const connection = await connect(server.address);
    const waiting = connection.openStream("test.Close", "Wait");
    const closed = closing(waiting);
    waiting.close();
    expect(await closed).toBeUndefined();
    expect(() => waiting.send(new Uint8Array(1))).toThrow(expect.objectContaining({ code: "closed" }));

    const leaving = connection.openStream("test.Close", "Leave");
    const left = closing(leaving);
    const got: number[] = [];
    leaving.onMessage((bytes) => got.push(bytes[0]!));
    expect(await left).toBeUndefined();
    expect(got).toEqual([1]);
    expect(serverSide).toEqual([undefined, undefined]);
    expect(server.openStreams).toBe(0);
  });

  it("end with connection-lost when the process at the other side is killed", async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL("./echo-process.ts", import.meta.url))], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    cleanup.push(() => child.kill("SIGKILL"));
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const connection = await connect(`127.0.0.1:${Number(line.toString())}`);
    const stream = connection.openStream("test.Echo", "Echo");
    const closed = closing(stream);
    await new Promise<void>((resolve) => {
      stream.onMessage(() => resolve());
      stream.send(new Uint8Array([1, 2, 3]));
    });
    child.kill("SIGKILL");
    expect((await closed)?.code).toBe("connection-lost");
    expect(() => stream.send(new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: "connection-lost" }),
    );
  });

  it("tell the server when the client goes away, and not when it closes in good order", async () => {
    let gone: (e: RpcError | undefined) => void;
    const server = await serve([
      {
        name: "test.Gone",
        streams: {
          Wait: (peer) => {
            peer.onClose((e) => gone(e));
            peer.onMessage(() => peer.send(new Uint8Array(1)));
          },
        },
      },
    ]);
    const ends: ((stream: PackedStream, connection: RpcConnection) => void)[] = [
      (stream) => stream.abort(new RpcError("cancelled", "test")),
      (_, connection) => connection.close(),
      (stream) => stream.close(),
    ];
    const seen: (string | undefined)[] = [];
    for (let i = 0; i < 30; i++) {
      const goneAway = new Promise<RpcError | undefined>((resolve) => {
        gone = resolve;
      });
      const connection = await connect(server.address);
      const stream = connection.openStream("test.Gone", "Wait");
      await new Promise<void>((resolve) => {
        stream.onMessage(() => resolve());
        stream.send(new Uint8Array(1));
      });
      ends[i % 3]!(stream, connection);
      seen.push((await goneAway)?.code);
      connection.close();
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => (i % 3 !== 0 ? undefined : "connection-lost")));
  });

  it("refuse messages over the limit, at the sender and at the receiver", async () => {
    const server = await serve(
      [{ name: "test.Size", streams: { Take: (peer) => peer.onMessage(() => {}) } }],
      { maxMessageBytes: 1000 },
    );
    const small = await connect(server.address, { maxMessageBytes: 500 });
    const refusing = small.openStream("test.Size", "Take");
    expect(() => refusing.send(new Uint8Array(501))).toThrow(expect.objectContaining({ code: "too-large" }));
    refusing.onMessage(() => {});
    refusing.close();

    const large = await connect(server.address);
    const stream = large.openStream("test.Size", "Take");
    const closed = closing(stream);
    stream.onMessage(() => {});
    stream.send(new Uint8Array(100_000));
    expect((await closed)?.code).toBe("too-large");
  });

  it("refuse to buffer more than the bound, and stay usable", async () => {
    let peerStream: PackedStream | undefined;
    let received = 0;
    const server = await serve([
      {
        name: "test.Slow",
        streams: {
          Take: (peer) => {
            peerStream = peer;
            peer.onMessage((bytes) => {
              received += bytes.length;
            });
            peer.pause();
          },
        },
      },
    ]);
    const refused: number[] = [];
    const connection = await connect(server.address, {
      stream: { maxBufferedBytes: 1 << 20, highWaterBytes: 1 << 19, onOverload: (n) => refused.push(n) },
    });
    const stream = connection.openStream("test.Slow", "Take");
    let sent = 0;
    let overload: unknown;
    const chunk = new Uint8Array(100_000);
    for (let i = 0; i < 200 && !overload; i++) {
      try {
        stream.send(chunk);
        sent += chunk.length;
      } catch (error) {
        overload = error;
      }
    }
    expect(overload).toMatchObject({ code: "overloaded" });
    expect(refused).toEqual([100_000]);
    expect(stream.bufferedBytes).toBeLessThanOrEqual(1 << 20);
    expect(stream.congested).toBe(true);
    const drained = new Promise<void>((resolve) => stream.onDrain(resolve));
    while (!peerStream) await new Promise((r) => setTimeout(r, 5));
    peerStream.resume();
    await drained;
    const closed = closing(stream);
    stream.close();
    expect(await closed).toBeUndefined();
    expect(received).toBe(sent);
  });
});

describe("calls and servers", () => {
  it("answers unary calls, carries typed errors, and streams replies to one request", async () => {
    const server = await serve([
      {
        name: "Scheduler",
        unary: {
          Twice: (request) => Uint8Array.from([...request, ...request]),
          Fail: () => {
            throw Object.assign(new Error("no such block"), { code: "unknown-block" });
          },
        },
        serverStreams: {
          Watch: (request, peer) => {
            for (let i = 0; i < request[0]!; i++) peer.send(Uint8Array.from([i]));
            peer.close();
          },
        },
      },
    ]);
    const connection = await connect(server.address);
    expect([...(await connection.call("velarium.v1.Scheduler", "Twice", Uint8Array.from([1, 2])))]).toEqual([
      1, 2, 1, 2,
    ]);
    await expect(connection.call("Scheduler", "Fail", new Uint8Array(0))).rejects.toMatchObject({
      code: "remote",
      remoteCode: "unknown-block",
      message: "no such block",
    });
    await expect(connection.call("Scheduler", "Missing", new Uint8Array(0))).rejects.toMatchObject({
      code: "unimplemented",
    });
    const watch = connection.openServerStream("Scheduler", "Watch", Uint8Array.from([3]));
    const closed = closing(watch);
    const got: number[] = [];
    watch.onMessage((bytes) => got.push(bytes[0]!));
    expect(await closed).toBeUndefined();
    expect(got).toEqual([0, 1, 2]);
  });

  it("answers health checks, and NOT_SERVING while it drains", async () => {
    const server = await serve([
      { name: "Framer", streams: { Analyze: (peer) => peer.onMessage(() => {}) }, unary: { Ask: (r) => r } },
    ]);
    const connection = await connect(server.address);
    expect(await connection.health()).toBe("SERVING");
    expect(await connection.health("velarium.v1.Framer")).toBe("SERVING");
    expect(await connection.health("velarium.v1.Nobody")).toBe("SERVICE_UNKNOWN");
    const stream = connection.openStream("Framer", "Analyze");
    stream.onMessage(() => {});
    stream.send(new Uint8Array(1));
    while (server.openStreams === 0) await new Promise((r) => setTimeout(r, 5));
    expect(await server.drain(20)).toBe(1);
    expect(await connection.health()).toBe("NOT_SERVING");
    await expect(connection.call("Framer", "Ask", new Uint8Array(0))).rejects.toMatchObject({
      code: "draining",
    });
    const late = connection.openStream("Framer", "Analyze");
    const refused = closing(late);
    late.onMessage(() => {});
    expect((await refused)?.code).toBe("draining");
    stream.close();
    expect(await server.drain(5000)).toBe(0);
  });

  it("lists its services by reflection, as the protos describe them", async () => {
    const protos = loadProtos();
    for (const name of ["Framer", "Scheduler", "StateShard", "Analyzer", "Ingest", "StreamHub"]) {
      const service = protos[`velarium.v1.${name}`] as Record<string, { path: string }> | undefined;
      expect(service).toBeDefined();
      for (const method of Object.values(service!)) expect(method.path).toMatch(/^\/velarium\.v1\./);
    }
    const server = await serve([
      { name: "Framer", streams: { Analyze: (peer) => peer.onMessage(() => {}) } },
    ]);
    const connection = await connect(server.address);
    const stream = connection.openStream("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo");
    const closed = closing(stream);
    stream.onMessage(() => {});
    stream.close();
    expect(await closed).toBeUndefined(); // UNIMPLEMENTED if the service were not there
  });

  it("says that nobody answers, and that a port is taken", async () => {
    const server = await serve([]);
    await expect(serveRpc({ port: server.port, services: [] })).rejects.toMatchObject({
      code: "address-in-use",
    });
    await server.stop();
    await expect(dial(server.address, { timeoutMs: 300 })).rejects.toMatchObject({ code: "unreachable" });
  });

  it("reaches a server that comes up late", async () => {
    const first = await serve([]);
    const { port } = first;
    await first.stop();
    const dialing = connect(`127.0.0.1:${port}`);
    await new Promise((r) => setTimeout(r, 250));
    await serve([], { port });
    const connection = await dialing;
    expect(await connection.health()).toBe("SERVING");
  });
});
