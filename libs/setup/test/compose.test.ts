import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
// @ts-expect-error plain JavaScript
import { ROOT } from "../src/setup.mjs";
import { serviceNames, started, unreadByAll } from "./service-options.ts";

interface ComposeService {
  readonly image?: string;
  readonly command: string[];
  readonly environment: Readonly<Record<string, string | null>>;
  readonly volumes: string[];
  readonly ports?: string[];
  readonly depends_on: Readonly<Record<string, unknown>>;
}

const compose = parse(readFileSync(join(ROOT, "deploy/compose.yaml"), "utf8"), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>;
};
const shell: Readonly<Record<string, string>> = {
  VELARIUM_CHAIN_SECRET: "ff".repeat(32),
  VELARIUM_GENESIS: "./genesis.json",
};
/** Compose's own substitution: ${NAME}, ${NAME:-default}, ${NAME:?message}. */
const substituted = (text: string): string =>
  text.replace(/\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}/g, (_, name, fallback) => shell[name] ?? fallback ?? "");

const own = Object.entries(compose.services).filter(([, { image }]) => image?.startsWith("velarium:"));
const start = ({ command, environment }: ComposeService) => {
  const given = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== null);
  return started(command, Object.fromEntries(given.map(([name, value]) => [name, substituted(value)])));
};

describe("the compose file", () => {
  it("starts every service with options that it understands, and gives no others", () => {
    expect(own).toHaveLength(serviceNames.length + 1);
    expect([...new Set(own.map(([, service]) => start(service).service))].sort()).toEqual(serviceNames);
    for (const [, { environment }] of own) expect(unreadByAll(Object.keys(environment))).toEqual([]);
  });

  it("leads every address to the service that listens there", () => {
    const expectReaches = (address: unknown, service: string) => {
      const [host = "", port] = String(address).split(":");
      expect(start(compose.services[host]!)).toMatchObject({ service, values: { port: Number(port) } });
    };
    for (const [name, service] of own) {
      const { values } = start(service);
      if (Array.isArray(values["shards"])) {
        expect(values["shards"]).toEqual(["state-shard-0:7000", "state-shard-1:7000"]);
        for (const address of values["shards"]) expectReaches(address, "state-shard");
      } else expect(values).toMatchObject({ shards: 2, shard: Number(name.at(-1)) });
      if (values["framer"]) expectReaches(values["framer"], "framer");
      if (values["scheduler"]) expectReaches(values["scheduler"], "scheduler");
      if (Array.isArray(values["analyzers"]))
        for (const address of values["analyzers"]) expectReaches(address, "analyzer");
      if (values["natsUrl"]) expect(values["natsUrl"]).toBe("nats://nats:4222");
    }
    expect(start(compose.services["gateway"]!).values["httpPort"]).toBe(8545);
    expect(compose.services["gateway"]!.ports).toEqual(["127.0.0.1:8545:8545"]);
  });

  it("mounts the genesis, and a volume for each shard", () => {
    for (const [name, service] of own) {
      const { values } = start(service);
      const mounted = service.volumes.map((volume) => substituted(volume).split(":")[1]);
      expect(mounted).toContain(values["genesis"]);
      if (values["data"]) {
        expect(mounted).toContain(values["data"]);
        expect(service.volumes.at(-1)).toBe(`${name.replace("state-", "")}:${values["data"]}`);
      }
    }
  });

  it("waits only for services that there are", () => {
    for (const [, { depends_on }] of own)
      for (const name of Object.keys(depends_on)) expect(Object.keys(compose.services)).toContain(name);
  });
});

describe("the image", () => {
  it("runs as an ordinary user, on one release line of Node throughout", () => {
    const dockerfile = readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8");
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile.match(/^FROM node:24-slim/gm)).toHaveLength(2);
  });
});
