/** One trace per frame through a whole cluster, as an OTLP collector gets it; and metrics of every service. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Reason } from "@velarium/wire";
import { privateKeyToAccount } from "viem/accounts";
import { scrape } from "../libs/cli/src/drive/metrics.ts";
import { callJsonRpc } from "../libs/cli/src/json-rpc.ts";
import { accounts, CHAIN_ID, hasServers, startTestCluster, type TestCluster } from "./support/cluster.ts";
import { IngestClient } from "./support/ingest.ts";
import { type CollectedSpan, OtlpCollector } from "./support/otlp-collector.ts";

const EACH = 20;
const TRANSFERS = EACH * accounts.length;

async function transfers(): Promise<Uint8Array[]> {
  const signed = accounts.flatMap(({ privateKey }) => {
    const account = privateKeyToAccount(privateKey);
    return Array.from({ length: EACH }, (_, nonce) =>
      account.signTransaction({
        chainId: CHAIN_ID,
        type: "eip1559",
        nonce,
        to: "0x00000000000000000000000000000000000a11ce",
        value: 1n,
        gas: 21_000n,
        maxFeePerGas: 10n ** 11n,
        maxPriorityFeePerGas: 1n,
      }),
    );
  });
  return (await Promise.all(signed)).map((raw) => new Uint8Array(Buffer.from(raw.slice(2), "hex")));
}

async function untilIncluded(url: string): Promise<void> {
  for (const { address } of accounts)
    while (Number(await callJsonRpc(url, "eth_getTransactionCount", [address, "latest"])) < EACH)
      await new Promise((resolve) => setTimeout(resolve, 100));
}

/** A cluster, 100 transfers through it, and its end, by which all spans are with the collector. */
async function spansOfTransfers(
  collector: OtlpCollector,
  mode: "embedded" | "local",
  traceRatio: number,
  look: (running: TestCluster) => Promise<void>,
) {
  const running = await startTestCluster({
    mode,
    otlpEndpoint: collector.url,
    traceRatio,
    metricsPortBase: 0,
  });
  try {
    const ingest = await IngestClient.connect(running.cluster.ingestAddress);
    const { verdicts } = await ingest.submit(await transfers());
    expect(verdicts).toEqual(Array.from({ length: TRANSFERS }, () => Reason.none));
    await untilIncluded(running.url);
    ingest.close();
    await look(running);
  } finally {
    await running.stop();
  }
}

const modes = hasServers() ? (["embedded", "local"] as const) : (["embedded"] as const);
if (modes.length === 1) console.log("skipped: traces over NATS (nats-server or redis-server is not on PATH)");

describe.each(modes)("a %s cluster with traces and metrics", (mode) => {
  let collector: OtlpCollector;
  const pages = new Map<string, Map<string, number>>();
  let services = 0;
  const named = (name: string): CollectedSpan[] => collector.spans.filter((span) => span.name === name);
  const transactionsOf = (spans: readonly CollectedSpan[]): number =>
    spans.reduce((sum, span) => sum + Number(span.attributes["transactions"]), 0);

  beforeAll(async () => {
    collector = await OtlpCollector.start();
    await spansOfTransfers(collector, mode, 1, async ({ cluster }) => {
      services = cluster.addresses.shards.length + cluster.options.executors + cluster.options.analyzers + 3;
      for (const address of cluster.endpointsNamed("metrics")) pages.set(address, await scrape(address));
    });
  }, 180_000);
  afterAll(() => collector.stop());

  it("follows each frame from the framer over the scheduler to its executors", () => {
    const framed = named("framer.frame");
    const scheduled = new Map(named("scheduler.frame").map((span) => [span.parentSpanId, span]));
    const executed = named("executor.frame");
    expect(transactionsOf(framed)).toBeGreaterThanOrEqual(TRANSFERS);
    for (const frame of framed) {
      expect(frame).toMatchObject({ service: "velarium-framer", parentSpanId: "" });
      const inScheduler = scheduled.get(frame.spanId)!;
      expect(inScheduler).toMatchObject({ service: "velarium-scheduler", traceId: frame.traceId });
      const dispatches = executed.filter((span) => span.parentSpanId === inScheduler.spanId);
      expect(transactionsOf(dispatches)).toBe(frame.attributes["transactions"]);
      for (const dispatch of dispatches) {
        expect(dispatch).toMatchObject({ service: "velarium-executor", traceId: frame.traceId });
        for (const key of ["block", "frame"]) expect(dispatch.attributes[key]).toBe(frame.attributes[key]);
      }
    }
    expect(new Set(framed.map((span) => span.traceId)).size).toBe(framed.length);
    expect(executed.length).toBe(new Set(executed.map((span) => span.spanId)).size);
  });

  it("has spans of the door, the analysis and the commits beside them", () => {
    expect(named("gateway.batch")).toHaveLength(1);
    expect(transactionsOf(named("analyzer.batch"))).toBe(TRANSFERS);
    const blocks = new Set(named("framer.frame").map((span) => span.attributes["block"]));
    const commits = named("shard.commit");
    for (const block of blocks)
      expect(
        new Set(commits.filter((span) => span.attributes["block"] === block).map((span) => span.instance)),
      ).toEqual(new Set(["state-shard-0", "state-shard-1"]));
    for (const span of collector.spans) expect(span.endNs).toBeGreaterThanOrEqual(span.startNs);
  });

  it("shows metrics of every service", () => {
    expect(pages.size).toBe(services);
    const names = [...pages.values()].flatMap((page) =>
      [...page.keys()].filter((name) => name.startsWith("velarium_")),
    );
    for (const page of pages.values())
      expect([...page.keys()].some((name) => name.startsWith("velarium_"))).toBe(true);
    for (const kind of ["gateway", "analyzer", "framer", "scheduler", "executor", "state_shard"])
      expect(names.some((name) => name.startsWith(`velarium_${kind}_`))).toBe(true);
  });
});

it("traces no frame of a cluster whose ratio is 0", async () => {
  const collector = await OtlpCollector.start();
  await spansOfTransfers(collector, "embedded", 0, async () => {});
  expect(collector.spans).toEqual([]);
  await collector.stop();
}, 180_000);
