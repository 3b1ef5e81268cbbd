import type {
  ClientDuplexStream,
  ClientReadableStream,
  ServerDuplexStream,
  ServerWritableStream,
} from "@grpc/grpc-js";
import { Metadata, status } from "@grpc/grpc-js";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./channel-options.ts";
import { ERROR_CODE_HEADER, RpcError, rpcCodeToStatus, statusToRpcError } from "./error.ts";
import { decodePacked, encodePacked, wrapPacked } from "./packed.ts";

export interface PackedStreamOptions {
  /** Bound on bytes given to `send` and not yet taken by the socket; 64 MiB if left out. Beyond it `send` throws `overloaded`. */
  readonly maxBufferedBytes?: number;
  /** `send` returns false above this, and `onDrain` fires once it is down to half; 4 MiB if left out. */
  readonly highWaterBytes?: number;
  /** Longest message `send` takes, in bytes; 64 MiB if left out. */
  readonly maxMessageBytes?: number;
  /** Metric hook: `send` has refused a message of so many bytes. */
  readonly onOverload?: (bytes: number) => void;
  /** For who keeps the set of open streams: called once, before `onClose`. */
  readonly onEnded?: (stream: PackedStream) => void;
}

/** How long `close` waits for the other side to end the call in good order, ms. */
const CLOSE_TIMEOUT_MS = 5000;

/** The parts of the four grpc-js stream classes that are used here. */
export type GrpcCall =
  | ClientDuplexStream<Buffer, Buffer>
  | ClientReadableStream<Buffer>
  | ServerDuplexStream<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>;

interface AnyCall {
  on(event: string, listener: (arg: never) => void): unknown;
  emit(event: string, arg: unknown): boolean;
  write?(chunk: Buffer, written: (error?: Error | null) => void): boolean;
  end?(): void;
  pause?(): void;
  resume?(): void;
  cancel?(): void;
  readonly cancelled?: boolean;
}

/**
 * One bidirectional stream of packed batches, the same on both sides. Callbacks, not promises: a
 * message costs one buffer and no closure.
 *
 * Rules: reading begins with `onMessage` (before that, flow control holds the other side back), so set
 * `onClose` first and `onMessage` last. `send` copies, so the caller may reuse its buffer at once.
 * Messages arrive in the order sent. `onClose` fires exactly once, without an error when either side
 * has closed in good order. A close from one side closes both, after what was sent before is flushed.
 */
export class PackedStream {
  /** Address of the other side, for logs. */
  readonly peer: string;
  /** Headers that the side which opened the stream has sent with it (lower-case names). */
  readonly headers: Readonly<Record<string, string>>;
  readonly #call: AnyCall;
  readonly #isServer: boolean;
  readonly #maxBuffered: number;
  readonly #highWater: number;
  readonly #maxMessage: number;
  readonly #onOverload: ((bytes: number) => void) | undefined;
  readonly #onEnded: ((stream: PackedStream) => void) | undefined;
  #buffered = 0;
  #congested = false;
  #closing = false;
  #closed = false;
  #reading = false;
  #error: RpcError | undefined;
  #closeTimer: NodeJS.Timeout | undefined;
  // Lengths of the writes in progress, oldest first: writes complete in order, so one shared callback
  // and this ring replace a closure per message.
  #lengths = new Uint32Array(64);
  #head = 0;
  #tail = 0;
  #message: ((bytes: Uint8Array) => void) | undefined;
  #close: ((error?: RpcError) => void) | undefined;
  #drain: (() => void) | undefined;

