/**
 * | code | meaning |
 * |---|---|
 * | `unreachable` | the server did not answer at start; `exitCode` 69 |
 * | `disconnected` | the connection went before the answer came: whether it happened is unknown, so read before repeating |
 * | `sequence-mismatch` | the stream's last sequence is not the expected one; nothing was appended |
 * | `full` | the stream has reached its size; nothing was appended |
 * | `too-large` | a message above the limit; chunk it |
 * | `overloaded` | too much waits for acknowledgement; nothing was sent |
 * | `trimmed` | the wanted sequence exists no more |
 * | `closed` | closed by this side |
 * | `server` | the server refused for another reason |
 */
export type StreamErrorCode =
  | "unreachable"
  | "disconnected"
  | "sequence-mismatch"
  | "full"
  | "too-large"
  | "overloaded"
  | "trimmed"
  | "closed"
  | "server";

export class StreamError extends Error {
  readonly code: StreamErrorCode;
  /** For a process that cannot start without the server (EX_UNAVAILABLE). */
  readonly exitCode: number | undefined;
  constructor(code: StreamErrorCode, message: string) {
    super(message);
    this.name = "StreamError";
    this.code = code;
    this.exitCode = code === "unreachable" ? 69 : undefined;
  }
}

/** Largest message of a stream, bytes: a NATS server takes 1 MiB with its headers by default. */
export const MAX_APPEND_BYTES = 900 * 1024;
/** Bound on bytes that wait for acknowledgement. */
export const DEFAULT_MAX_PENDING_BYTES = 64 * 1024 * 1024;

export interface Consumption {
  stop(): void;
  /** No message is delivered until `resume`; then it continues with the next one. */
  pause(): void;
  resume(): void;
}

/** One durable, totally ordered log. Sequences begin with 1 and have no gaps. */
export interface LogStream {
  readonly name: string;
  /** Appends in the order of the calls, many at once; resolves with the sequence. `bytes` must not change until then. */
  append(bytes: Uint8Array): Promise<number>;
  /** Appends only if the last sequence is `lastSequence` (0: empty); else `sequence-mismatch`. */
  appendExpecting(bytes: Uint8Array, lastSequence: number): Promise<number>;
  /**
   * Delivers every message from `fromSequence` on (or the first one kept, if that is later), in order and without
   * gaps, through reconnections. `onError` (`trimmed`, `server`) ends it.
   */
  consume(
    fromSequence: number,
    onMessage: (sequence: number, bytes: Uint8Array) => void,
    onError?: (error: StreamError) => void,
  ): Consumption;
  /** Sequences of the first and last message kept; when empty, `first` is `last` + 1. */
  info(): Promise<{ first: number; last: number }>;
  /** Deletes messages with sequences below this one. */
  trim(belowSequence: number): Promise<void>;
}

/** Notices that may be lost: for observers, never for correctness. */
export interface NoticeBus {
  publish(subject: string, bytes: Uint8Array): void;
  /** Returns what ends the subscription. */
  subscribe(subject: string, onNotice: (bytes: Uint8Array) => void): () => void;
}

/** A connection to whatever keeps the logs. */
export interface LogStreams {
  /** Opens, and creates if need be, the stream `<prefix>-<name>`. */
  open(name: string, options?: { readonly maxBytes?: number }): Promise<LogStream>;
  readonly notices: NoticeBus;
  close(): Promise<void>;
}

export function checkAppend(bytes: Uint8Array): void {
  if (bytes.length <= MAX_APPEND_BYTES) return;
  throw new StreamError(
    "too-large",
    `a stream message may have ${MAX_APPEND_BYTES} bytes, got ${bytes.length}; split it into chunks`,
  );
}

/** Names that NATS streams, and subjects with one token, allow. */
export function streamName(prefix: string, name: string): string {
  const full = `${prefix}-${name}`;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(full)) {
    throw new StreamError("server", `stream name "${full}": expected 1-64 letters, digits, _ and -`);
  }
  return full;
}
