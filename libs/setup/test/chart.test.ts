import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
// @ts-expect-error plain JavaScript
import { ROOT } from "../src/setup.mjs";

const chart = join(ROOT, "helm/velarium");
const trial = ["-f", join(chart, "ci/trial-values.yaml")];
const helm = (...args: string[]) => spawnSync("helm", args, { encoding: "utf8" });
const hasHelm = helm("version").status === 0;
// Without helm on PATH these are reported as skipped: https://helm.sh/docs/intro/install
const describeWithHelm = hasHelm ? describe : describe.skip;

describeWithHelm("the chart", () => {
  it("passes helm lint --strict", () => {
    const { status, stdout } = helm("lint", "--strict", chart, ...trial);
    expect(stdout).toContain("0 chart(s) failed");
    expect(status).toBe(0);
  });

  it("renders all services, shards by stable names", () => {
    const { status, stdout } = helm("template", "demo", chart, ...trial, "--set", "stateShard.replicas=3");
    expect(status).toBe(0);
    const kinds = [...stdout.matchAll(/^kind: (\w+)$/gm)].map((m) => m[1]).sort();
    expect(kinds).toEqual([
      ...Array(2).fill("ConfigMap"),
      ...Array(5).fill("Deployment"),
      "Secret",
      ...Array(4).fill("Service"),
      "StatefulSet",
    ]);
    const shard = (i: number) => `demo-velarium-state-shard-${i}.demo-velarium-state-shard:7000`;
    expect(stdout).toContain(`VELARIUM_SHARDS: "${shard(0)},${shard(1)},${shard(2)}"`);
  });

  it("passes flags of one service on to that service only", () => {
    const { stdout } = helm(
      "template",
      "demo",
      chart,
      ...trial,
      "--set",
      "framer.flags.block-gas-limit=1500000000",
    );
    expect(stdout.match(/--block-gas-limit=/g)).toHaveLength(1);
    expect(stdout).toMatch(/- framer\n\s+- "--block-gas-limit=1500000000"/);
  });

  it("uses a given Secret and then makes none", () => {
    const { stdout } = helm("template", "demo", chart, "--set", "chainSecret.existingSecret=mine,genesis=x");
    expect(stdout).not.toMatch(/^kind: Secret$/m);
    expect(stdout).toContain("name: mine, key: chain-secret");
  });

  it.each([
    ["executor.replicas=0", "/executor/replicas"],
    ["nats.url=http://nats", "/nats/url"],
    ["redis.url=localhost", "/redis/url"],
    ["chainSecret.value=abc", "/chainSecret/value"],
    ["executors=3", "executors"],
    ["service.type=External", "/service/type"],
    ["stateShard.storage.size=lots", "/stateShard/storage/size"],
  ])("refuses %s", (setting, place) => {
    const { status, stderr } = helm("template", "demo", chart, ...trial, "--set-string", setting);
    expect(status).not.toBe(0);
    expect(stderr).toContain(place);
  });

  it("says what is missing: genesis, chain secret", () => {
    expect(helm("template", "demo", chart).stderr).toContain("chainSecret: give existingSecret");
    expect(helm("template", "demo", chart, "--set", "chainSecret.existingSecret=mine").stderr).toContain(
      "genesis: give",
    );
  });
});

describe("deployment files", () => {
  it("name only services that exist, by the command that the image understands", () => {
    const compose = readFileSync(join(ROOT, "deploy/compose.yaml"), "utf8");
    const named = [...compose.matchAll(/command: \["service", "([a-z-]+)"/g)].map((m) => m[1]);
    expect(new Set(named)).toEqual(
      new Set(["state-shard", "framer", "scheduler", "executor", "analyzer", "gateway"]),
    );
    const dockerfile = readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8");
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile.match(/^FROM node:24-slim/gm)).toHaveLength(2);
  });
});
