import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";
// @ts-expect-error plain JavaScript
import { ROOT } from "../src/setup.mjs";
import { type StartedService, serviceNames, started, unreadBy, unreadByAll } from "./service-options.ts";

const chart = join(ROOT, "helm/velarium");
const trial = ["-f", join(chart, "ci/trial-values.yaml")];
const helm = (...args: string[]) => spawnSync("helm", args, { encoding: "utf8" });
const hasHelm = helm("version").status === 0;
// Without helm on PATH these are reported as skipped: https://helm.sh/docs/intro/install
const describeWithHelm = hasHelm ? describe : describe.skip;
if (!hasHelm) console.warn("helm is not on PATH: the chart is not tested");

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

interface Container {
  readonly args: string[];
  readonly env?: Variable[];
  readonly envFrom: { readonly configMapRef: { readonly name: string } }[];
  readonly ports: { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: { readonly name: string; readonly mountPath: string }[];
}

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: Kubernetes' own types are not worth a dependency here
  readonly spec?: any;
}

class Rendering {
  readonly objects: readonly Rendered[];

  constructor(...settings: string[]) {
    const { status, stdout, stderr } = helm("template", "demo", chart, ...settings);
    if (status !== 0) throw new Error(stderr);
    this.objects = parseAllDocuments(stdout).map((document) => document.toJS() as Rendered);
  }

  of(kind: string): Rendered[] {
    return this.objects.filter((object) => object.kind === kind);
  }

  named(kind: string, name: string): Rendered {
    const found = this.of(kind).find((object) => object.metadata.name === name);
    if (!found) throw new Error(`there is no ${kind} ${name}`);
    return found;
  }

  get workloads(): Rendered[] {
    return [...this.of("Deployment"), ...this.of("StatefulSet")];
  }

  workload(service: string): Rendered {
    return this.workloads.find((object) => object.metadata.name === `demo-velarium-${service}`)!;
  }

  /** The pod with this ordinal, as its service sees it. */
  start(workload: Rendered, ordinal = 0): StartedService {
    const container = containerOf(workload);
    const env: Record<string, string> = {};
    for (const { configMapRef } of container.envFrom)
      Object.assign(env, this.named("ConfigMap", configMapRef.name).data);
    for (const variable of container.env ?? [])
      env[variable.name] = this.valueOf(variable, workload, ordinal);
    return started(container.args, env);
  }

  private valueOf({ value, valueFrom }: Variable, workload: Rendered, ordinal: number): string {
    if (value !== undefined) return value;
    if (valueFrom?.secretKeyRef) {
      const { name, key } = valueFrom.secretKeyRef;
      return this.named("Secret", name).stringData![key]!;
    }
    const path = valueFrom?.fieldRef?.fieldPath;
    if (path === "metadata.name") return `${workload.metadata.name}-${"x".repeat(16)}`;
    if (path === "metadata.labels['apps.kubernetes.io/pod-index']") {
      expect(workload.kind).toBe("StatefulSet");
      return String(ordinal);
    }
    throw new Error(`nobody knows the field ${path}`);
  }

  /** Pods' port behind an address, as cluster DNS and Services lead to it. */
  expectReaches(address: unknown, service: string): void {
    const [, pod, host, port] = /^(?:([^.:]+)\.)?([^.:]+):(\d+)$/.exec(String(address)) ?? [];
    const { spec } = this.named("Service", host ?? "");
    const workload = this.workload(service);
    expect(workload.spec.template.metadata.labels).toMatchObject(spec.selector);
    const { targetPort } = spec.ports.find((each: { port: number }) => each.port === Number(port));
    const { containerPort } = containerOf(workload).ports.find((each) => each.name === targetPort)!;
    expect(containerPort).toBe(this.start(workload).values["port"]);
    if (pod !== undefined) {
      expect(workload.spec.serviceName).toBe(host);
      expect(spec.clusterIP).toBe("None");
      const ordinal = Number(pod.slice(workload.metadata.name.length + 1));
      expect(pod).toBe(`${workload.metadata.name}-${ordinal}`);
      expect(ordinal).toBeLessThan(workload.spec.replicas);
    }
  }
}

