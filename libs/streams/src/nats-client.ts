import {
  type ConsumerMessages,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { createInbox, headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { NatsConnectionImpl } from "@nats-io/nats-core/internal";
import {
  type Consumption,
  checkAppend,
  DEFAULT_MAX_PENDING_BYTES,
  type LogStream,
  type LogStreams,
  MAX_APPEND_BYTES,
  StreamError,
  streamName,
} from "./log-stream.ts";
import { publishInPlace, useJoiningTransport } from "./nats-transport.ts";
import { Pending } from "./pending.ts";

export interface NatsClientOptions {
  /** `nats://host:port`, one or several. */
  readonly servers: string | readonly string[];
  /** Goes before all names, for example the chain id. */
  readonly prefix: string;
  /** Time to reach a server at start, ms; 15 000 if left out. */
  readonly timeoutMs?: number;
  readonly maxPendingBytes?: number;
  /** Default size of a stream, bytes; 4 GiB if left out. */
  readonly maxStreamBytes?: number;
  /** Shown in the server's list of connections. */
  readonly clientName?: string;
}

const RETRY_MS = 250;
/**
 * Messages that a consumer asks for ahead; with the limit of a message, 29 MB at the most. A bound in bytes would be tighter,
 * but server 2.9 ends such a request early without saying how much of it is left, and the client then waits until the
 * request expires.
 */
const PREFETCH_MESSAGES = 32;
/** A request for messages is renewed after this time at the latest: what a lost one costs. */
const PULL_EXPIRES_MS = 5_000;
/** JetStream error numbers. */
const WRONG_LAST_SEQUENCE = 10071;
const FULL = new Set([10077, 10047, 10122]);

/** @throws StreamError `unreachable` */
export async function connectNats(options: NatsClientOptions): Promise<LogStreams> {
  const servers = typeof options.servers === "string" ? [options.servers] : [...options.servers];
  const timeoutMs = options.timeoutMs ?? 15_000;
  const until = Date.now() + timeoutMs;
  let last: unknown;
  useJoiningTransport();
  do {
    let connection: NatsConnection | undefined;
    try {
      connection = await NatsConnectionImpl.connect({
        servers,
        name: options.clientName ?? "velarium",
        timeout: Math.max(250, Math.min(2000, until - Date.now())),
        maxReconnectAttempts: -1,
        reconnectTimeWait: RETRY_MS,
        pingInterval: 10_000,
        maxPingOut: 2,
      });
      const manager = await jetstreamManager(connection, { timeout: 5000 });
      return new NatsClient(options, connection, manager);
    } catch (error) {
      last = error;
      await connection?.close();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  } while (Date.now() < until);
  const why = last instanceof Error ? last.message : String(last);
  throw new StreamError(
    "unreachable",
    `NATS with JetStream does not answer at ${servers.join(", ")} within ${timeoutMs} ms (${why}); start nats-server -js there, or use the embedded streams`,
  );
}

class NatsClient implements LogStreams {
  readonly #nats: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #jetstream: JetStreamClient;
  readonly #options: NatsClientOptions;
  readonly #pending: Pending;
  readonly #inbox = createInbox();
  #closed = false;

  constructor(options: NatsClientOptions, nats: NatsConnection, manager: JetStreamManager) {
    this.#options = options;
    this.#nats = nats;
    this.#manager = manager;
    this.#jetstream = jetstream(nats);
    this.#pending = new Pending(options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES);
    // One subscription takes all acknowledgements: the library's publish makes several promises a message.
    nats.subscribe(`${this.#inbox}.*`, {
      callback: (_, message) => this.#acknowledged(message),
    });
    void this.#watch();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#nats.status()) {
      if (status.type === "disconnect") {
        this.#pending.failAll(
          new StreamError("disconnected", "the connection to NATS went before it answered"),
        );
      }
    }
  }

  #acknowledged(message: Msg): void {
    const id = Number(message.subject.slice(this.#inbox.length + 1));
    if (message.data.length === 0) {
      this.#pending.fail(id, new StreamError("server", "no stream takes this subject (was it deleted?)"));
      return;
    }
    const reply = message.json<{ seq?: number; error?: { err_code?: number; description?: string } }>();
    if (reply.error === undefined) {
      this.#pending.settle(id, reply.seq ?? 0);
      return;
    }
    const number = reply.error.err_code ?? 0;
    const code = number === WRONG_LAST_SEQUENCE ? "sequence-mismatch" : FULL.has(number) ? "full" : "server";
    this.#pending.fail(id, new StreamError(code, reply.error.description ?? `JetStream error ${number}`));
  }

  #append(subject: string, bytes: Uint8Array, expected: number): Promise<number> {
    if (this.#closed) return Promise.reject(new StreamError("closed", "the stream client is closed"));
    try {
      checkAppend(bytes);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#pending.request(bytes.length, (id) => {
      const reply = `${this.#inbox}.${id}`;
      if (expected < 0) {
        publishInPlace(this.#nats, subject, reply, bytes);
        return;
      }
      const h = headers();
      h.set("Nats-Expected-Last-Sequence", String(expected));
      this.#nats.publish(subject, bytes, { reply, headers: h });
    });
  }

  async open(name: string, options: { readonly maxBytes?: number } = {}): Promise<LogStream> {
    const full = streamName(this.#options.prefix, name);
    const subject = `${full}.log`;
    const config = {
      name: full,
      subjects: [subject],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      // Never drop what was acknowledged: refuse new messages when full.
      discard: DiscardPolicy.New,
      max_bytes: options.maxBytes ?? this.#options.maxStreamBytes ?? 4 * 1024 ** 3,
      max_msg_size: MAX_APPEND_BYTES + 4096,
    };
    try {
      await this.#manager.streams.info(full).catch(() => this.#manager.streams.add(config));
    } catch (error) {
      throw new StreamError("server", `cannot create the stream ${full}: ${(error as Error).message}`);
    }
    return {
      name: full,
      append: (bytes) => this.#append(subject, bytes, -1),
      appendExpecting: (bytes, lastSequence) => this.#append(subject, bytes, lastSequence),
      consume: (from, onMessage, onError) => this.#consume(full, from, onMessage, onError),
      info: async () => {
        const { state } = await this.#manager.streams.info(full);
        // An empty stream reports first 0 (new) or last + 1 (trimmed).
        return { first: state.messages === 0 ? state.last_seq + 1 : state.first_seq, last: state.last_seq };
      },
      trim: async (belowSequence) => {
        const { state } = await this.#manager.streams.info(full);
        const seq = Math.min(belowSequence, state.last_seq + 1);
        if (seq > 1) await this.#manager.streams.purge(full, { seq });
      },
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
    // Each start has a number; what an older one still delivers is ignored and asked for again.
    let run = 0;
    let messages: ConsumerMessages | undefined;
    const halt = (as: "paused" | "stopped"): void => {
      state = as;
      run++;
      messages?.stop();
      messages = undefined;
    };
    const start = async (): Promise<void> => {
      const mine = ++run;
      try {
        const consumer = await this.#jetstream.consumers.get(name, {
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq: next,
        });
        if (mine !== run) return;
        const current = await consumer.consume({
          max_messages: PREFETCH_MESSAGES,
          expires: PULL_EXPIRES_MS,
          callback: (message) => {
            const sequence = message.seq;
            if (mine !== run || sequence < next) return;
            if (sequence > next && begun) {
              halt("stopped");
              onError?.(new StreamError("trimmed", `${name}: ${next} was trimmed before it was read`));
              return;
            }
            begun = true;
            next = sequence + 1;
            onMessage(sequence, message.data);
          },
        });
        if (mine !== run) {
          current.stop();
          return;
        }
        messages = current;
        await current.closed();
      } catch {
        // Not reachable now, or the stream is being recreated: again below.
      }
      if (mine === run && state === "running" && !this.#closed) {
        setTimeout(() => {
          if (mine === run && state === "running" && !this.#closed) void start();
        }, RETRY_MS).unref();
      }
    };
    void start();
    return {
      stop: () => halt("stopped"),
      pause: () => {
        if (state === "running") halt("paused");
      },
      resume: () => {
        if (state !== "paused") return;
        state = "running";
        void start();
      },
    };
  }

  readonly notices = {
    publish: (subject: string, bytes: Uint8Array): void => {
      // The library keeps what it cannot send in memory; a notice may be lost, so it is dropped instead.
      if (!this.#closed) this.#nats.publish(`${this.#options.prefix}.notice.${subject}`, bytes.slice());
    },
    subscribe: (subject: string, onNotice: (bytes: Uint8Array) => void): (() => void) => {
      const subscription = this.#nats.subscribe(`${this.#options.prefix}.notice.${subject}`, {
        callback: (error, message) => {
          if (!error) onNotice(message.data);
        },
      });
      return () => subscription.unsubscribe();
    },
  };

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending.failAll(new StreamError("closed", "the stream client was closed"));
    await this.#nats.close();
  }
}
