export { accountBuffersWithHeap } from "./buffer-accounting.ts";
export { exitCodeOf, KitError, type KitErrorCode } from "./error.ts";
export { type ObservabilityServer, type ObservabilityServerOptions, serveObservability } from "./http.ts";
export { Lifecycle, type LifecycleOptions, type LifecycleState, type Part } from "./lifecycle.ts";
export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions, type LogLevel } from "./logger.ts";
export {
  type RunMainOptions,
  type RunnableService,
  runMain,
  type ServiceContext,
  serviceOptions,
} from "./main.ts";
export {
  createMetricRegistry,
  defineMetrics,
  type MetricDefinition,
  type MetricRegistryOptions,
  type Metrics,
} from "./metrics.ts";
export {
  defineOptions,
  environmentNameOf,
  flagOf,
  type OptionDefinition,
  type OptionDefinitions,
  type OptionSource,
  type OptionsSchema,
  type OptionValues,
  type ParsedOptions,
  type ParseInput,
} from "./options.ts";
export {
  createTracing,
  type FrameSpan,
  formatTraceparent,
  type ParsedTraceparent,
  parseTraceparent,
  TRACEPARENT_HEADER,
  type Tracing,
  type TracingOptions,
  traceparentToBytes,
} from "./tracing.ts";
export { addTracing, type TracingSettings } from "./tracing-part.ts";
