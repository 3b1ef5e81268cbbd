/** Commands that cannot do what they were told: a clear message and a meaningful exit code, and nothing left running. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { openDataDirectory } from "@velarium/cluster";
import { hasServers, newDataDirectory } from "./support/cluster.ts";

// Whole processes start here, maybe beside others.
jest.setTimeout(120_000);

const velarium = new URL("../libs/cli/src/velarium.mjs", import.meta.url).pathname;

interface Ended {
  readonly exitCode: number;
  readonly stderr: string;
}

/** Runs the program to its end, which these have to find themselves. */
function ends(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [velarium, ...args], { timeout: 60_000 }, (error, _stdout, stderr) => {
      resolve({ exitCode: error ? Number(error.code ?? -1) : 0, stderr });
    });
  });
}

/** Two at a time, as there are cores. */
async function expectUsage(calls: [string[], RegExp][]): Promise<void> {
  const rest = [...calls];
  const work = async (): Promise<void> => {
    for (let call = rest.shift(); call; call = rest.shift()) {
      const [args, message] = call;
      const { exitCode, stderr } = await ends(...args);
      expect([args, exitCode, stderr]).toEqual([args, 2, expect.stringMatching(message)]);
    }
  };
  await Promise.all([work(), work()]);
}

let folder: string;
let holder: Server;
let takenPort: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "velarium-test-"));
  holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  takenPort = String((holder.address() as { port: number }).port);
});
afterAll(async () => {
  await new Promise((resolve) => holder.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

/** A file or folder of this test. */
const at = (...names: string[]): string => join(folder, ...names);
const file = (name: string, text: string): string => {
  writeFileSync(at(name), text);
  return at(name);
};

describe("wrong usage ends with 2", () => {
  it("unknown commands, services, flags and values", async () => {
    const calls: [string[], RegExp][] = [
      [["fly"], /unknown command/],
      [["up", "--fly"], /unknown option '--fly'/],
      [["up", "--shards", "none"], /whole number/],
      [["up", "--set", "framer"], /service\.flag=value/],
      [["up", "--set", "flyer.speed=1", "--http-port", "0"], /no service flyer/],
      [["up", "--set", "framer.speed=1", "--http-port", "0"], /speed/],
      [["service", "flyer"], /no service flyer/],
      [["service", "gateway", "--fly"], /fly/],
      [["up", "--config", at("none.json")], /none\.json/],
      [["run", "--config", file("config.json", '{"fly": 1}')], /no option fly/],
    ];
    await expectUsage(calls);
  });

  it("a genesis that is missing, no JSON, or no genesis", async () => {
    const files: [string, RegExp][] = [
      [at("no-genesis.json"), /no-genesis\.json/],
      [file("broken.json", '{"config": {'), /broken\.json.*JSON/],
      [file("empty.json", "{}"), /config/],
      [
        file(
          "alloc.json",
          '{"config": {"chainId": 1}, "gasLimit": "0x1000000", "difficulty": "0x0", "alloc": {"0x12": {"balance": "1"}}}',
        ),
        /alloc/,
      ],
    ];
    await expectUsage(
      files.map(([genesis, message]) => [["up", "--http-port", "0", "--genesis", genesis], message]),
    );
  });

  it("a fixture or an export that is missing or broken", async () => {
    mkdirSync(at("block"));
    file("block/block.json", "not JSON");
    file("block/pre_state.json", "{}");
    mkdirSync(at("export"));
    file(
      "export/manifest.json",
      '{"format": "velarium-export", "version": 99, "recordVersion": 1, "chainId": 1}',
    );
    const calls: [string[], RegExp][] = [
      [["replay", at("nowhere")], /nowhere/],
      [["replay", at("block")], /block\.json/],
      [["verify", at("nowhere")], /not the directory of an export/],
      [["verify", at("export")], /version 99|99/],
      [["verify-proof", at("nowhere.json")], /nowhere\.json/],
    ];
    await expectUsage(calls);
  });

  it("a data directory of another chain, another format, other shards, or that cannot be read", async () => {
    const data = newDataDirectory();
    try {
      const genesis = join(data, "genesis.json");
      openDataDirectory(data, genesis, 2);
      const manifestFile = join(data, "cluster-manifest.json");
      const manifest = JSON.parse(readFileSync(manifestFile, "utf8")) as Record<string, unknown>;
      const up = (...flags: string[]) =>
        ends("up", "--data", data, "--genesis", genesis, "--http-port", "0", ...flags);
      const otherShards = await up("--shards", "3");
      expect(otherShards).toEqual({ exitCode: 2, stderr: expect.stringMatching(/2 shards, not 3/) });
      writeFileSync(manifestFile, JSON.stringify({ ...manifest, formatVersion: 99 }));
      expect(await up()).toEqual({ exitCode: 2, stderr: expect.stringMatching(/format 99.*--data/s) });
      writeFileSync(manifestFile, JSON.stringify({ ...manifest, genesisDigest: "00" }));
      expect(await up()).toEqual({ exitCode: 2, stderr: expect.stringMatching(/another genesis.*--data/s) });
      writeFileSync(manifestFile, "{");
      expect(await up()).toEqual({
        exitCode: 2,
        stderr: expect.stringMatching(/cluster-manifest\.json cannot be read/),
      });
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });
});

describe("what is in the way", () => {
  it("a port in use ends with 71", async () => {
    for (const option of ["--http-port", "--grpc-port"]) {
      const other = option === "--http-port" ? [] : ["--http-port", "0"];
      const { exitCode, stderr } = await ends("up", ...other, option, takenPort);
      expect([option, exitCode]).toEqual([option, 71]);
      expect(stderr).toMatch(new RegExp(`port ${takenPort} on 127.0.0.1 is in use.*${option}`, "s"));
    }
  });

  it("NATS or Redis that cannot be reached end with 69, after a while", async () => {
    // Port 1 is nobody's. Redis comes second, so a listener stands in for NATS.
    const nats = ends("up", "--local", "--http-port", "0", "--nats-url", "nats://127.0.0.1:1");
    const redis = ends(
      "up",
      "--local",
      "--http-port",
      "0",
      "--nats-url",
      `nats://127.0.0.1:${takenPort}`,
      "--redis-url",
      "redis://127.0.0.1:1",
    );
    expect(await nats).toEqual({
      exitCode: 69,
      stderr: expect.stringMatching(/NATS cannot be reached at 127\.0\.0\.1:1.*--nats-url/s),
    });
    expect(await redis).toEqual({
      exitCode: 69,
      stderr: expect.stringMatching(/Redis cannot be reached at 127\.0\.0\.1:1.*--redis-url/s),
    });
  });

  (hasServers() ? it : it.skip)("a server that is no NATS ends with 69", async () => {
    const { exitCode, stderr } = await ends(
      "up",
      "--local",
      "--http-port",
      "0",
      "--nats-url",
      `nats://127.0.0.1:${takenPort}`,
      "--set",
      "framer.dial-timeout-ms=1500",
    );
    expect([exitCode, stderr]).toEqual([69, expect.stringMatching(/NATS/)]);
  });
});
