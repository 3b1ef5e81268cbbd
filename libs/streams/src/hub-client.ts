import { dial, type PackedStream, type RpcConnection, RpcError } from "@velarium/rpc";
import {
  ClientOp,
  decodeAcks,
  decodeInfo,
  decodeNotice,
  decodeRecords,
  encodeClient,
  encodeConsume,
  HubOp,
  HubStatus,
} from "./hub-protocol.ts";
import {
  type Consumption,
  checkAppend,
  DEFAULT_MAX_PENDING_BYTES,
  type LogStream,
  type LogStreams,
  StreamError,
  streamName,
} from "./log-stream.ts";
import { Pending } from "./pending.ts";

export interface HubClientOptions {
  /** `host:port` of the process that hosts the `StreamHub`. */
  readonly address: string;
  /** Goes before all names, for example the chain id. */
  readonly prefix: string;
  /** Time to reach the hub at start, ms; 10 000 if left out. */
  readonly timeoutMs?: number;
  readonly maxPendingBytes?: number;
}

const NOTHING = new Uint8Array(0);
const RECONNECT_MS = 200;

/** @throws StreamError `unreachable` */
export async function connectHub(options: HubClientOptions): Promise<LogStreams> {
  try {
    return new HubClient(options, await dial(options.address, { timeoutMs: options.timeoutMs ?? 10_000 }));
  } catch (error) {
    if (error instanceof RpcError && error.code === "unreachable") {
      throw new StreamError("unreachable", `the stream hub does not answer: ${error.message}`);
    }
    throw error;
  }
}

class HubClient implements LogStreams {
  readonly #connection: RpcConnection;
  readonly #prefix: string;
  readonly #pending: Pending;
  readonly #subscribers = new Map<string, Set<(bytes: Uint8Array) => void>>();
  #stream: PackedStream;
  #closed = false;

  constructor(options: HubClientOptions, connection: RpcConnection) {
    this.#connection = connection;
    this.#prefix = options.prefix;
    this.#pending = new Pending(options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES);
    this.#stream = this.#connect();
  }

  #connect(): PackedStream {
    const stream = this.#connection.openStream("StreamHub", "Append");
    stream.onClose(() => {
      const closed = this.#closed;
      this.#pending.failAll(
        new StreamError(closed ? "closed" : "disconnected", "the stream hub went away before it answered"),
      );
      if (!closed) this.#reconnect();
    });
    stream.onMessage((bytes) => {
      if (bytes[0] === HubOp.acks) decodeAcks(bytes, this.#acknowledged);
      else if (bytes[0] === HubOp.notice) {
        const { subject, body } = decodeNotice(bytes);
        for (const listener of this.#subscribers.get(subject) ?? []) listener(body);
      }
    });
    for (const subject of this.#subscribers.keys()) this.#subscribe(stream, subject);
    return stream;
  }

  #reconnect(): void {
    setTimeout(() => {
      if (this.#closed) return;
      this.#connection.ready(5000).then(
        () => {
          if (!this.#closed) this.#stream = this.#connect();
        },
        () => this.#reconnect(),
      );
    }, RECONNECT_MS).unref();
  }

  readonly #acknowledged = (id: number, status: number, sequence: number): void => {
    if (status === HubStatus.ok) this.#pending.settle(id, sequence);
    else if (status === HubStatus.mismatch) {
      this.#pending.fail(id, new StreamError("sequence-mismatch", `the last sequence is ${sequence}`));
    } else this.#pending.fail(id, new StreamError("full", "the stream is full"));
  };

  #request(op: number, number: number, name: string, body: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(new StreamError("closed", "the stream client is closed"));
    return this.#pending.request(body.length, (id) => {
      this.#stream.send(encodeClient(op, id, number, name, body));
    });
  }

  async open(name: string): Promise<LogStream> {
    const full = streamName(this.#prefix, name);
    const append = (bytes: Uint8Array, expected: number): Promise<number> => {
      try {
        checkAppend(bytes);
      } catch (error) {
        return Promise.reject(error);
      }
      return this.#request(ClientOp.append, expected, full, bytes);
    };
    return {
      name: full,
      append: (bytes) => append(bytes, -1),
      appendExpecting: (bytes, lastSequence) => append(bytes, lastSequence),
      consume: (from, onMessage, onError) => this.#consume(full, from, onMessage, onError),
      info: async () => decodeInfo(await this.#connection.call("StreamHub", "Info", Buffer.from(full))),
      trim: async (below) => void (await this.#request(ClientOp.trim, below, full, NOTHING)),
    };
  }

  #consume(
    name: string,
    from: number,
    onMessage: (sequence: number, bytes: Uint8Array) => void,
    onError?: (error: StreamError) => void,
  ): Consumption {
    let next = Math.max(1, from);
    let begun = false;
    let state: "running" | "paused" | "stopped" = "running";
    let stream: PackedStream | undefined;
    const end = (): void => {
      state = "stopped";
      stream?.close();
    };
    const start = (): void => {
      if (state !== "running" || this.#closed) return;
      const current = this.#connection.openServerStream("StreamHub", "Consume", encodeConsume(name, next));
      stream = current;
      current.onClose(() => {
        if (stream === current && state === "running" && !this.#closed)
          setTimeout(start, RECONNECT_MS).unref();
      });
      current.onMessage((bytes) =>
        decodeRecords(bytes, (sequence, body) => {
          // After a pause inside a message the rest of it comes again with the next request.
          if (stream !== current || state !== "running" || sequence < next) return;
          if (sequence > next && begun) {
            end();
            onError?.(new StreamError("trimmed", `${name}: ${next} was trimmed before it was read`));
            return;
          }
          begun = true;
          next = sequence + 1;
          onMessage(sequence, body);
        }),
      );
    };
    start();
    return {
      stop: end,
      pause: () => {
        if (state !== "running") return;
        state = "paused";
        const current = stream;
        stream = undefined;
        current?.close();
      },
      resume: () => {
        if (state !== "paused") return;
        state = "running";
        start();
      },
    };
  }

  #subscribe(stream: PackedStream, subject: string): void {
    if (!stream.isClosed) stream.send(encodeClient(ClientOp.subscribe, 0, 0, subject, NOTHING));
  }

  readonly notices = {
    publish: (subject: string, bytes: Uint8Array): void => {
      if (this.#closed || this.#stream.isClosed || this.#stream.congested) return;
      this.#stream.send(encodeClient(ClientOp.publish, 0, 0, `${this.#prefix}.${subject}`, bytes));
    },
    subscribe: (subject: string, onNotice: (bytes: Uint8Array) => void): (() => void) => {
      const full = `${this.#prefix}.${subject}`;
      let listeners = this.#subscribers.get(full);
      if (!listeners) {
        this.#subscribers.set(full, (listeners = new Set()));
        this.#subscribe(this.#stream, full);
      }
      listeners.add(onNotice);
      return () => {
        listeners.delete(onNotice);
        if (listeners.size > 0 || this.#subscribers.get(full) !== listeners) return;
        this.#subscribers.delete(full);
        if (!this.#stream.isClosed) {
          this.#stream.send(encodeClient(ClientOp.unsubscribe, 0, 0, full, NOTHING));
        }
      };
    },
  };

  async close(): Promise<void> {
    this.#closed = true;
    this.#pending.failAll(new StreamError("closed", "the stream client was closed"));
    this.#connection.close();
  }
}
