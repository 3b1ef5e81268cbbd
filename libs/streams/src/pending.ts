import { StreamError } from "./log-stream.ts";

interface Waiting {
  readonly bytes: number;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: StreamError) => void;
}

/** Requests without an answer yet: one promise each, bounded in bytes. */
export class Pending {
  readonly #maxBytes: number;
  readonly #waiting = new Map<number, Waiting>();
  #bytes = 0;
  #next = 1;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Calls `send` with a request number, at once; the promise settles by `settle`, `fail` or `failAll`. */
  request(bytes: number, send: (id: number) => void): Promise<number> {
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      const text = `${this.#bytes} bytes wait for acknowledgement; ${bytes} more would pass ${this.#maxBytes}`;
      return Promise.reject(new StreamError("overloaded", text));
    }
    return new Promise((resolve, reject) => {
      const id = this.#next;
      this.#next = id === 0xffffffff ? 1 : id + 1;
      this.#waiting.set(id, { bytes, resolve, reject });
      this.#bytes += bytes;
      try {
        send(id);
      } catch (error) {
        this.fail(id, error instanceof StreamError ? error : new StreamError("disconnected", String(error)));
      }
    });
  }

  settle(id: number, sequence: number): void {
    this.#take(id)?.resolve(sequence);
  }

  fail(id: number, error: StreamError): void {
    this.#take(id)?.reject(error);
  }

  failAll(error: StreamError): void {
    for (const id of [...this.#waiting.keys()]) this.fail(id, error);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting) {
      this.#waiting.delete(id);
      this.#bytes -= waiting.bytes;
    }
    return waiting;
  }
}