  constructor(
    call: GrpcCall,
    side: "client" | "server",
    peer: string,
    headers: Readonly<Record<string, string>>,
    options: PackedStreamOptions = {},
  ) {
    this.#call = call as unknown as AnyCall;
    this.#isServer = side === "server";
    this.peer = peer;
    this.headers = headers;
    this.#maxBuffered = options.maxBufferedBytes ?? 64 * 1024 * 1024;
    this.#highWater = options.highWaterBytes ?? 4 * 1024 * 1024;
    this.#maxMessage = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#onOverload = options.onOverload;
    this.#onEnded = options.onEnded;
    const on = this.#call.on.bind(this.#call);
    if (this.#isServer) {
      // A reset stream ends like a finished one and is marked as cancelled just after: look again then.
      on("end", () => setImmediate(() => this.#peerEnded()));
      on("cancelled", () =>
        this.#finish(this.#closing ? undefined : new RpcError("connection-lost", `${peer} went away`)),
      );
      // 'finish' comes when all writes and the final status have been handed to HTTP/2.
      on("finish", () => this.#finish(undefined));
      on("error", () => {});
    } else {
      on("status", (s: { code: number; details: string; metadata: Metadata }) => {
        const error = statusToRpcError(s.code, s.details, s.metadata.get(ERROR_CODE_HEADER)[0]?.toString());
        this.#finish(this.#closing && s.code === status.CANCELLED ? undefined : error);
      });
      on("error", () => {}); // the same as 'status', which always follows
    }
  }

  /** Bytes given to `send` that the socket has not taken yet. */
  get bufferedBytes(): number {
    return this.#buffered;
  }

  /** Whether more is buffered than `highWaterBytes`; `onDrain` tells when that is over. */
  get congested(): boolean {
    return this.#congested;
  }

  get isClosed(): boolean {
    return this.#closing || this.#closed;
  }

  /**
   * Sends one batch; returns false when the caller should wait for `onDrain` before it sends more.
   * @throws RpcError `closed`, `too-large`, or `overloaded` (nothing was sent; the stream stays usable)
   */
  send(bytes: Uint8Array): boolean {
    return this.#send(bytes, false);
  }

  /** `send` of a message that `encode` of libs/columns has made and that nobody changes any more: it is not copied. */
  give(bytes: Uint8Array): boolean {
    return this.#send(bytes, true);
  }

  #send(bytes: Uint8Array, isGiven: boolean): boolean {
    if (this.#closing || this.#closed || !this.#call.write) {
      throw this.#error ?? new RpcError("closed", `the stream to ${this.peer} is closed for sending`);
    }
    const n = bytes.length;
    if (n > this.#maxMessage) {
      throw new RpcError("too-large", `message of ${n} bytes is above the limit of ${this.#maxMessage}`);
    }
    // One message is always admitted, so that a bound below the message size cannot stop the stream.
    if (this.#buffered > 0 && this.#buffered + n > this.#maxBuffered) {
      this.#onOverload?.(n);
      throw new RpcError(
        "overloaded",
        `${this.#buffered} bytes to ${this.peer} are unsent; ${n} more would pass the limit of ${this.#maxBuffered}`,
      );
    }
    this.#pushLength(n);
    this.#buffered += n;
    if (this.#buffered > this.#highWater) this.#congested = true;
    this.#call.write((isGiven ? wrapPacked(bytes) : undefined) ?? encodePacked(bytes), this.#written);
    return !this.#congested;
  }

  /** Receives every batch; the view stays valid, but may have any alignment. Starts the reading. */
  onMessage(callback: (bytes: Uint8Array) => void): void {
    this.#message = callback;
    if (this.#reading) return;
    this.#reading = true;
    this.#call.on("data", (message: Buffer) => {
      let batch: Uint8Array;
      try {
        batch = decodePacked(message);
      } catch (error) {
        this.abort(error as RpcError);
        return;
      }
      if (!this.#closed) this.#message!(batch);
    });
  }

  /** Called once; late registration still gets the call. */
  onClose(callback: (error?: RpcError) => void): void {
    this.#close = callback;
    if (this.#closed) queueMicrotask(() => callback(this.#error));
  }

  /** Called each time the backlog has fallen to half of `highWaterBytes` after being above it. */
  onDrain(callback: () => void): void {
    this.#drain = callback;
  }

  /** Stops reading: flow control then holds the other side back. */
  pause(): void {
    if (this.#reading) this.#call.pause?.();
  }

  resume(): void {
    if (this.#reading) this.#call.resume?.();
  }

  /** Flushes what was sent, then closes both directions. Idempotent. */
  close(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    if (this.#call.end) this.#call.end();
    else this.#call.cancel?.();
    if (this.#isServer) return;
    if (!this.#reading) this.onMessage(() => {}); // the final status comes after the last message
    this.#closeTimer = setTimeout(() => this.#call.cancel?.(), CLOSE_TIMEOUT_MS);
    this.#closeTimer.unref();
  }

  /** Ends the stream at once, with `error` to this side and, from a server, to the other. */
  abort(error: RpcError): void {
    if (this.#closed) return;
    this.#closing = true;
    if (this.#isServer) {
      const metadata = new Metadata();
      metadata.set(ERROR_CODE_HEADER, error.remoteCode ?? error.code);
      this.#call.emit("error", { code: rpcCodeToStatus(error.code), details: error.message, metadata });
    } else this.#call.cancel?.();
    this.#finish(error);
  }

  readonly #written = (error?: Error | null): void => {
    const n = this.#lengths[this.#head & (this.#lengths.length - 1)]!;
    this.#head++;
    this.#buffered -= n;
    if (error || this.#closed) return;
    if (this.#congested && this.#buffered <= this.#highWater / 2) {
      this.#congested = false;
      this.#drain?.();
    }
  };

  #pushLength(n: number): void {
    if (this.#tail - this.#head === this.#lengths.length) {
      const grown = new Uint32Array(this.#lengths.length * 2);
      const mask = this.#lengths.length - 1;
      for (let i = this.#head, j = 0; i < this.#tail; i++, j++) grown[j] = this.#lengths[i & mask]!;
      this.#tail -= this.#head;
      this.#head = 0;
      this.#lengths = grown;
    }
    this.#lengths[this.#tail & (this.#lengths.length - 1)] = n;
    this.#tail++;
  }

  /** The opener has closed: flush our side, which sends the final status. */
  #peerEnded(): void {
    if (this.#closing || this.#closed) return;
    if (this.#call.cancelled) {
      this.#finish(new RpcError("connection-lost", `${this.peer} went away`));
      return;
    }
    this.#closing = true;
    this.#call.end?.();
  }

  #finish(error: RpcError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing = true;
    this.#error = error;
    clearTimeout(this.#closeTimer);
    this.#onEnded?.(this);
    this.#close?.(error);
  }
}