const containerOf = (workload: Rendered): Container => workload.spec.template.spec.containers[0];

describeWithHelm("the chart", () => {
  it("passes helm lint --strict", () => {
    const { status, stdout } = helm("lint", "--strict", chart, ...trial);
    expect(stdout).toContain("0 chart(s) failed");
    expect(status).toBe(0);
  });

  it("starts every service with options that it understands, and gives no others", () => {
    const rendering = new Rendering(...trial, "--set", "otlpEndpoint=http://collector:4317");
    expect(rendering.workloads.map((w) => rendering.start(w).service).sort()).toEqual(serviceNames);
    for (const workload of rendering.workloads) {
      const { service } = rendering.start(workload);
      expect(workload.metadata.name).toBe(`demo-velarium-${service}`);
      const own = (containerOf(workload).env ?? []).map((variable) => variable.name);
      expect([service, unreadBy(service, own)]).toEqual([service, []]);
    }
    const common = Object.keys(rendering.named("ConfigMap", "demo-velarium").data!);
    expect(unreadByAll(common)).toEqual([]);
  });

  it("leads every address to a port that the service listens on", () => {
    const rendering = new Rendering(...trial, "--set", "stateShard.replicas=3,analyzer.replicas=4");
    const valuesOf = (service: string) => rendering.start(rendering.workload(service)).values;
    const shard = (i: number) => `demo-velarium-state-shard-${i}.demo-velarium-state-shard:7000`;
    for (const service of ["framer", "scheduler", "analyzer", "executor", "gateway"]) {
      const values = valuesOf(service);
      expect(values["shards"]).toEqual([shard(0), shard(1), shard(2)]);
      for (const address of values["shards"] as string[]) rendering.expectReaches(address, "state-shard");
    }
    for (const service of ["scheduler", "analyzer", "executor"])
      rendering.expectReaches(valuesOf(service)["framer"], "framer");
    rendering.expectReaches(valuesOf("executor")["scheduler"], "scheduler");
    for (const address of valuesOf("gateway")["analyzers"] as string[])
      rendering.expectReaches(address, "analyzer");
    expect(valuesOf("framer")["analyzers"]).toBe(4);
  });

  it("numbers shards by their pods, and gives each its own volume", () => {
    const rendering = new Rendering(...trial, "--set", "stateShard.replicas=3");
    const shards = rendering.workload("state-shard");
    for (const ordinal of [0, 1, 2])
      expect(rendering.start(shards, ordinal).values).toMatchObject({ shard: ordinal, shards: 3 });
    const mounted = containerOf(shards).volumeMounts.find((mount) => mount.name === "data");
    expect(mounted?.mountPath).toBe(rendering.start(shards).values["data"]);
    expect(shards.spec.volumeClaimTemplates[0].metadata.name).toBe("data");
  });

  it("has ports, probes and the genesis where the services have them", () => {
    const rendering = new Rendering(...trial);
    for (const workload of rendering.workloads) {
      const { service, values } = rendering.start(workload);
      const container = containerOf(workload);
      const ports = Object.fromEntries(container.ports.map((port) => [port.name, port.containerPort]));
      expect(ports).toEqual({
        grpc: values["port"],
        metrics: values["metricsPort"],
        ...(service === "gateway" ? { http: values["httpPort"] } : {}),
      });
      expect(container).toMatchObject({
        livenessProbe: { httpGet: { path: "/healthz", port: "metrics" } },
        readinessProbe: { httpGet: { path: "/readyz", port: "metrics" } },
      });
      const mounted = container.volumeMounts.find((mount) => mount.name === "genesis")!;
      expect(values["genesis"]).toBe(`${mounted.mountPath}/genesis.json`);
    }
    expect(Object.keys(rendering.named("ConfigMap", "demo-velarium-genesis").data!)).toEqual([
      "genesis.json",
    ]);
  });

  it("gives the chain secret to those that need it only", () => {
    const rendering = new Rendering(...trial);
    const knowing = rendering.workloads
      .filter((w) => (containerOf(w).env ?? []).some((variable) => variable.valueFrom?.secretKeyRef))
      .map((w) => rendering.start(w).service);
    expect(knowing.sort()).toEqual(["analyzer", "executor", "framer"]);
  });

  it("runs framer and scheduler once, whatever the values", () => {
    const rendering = new Rendering(...trial);
    for (const service of ["framer", "scheduler"])
      expect(rendering.workload(service).spec).toMatchObject({ replicas: 1, strategy: { type: "Recreate" } });
  });

  it("passes flags of one service on to that service only, large numbers as they are", () => {
    const rendering = new Rendering(...trial, "--set", "framer.flags.tail-gas=1500000000");
    const given = rendering.workloads.filter((w) =>
      containerOf(w).args.some((a) => a.startsWith("--tail-gas")),
    );
    expect(given.map((w) => rendering.start(w).values["tailGas"])).toEqual([1_500_000_000]);
  });

  it("gives framer and gateway the same block gas limit", () => {
    const rendering = new Rendering(...trial, "--set", "blockGasLimit=2000000000");
    for (const service of ["framer", "gateway"])
      expect(rendering.start(rendering.workload(service)).values["blockGasLimit"]).toBe(2_000_000_000);
  });

  it("uses a given Secret and then makes none", () => {
    const rendering = new Rendering("--set", "chainSecret.existingSecret=mine,genesis=x");
    expect(rendering.of("Secret")).toEqual([]);
    const env = containerOf(rendering.workload("framer")).env!;
    expect(env[0]!.valueFrom!.secretKeyRef).toEqual({ name: "mine", key: "chain-secret" });
  });

  it("takes the genesis from a volume", () => {
    const rendering = new Rendering(
      "--set",
      "chainSecret.existingSecret=mine,genesisVolume.persistentVolumeClaim.claimName=genesis",
    );
    expect(rendering.of("ConfigMap")).toHaveLength(1);
    for (const { spec } of rendering.workloads)
      expect(spec.template.spec.volumes[0]).toEqual({
        name: "genesis",
        persistentVolumeClaim: { claimName: "genesis" },
      });
  });

  it("keeps names of pods below 63 characters", () => {
    const { stdout } = helm("template", "r".repeat(53), chart, ...trial);
    const names = [...stdout.matchAll(/^ {2}name: (\S+)$/gm)].map((m) => m[1]!);
    expect(names.length).toBeGreaterThan(5);
    // A hash of the template, and one of the pod.
    for (const name of names) expect(name.length + "-0123456789-01234".length).toBeLessThanOrEqual(63);
  });

  it.each([
    ["executor.replicas=0", "/executor/replicas"],
    ["executor.replicas=256", "/executor/replicas"],
    ["stateShard.replicas=65", "/stateShard/replicas"],
    ["nats.url=http://nats", "/nats/url"],
    ["redis.url=localhost", "/redis/url"],
    ["chainSecret.value=abc", "/chainSecret/value"],
    ["executors=3", "executors"],
    ["service.type=External", "/service/type"],
    ["stateShard.storage.size=lots", "/stateShard/storage/size"],
    ["streamPrefix=a.b", "/streamPrefix"],
    ["beneficiary=0x12", "/beneficiary"],
    ["blockGasLimit=1", "/blockGasLimit"],
    ["framer.replicas=2", "replicas"],
  ])("refuses %s", (setting, place) => {
    const isText = !/=\d+$/.test(setting);
    const { status, stderr } = helm(
      "template",
      "demo",
      chart,
      ...trial,
      isText ? "--set-string" : "--set",
      setting,
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain(place);
  });

  it("says what is missing: genesis, chain secret", () => {
    expect(helm("template", "demo", chart).stderr).toContain("chainSecret: give existingSecret");
    const { stderr } = helm("template", "demo", chart, "--set", "chainSecret.existingSecret=mine");
    expect(stderr).toContain("genesis: give");
  });
});
