import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { type ClusterOptions, defaultClusterOptions, type ServiceKind } from "../src/options.ts";
import { SERVICE_ENVIRONMENT, serviceFlags } from "../src/service-command.ts";

const counts: Record<ServiceKind, number> = {
  "state-shard": 3,
  framer: 1,
  scheduler: 1,
  executor: 2,
  analyzer: 2,
  gateway: 1,
};

/** Values of one flag over all services of a cluster. */
function valuesOf(flag: string, options: Partial<ClusterOptions>): (string | undefined)[] {
  const all: ClusterOptions = {
    ...defaultClusterOptions,
    shards: 3,
    executors: 2,
    analyzers: 2,
    dataDirectory: "d",
    genesisFile: "g",
    ...options,
  };
  const addresses = {
    shards: ["s"],
    framer: "f",
    scheduler: "c",
    analyzers: ["a"],
    streamPrefix: "p",
    chainSecret: "",
  };
  return (Object.keys(counts) as ServiceKind[]).flatMap((kind) =>
    Array.from({ length: counts[kind] }, (_, index) => {
      const flags = serviceFlags(kind, index, all, addresses);
      return flags.includes(flag) ? flags[flags.indexOf(flag) + 1] : undefined;
    }),
  );
}

describe("flags of the services of a cluster", () => {
  it("gives every service a metrics port of its own, counted up from the base", () => {
    expect(valuesOf("--metrics-port", { metricsPortBase: 9100 })).toEqual(
      Array.from({ length: 10 }, (_, i) => String(9100 + i)),
    );
    expect(new Set(valuesOf("--metrics-port", { metricsPortBase: 0 }))).toEqual(new Set(["0"]));
    expect(new Set(valuesOf("--metrics-port", {}))).toEqual(new Set([undefined]));
  });

  it("passes tracing on to every service, a service's own flag first", () => {
    const traced = { otlpEndpoint: "http://collector:4317", traceRatio: 0.25 };
    expect(new Set(valuesOf("--otlp-endpoint", traced))).toEqual(new Set([traced.otlpEndpoint]));
    expect(new Set(valuesOf("--trace-ratio", traced))).toEqual(new Set(["0.25"]));
    expect(new Set(valuesOf("--trace-ratio", { traceRatio: 0.25 }))).toEqual(new Set([undefined]));
    const own = valuesOf("--trace-ratio", { ...traced, serviceFlags: { framer: { "trace-ratio": "1" } } });
    expect(own.filter((ratio) => ratio === "1")).toHaveLength(1);
  });
});

it("a container has the memory settings of a local service", () => {
  const image = readFileSync(new URL("../../../deploy/Dockerfile", import.meta.url), "utf8");
  for (const [name, value] of Object.entries(SERVICE_ENVIRONMENT))
    expect(image).toMatch(new RegExp(`^.*\\b${name}=${value}\\b`, "m"));
});
