import pino, { type DestinationStream, type Logger } from "pino";

export type { Logger } from "pino";
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  readonly name: string;
  readonly level?: LogLevel;
  /** `json`: one object per line; `text`: for people. By default text on a terminal, else JSON. */
  readonly format?: "json" | "text";
  /** Where lines go; standard error if left out (standard output is for results). */
  readonly write?: (line: string) => void;
}

/** A pino logger. Writes synchronously, so that the last lines before an exit are not lost. */
export function createLogger(options: LoggerOptions): Logger {
  const text = (options.format ?? (process.stderr.isTTY ? "text" : "json")) === "text";
  const write = options.write;
  const sink: DestinationStream = write ? { write } : pino.destination({ dest: 2, sync: true });
  const destination = text ? { write: (line: string) => void sink.write(readable(line)) } : sink;
  return pino(
    {
      name: options.name,
      level: options.level ?? "info",
      base: { name: options.name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/** `12:00:01.123 INFO  framer  listening  port=7001` */
function readable(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { level, time, name, msg, pid: _, err, ...rest } = record;
  const fields = Object.entries(rest)
    .map(([k, v]) => `  ${k}=${typeof v === "string" ? v : JSON.stringify(v)}`)
    .join("");
  const stack = (err as { stack?: string } | undefined)?.stack;
  const clock = String(time).slice(11, 23);
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${name}  ${msg ?? ""}${fields}${stack === undefined ? "" : `\n${stack}`}\n`;
}
