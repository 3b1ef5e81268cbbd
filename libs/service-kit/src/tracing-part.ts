/** Tracing as a part of a service: on from its start when an endpoint is configured, flushed at its end. */
import type { Lifecycle } from "./lifecycle.ts";
import { createTracing, DISABLED, type Tracing } from "./tracing.ts";

export interface TracingSettings {
  /** Off without one. */
  readonly otlpEndpoint?: string | undefined;
  readonly traceRatio?: number;
}

/** A collector that does not answer must not keep a service from ending. */
const FLUSH_MS = 2000;

/** Call before other parts are added, so that the spans of their last work still get out. */
export function addTracing(
  lifecycle: Lifecycle,
  service: string,
  settings: TracingSettings,
  instance?: string,
): Tracing {
  const { otlpEndpoint: endpoint, traceRatio: sampleRatio = 1 } = settings;
  if (endpoint === undefined || endpoint === "") return DISABLED;
  let tracing = DISABLED;
  const stop = (): Promise<void> => Promise.race([tracing.stop(), pause(FLUSH_MS)]);
  lifecycle.add({
    name: "tracing",
    start: async () => {
      tracing = await createTracing({ service, instance, endpoint, sampleRatio });
    },
    stop,
  });
  return {
    enabled: true,
    frameSpan: (name, traceparent, startMs) => tracing.frameSpan(name, traceparent, startMs),
    stop,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
