import { z } from "zod";
import { accountBuffersWithHeap } from "./buffer-accounting.ts";
import { exitCodeOf } from "./error.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from "./logger.ts";
import type { OptionDefinitions, OptionsSchema, OptionValues } from "./options.ts";

/** What a program runs. */
export interface RunnableService {
  readonly lifecycle: Lifecycle;
  /** Addresses by name, known once ready: `{ rpc: "127.0.0.1:7001" }`. */
  endpoints?(): Readonly<Record<string, string>>;
}

export interface ServiceContext<D extends OptionDefinitions> {
  readonly options: OptionValues<D>;
  readonly log: Logger;
}

export interface RunMainOptions<D extends OptionDefinitions> {
  readonly name: string;
  readonly options: OptionsSchema<D>;
  /** Builds the parts; no I/O here, that belongs into their `start`. */
  readonly createService: (context: ServiceContext<D>) => RunnableService | Promise<RunnableService>;
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Options that every service has; spread them into its `defineOptions`. `runMain` reads `logLevel`. */
export const serviceOptions = {
  logLevel: { type: z.enum(LOG_LEVELS), default: "info", doc: "Least severe log lines that are written." },
  host: { type: z.string(), default: "127.0.0.1", doc: "Address to listen on; 0.0.0.0 for all." },
  port: {
    type: z.number().int().min(0).max(65535),
    default: 0,
    doc: "Port of the gRPC server; 0 for any free one.",
  },
  metricsPort: {
    type: z.number().int().min(0).max(65535).optional(),
    default: undefined,
    doc: "Port for /metrics, /healthz and /readyz over HTTP; 0 for any free one.",
  },
  otlpEndpoint: {
    type: z.string().optional(),
    default: undefined,
    doc: "OTLP gRPC endpoint for traces, for example http://localhost:4317.",
  },
  traceRatio: {
    type: z.number().min(0).max(1),
    default: 1,
    doc: "Share of frames that are traced, when tracing is on.",
  },
} as const;

/**
 * The outermost layer of a service process: options, signals, parent, exit code.
 *
 * The first SIGTERM or SIGINT drains and stops, the second ends the process at once. A process started
 * with an IPC channel tells its parent `{ready: true, endpoints}` and stops when the parent is gone.
 * Exit code 0 after a stop, else that of the error (`exitCodeOf`). Does not return before the end.
 */
export async function runMain<D extends OptionDefinitions>(main: RunMainOptions<D>): Promise<void> {
  accountBuffersWithHeap();
  let log: Logger | undefined;
  try {
    const parsed = main.options.parse({
      ...(main.argv ? { argv: main.argv } : {}),
      ...(main.env ? { env: main.env } : {}),
    });
    if (parsed.help) {
      process.stdout.write(main.options.help(`${main.name} [options]`));
      return exit(0);
    }
    const level = (parsed.values as { logLevel?: LogLevel }).logLevel ?? "info";
    log = createLogger({ name: main.name, level });
    const service = await main.createService({ options: parsed.values, log });
    await supervise(main.name, service, log);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (log) log.fatal({ err: error }, message);
    else process.stderr.write(`${main.name}: ${message}\n`);
    return exit(exitCodeOf(error));
  }
}

async function supervise(name: string, service: RunnableService, log: Logger): Promise<void> {
  const { lifecycle } = service;
  let failure: unknown;
  let asked = false;
  const ended = new Promise<void>((resolve) => {
    lifecycle.onChange((state, previous) => {
      log.info({ state, previous }, `${name} is ${state}`);
      if (state === "failed") failure = lifecycle.error;
      // A failure stops the parts by itself; its stop is shared, so this waits for the end of it.
      if (state === "stopped" || state === "failed") setImmediate(() => void lifecycle.stop().then(resolve));
    });
  });
  const stop = (why: string): void => {
    if (asked) {
      log.warn(`${why} again: ending at once`);
      exit(130);
    }
    asked = true;
    log.info(`${why}: draining`);
    void lifecycle.stop();
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "uncaught exception");
    exit(exitCodeOf(error));
  });
  process.on("unhandledRejection", (error) => {
    log.fatal({ err: error }, "unhandled rejection");
    exit(exitCodeOf(error));
  });
  if (process.channel) {
    process.once("disconnect", () => {
      if (!asked) stop("the parent process is gone");
    });
  }
  try {
    await lifecycle.start();
    const endpoints = service.endpoints?.() ?? {};
    log.info({ endpoints }, `${name} is ready`);
    if (process.connected) process.send?.({ ready: true, endpoints });
  } catch (error) {
    // Stopped while it started is an ordinary end; anything else is the failure.
    if (!asked) failure = error;
    await lifecycle.stop();
  }
  await ended;
  if (failure === undefined) return exit(0);
  const message = failure instanceof Error ? failure.message : String(failure);
  log.fatal({ err: failure }, message);
  return exit(exitCodeOf(failure));
}

/** Exits rather than waits for the event loop to empty: a forgotten timer must not keep a stopped service. */
function exit(code: number): never {
  process.exit(code);
}
