import {
  type Context,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";

export interface TracingOptions {
  readonly service: string;
  /** Tells services of one kind apart (`service.instance.id`). */
  readonly instance?: string | undefined;
  /** OTLP gRPC endpoint, `http://host:4317`; tracing is off without one. */
  readonly endpoint?: string | undefined;
  /** Share of traces that this service begins, 0..1; 1 if left out. Traces begun elsewhere keep their decision. */
  readonly sampleRatio?: number;
  /** For tests: takes finished spans instead of the OTLP exporter. */
  readonly exporter?: unknown;
}

/** One span per frame and service; never one per transaction (0.6 µs even when not sampled). */
export interface FrameSpan {
  /** W3C traceparent for the next service; empty when not traced. */
  readonly traceparent: string;
  /** False when nothing of it will be exported: do not gather attributes for it. */
  readonly isRecording: boolean;
  setAttribute(name: string, value: string | number | boolean): void;
  fail(error: unknown): void;
  end(): void;
}

export interface Tracing {
  readonly enabled: boolean;
  /** Begins a span, as a child of `traceparent` if there is a valid one. `startMs`: ms since 1970, now if left out. */
  frameSpan(name: string, traceparent?: string | Uint8Array, startMs?: number): FrameSpan;
  /** Exports what is left. */
  stop(): Promise<void>;
}

const OFF: FrameSpan = { traceparent: "", isRecording: false, setAttribute() {}, fail() {}, end() {} };
export const DISABLED: Tracing = { enabled: false, frameSpan: () => OFF, stop: async () => {} };

/** Without an endpoint nothing is loaded and a span is one shared object without effect. */
export async function createTracing(options: TracingOptions): Promise<Tracing> {
  if (options.endpoint === undefined && options.exporter === undefined) return DISABLED;
  const {
    BatchSpanProcessor,
    NodeTracerProvider,
    ParentBasedSampler,
    SimpleSpanProcessor,
    TraceIdRatioBasedSampler,
  } = await import("@opentelemetry/sdk-trace-node");
  const { resourceFromAttributes } = await import("@opentelemetry/resources");
  type Exporter = ConstructorParameters<typeof BatchSpanProcessor>[0];
  let processor: InstanceType<typeof BatchSpanProcessor> | InstanceType<typeof SimpleSpanProcessor>;
  if (options.exporter !== undefined) processor = new SimpleSpanProcessor(options.exporter as Exporter);
  else {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-grpc");
    // 2048 spans wait at most (a frame of 512 transactions at 100 k/s makes 200 a second); more are dropped.
    processor = new BatchSpanProcessor(new OTLPTraceExporter({ url: options.endpoint! }), {
      maxQueueSize: 2048,
    });
  }
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      "service.name": `velarium-${options.service}`,
      "service.namespace": "velarium",
      ...(options.instance === undefined ? {} : { "service.instance.id": options.instance }),
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.sampleRatio ?? 1) }),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("velarium");
  return {
    enabled: true,
    frameSpan: (name, traceparent, startMs) => startSpan(tracer, name, traceparent, startMs),
    stop: () => provider.shutdown(),
  };
}

function startSpan(
  tracer: Tracer,
  name: string,
  traceparent: string | Uint8Array | undefined,
  startTime: number | undefined,
): FrameSpan {
  const options = startTime === undefined ? {} : { startTime };
  const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL, ...options }, parentContext(traceparent));
  return new RecordedFrameSpan(span);
}

class RecordedFrameSpan implements FrameSpan {
  readonly #span: Span;
  readonly traceparent: string;
  readonly isRecording: boolean;
  constructor(span: Span) {
    this.#span = span;
    this.isRecording = span.isRecording();
    const c = span.spanContext();
    this.traceparent = formatTraceparent(c.traceId, c.spanId, (c.traceFlags & TraceFlags.SAMPLED) !== 0);
  }
  setAttribute(name: string, value: string | number | boolean): void {
    this.#span.setAttribute(name, value);
  }
  fail(error: unknown): void {
    this.#span.setStatus({
      code: SpanStatusCode.ERROR,
      message: error instanceof Error ? error.message : String(error),
    });
  }
  end(): void {
    this.#span.end();
  }
}

/** Header under which a traceparent travels in NATS messages and gRPC metadata. */
export const TRACEPARENT_HEADER = "traceparent";

/** `00-<trace id>-<span id>-<flags>` (W3C Trace Context, level 1). */
export function formatTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

export interface ParsedTraceparent {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

/** `undefined` for anything that is not a valid traceparent, as the standard demands. */
export function parseTraceparent(text: string | Uint8Array): ParsedTraceparent | undefined {
  const value = typeof text === "string" ? text : Buffer.from(text).toString("latin1");
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(value);
  if (!match || match[1] === "ff" || (match[1] === "00" && value.length !== 55)) return undefined;
  const [, , traceId, spanId, flags] = match as unknown as [string, string, string, string, string];
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The bytes of a traceparent for a message column; empty for none. */
export const traceparentToBytes = (traceparent: string): Uint8Array => Buffer.from(traceparent, "latin1");

function parentContext(traceparent: string | Uint8Array | undefined): Context {
  const root = context.active();
  if (traceparent === undefined || traceparent.length === 0) return root;
  const parent = parseTraceparent(traceparent);
  if (!parent) return root;
  return trace.setSpanContext(root, {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  });
}
