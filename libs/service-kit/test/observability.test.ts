import { describe, expect, it } from "@jest/globals";
import {
  createLogger,
  createMetricRegistry,
  createTracing,
  defineMetrics,
  formatTraceparent,
  type LifecycleState,
  parseTraceparent,
  serveObservability,
  traceparentToBytes,
} from "../src/index.ts";

describe("metrics", () => {
  it("serves typed metrics, process defaults and health over HTTP", async () => {
    const registry = createMetricRegistry({ service: "framer" });
    let depth = 3;
    const metrics = defineMetrics(registry, {
      frames: { kind: "counter", name: "velarium_framer_frames_total", help: "Frames.", labels: ["reason"] },
      pool: { kind: "gauge", name: "velarium_framer_pool", help: "Pool.", collect: () => depth },
      bytes: { kind: "histogram", name: "velarium_framer_frame_bytes", help: "Size.", buckets: [10, 100] },
    });
    metrics.frames.inc({ reason: "size" }, 2);
    metrics.bytes.observe(50);
    depth = 4;
    let state: LifecycleState = "starting";
    const server = await serveObservability({ port: 0, registry, state: () => state });
    try {
      const get = async (path: string) => {
        const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
        return { status: response.status, text: await response.text() };
      };
      const { text } = await get("/metrics");
      expect(text).toContain('velarium_framer_frames_total{reason="size",service="framer"} 2');
      expect(text).toContain('velarium_framer_pool{service="framer"} 4');
      expect(text).toContain('velarium_framer_frame_bytes_bucket{le="100",service="framer"} 1');
      expect(text).toContain("process_cpu_seconds_total");
      expect(await get("/healthz")).toMatchObject({ status: 200 });
      expect(await get("/readyz")).toMatchObject({ status: 503 });
      state = "ready";
      expect(await get("/readyz")).toMatchObject({ status: 200 });
      state = "failed";
      expect(await get("/healthz")).toMatchObject({ status: 503 });
      expect(await get("/nothing")).toMatchObject({ status: 404 });
      await expect(
        serveObservability({ port: server.port, registry, state: () => state }),
      ).rejects.toMatchObject({
        code: "port",
      });
    } finally {
      await server.stop();
    }
  });
});

describe("logger", () => {
  it("writes JSON for machines and one line for people, above its level", () => {
    const lines: string[] = [];
    const json = createLogger({ name: "framer", level: "info", format: "json", write: (l) => lines.push(l) });
    json.debug("hidden");
    json.info({ port: 7 }, "listening");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: "info", name: "framer", port: 7, msg: "listening" });
    createLogger({ name: "framer", format: "text", write: (l) => lines.push(l) }).warn(
      { port: 7 },
      "listening",
    );
    expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}framer {2}listening {2}port=7\n$/);
  });
});

describe("tracing", () => {
  it("costs nothing when off", async () => {
    const off = await createTracing({ service: "framer" });
    expect(off.enabled).toBe(false);
    expect(off.frameSpan("a")).toBe(off.frameSpan("b"));
    expect(off.frameSpan("a").traceparent).toBe("");
  });

  it("continues a trace over a traceparent given as text or bytes", async () => {
    interface Finished {
      name: string;
      parentSpanContext?: { spanId: string };
      spanContext(): { traceId: string; spanId: string };
      attributes: Record<string, unknown>;
    }
    const spans: Finished[] = [];
    const exporter = {
      export(batch: Finished[], done: (r: { code: number }) => void) {
        spans.push(...batch);
        done({ code: 0 });
      },
      shutdown: async () => {},
    };
    const tracing = await createTracing({ service: "framer", exporter });
    const first = tracing.frameSpan("framer.frame");
    first.setAttribute("transactions", 512);
    const second = tracing.frameSpan("scheduler.frame", traceparentToBytes(first.traceparent));
    second.end();
    first.end();
    const unsampled = tracing.frameSpan(
      "framer.frame",
      formatTraceparent("a".repeat(32), "b".repeat(16), false),
    );
    expect(parseTraceparent(unsampled.traceparent)).toMatchObject({
      traceId: "a".repeat(32),
      sampled: false,
    });
    unsampled.end();
    await tracing.stop();
    expect(spans.map((s) => s.name)).toEqual(["scheduler.frame", "framer.frame"]);
    const [child, parent] = spans;
    expect(child!.spanContext().traceId).toBe(parent!.spanContext().traceId);
    expect(child!.parentSpanContext?.spanId).toBe(parent!.spanContext().spanId);
    expect(parent!.attributes).toEqual({ transactions: 512 });
  });

  it("refuses what is not a traceparent", () => {
    const good = formatTraceparent("1".repeat(32), "2".repeat(16), true);
    expect(parseTraceparent(good)).toEqual({
      traceId: "1".repeat(32),
      spanId: "2".repeat(16),
      sampled: true,
    });
    for (const bad of [
      "",
      "x",
      `${good}-more`,
      good.replace(/^00/, "ff"),
      good.replaceAll("1", "0"),
      good.toUpperCase().replaceAll("1", "A"),
    ]) {
      expect(parseTraceparent(bad)).toBeUndefined();
    }
  });
});
