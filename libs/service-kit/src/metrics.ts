import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** A metric as declared; the key of `defineMetrics` is its name in code, `name` the one on the wire. */
export type MetricDefinition =
  | (MetricBase & { readonly kind: "counter" | "gauge" })
  | (MetricBase & { readonly kind: "histogram"; readonly buckets: readonly number[] });

interface MetricBase {
  /** Snake case with the unit last: `velarium_framer_frame_bytes`; a counter ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** A gauge (or counter) that is read when scraped costs nothing in between. */
  readonly collect?: () => number;
}

type MetricOf<M extends MetricDefinition> = M["kind"] extends "counter"
  ? Counter<LabelOf<M>>
  : M["kind"] extends "gauge"
    ? Gauge<LabelOf<M>>
    : Histogram<LabelOf<M>>;
type LabelOf<M extends MetricDefinition> = M extends { readonly labels: readonly (infer L extends string)[] }
  ? L
  : string;

export type Metrics<D extends Readonly<Record<string, MetricDefinition>>> = {
  readonly [K in keyof D]: MetricOf<D[K]>;
};

export interface MetricRegistryOptions {
  /** Label on every metric. */
  readonly service: string;
  /** CPU, memory, event-loop delay and garbage collection of the process; on if left out. Off for several services in one process. */
  readonly processMetrics?: boolean;
}

/** One registry per service, not the global one: several services may share a process. */
export function createMetricRegistry(options: MetricRegistryOptions): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service });
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  return registry;
}

/** Creates one service's metrics as one typed object. */
export function defineMetrics<const D extends Readonly<Record<string, MetricDefinition>>>(
  registry: Registry,
  definitions: D,
): Metrics<D> {
  const metrics: Record<string, unknown> = {};
  for (const [key, d] of Object.entries(definitions)) {
    const read = d.collect;
    const config = { name: d.name, help: d.help, labelNames: [...(d.labels ?? [])], registers: [registry] };
    if (d.kind === "histogram") {
      metrics[key] = new Histogram({ ...config, buckets: [...d.buckets] });
    } else if (d.kind === "gauge") {
      const set =
        read === undefined
          ? {}
          : {
              collect(this: Gauge) {
                this.set(read());
              },
            };
      metrics[key] = new Gauge({ ...config, ...set });
    } else {
      const set =
        read === undefined
          ? {}
          : {
              collect(this: Counter) {
                this.reset();
                this.inc(read());
              },
            };
      metrics[key] = new Counter({ ...config, ...set });
    }
  }
  return metrics as Metrics<D>;
}
