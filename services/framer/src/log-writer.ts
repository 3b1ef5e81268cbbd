/** Ordered, pipelined appends to one stream, with a bound on what waits for acknowledgement. */
import type { LogStream } from "@velarium/streams";

export interface LogWriterEvents {
  /** More than the bound waits, or no longer. */
  onCongested(congested: boolean): void;
  /** Nothing more can be appended. */
  onError(error: Error): void;
}

/** Bytes that may wait for acknowledgement before framing pauses: some 150 frames. */
const HIGH_WATER_BYTES = 16 * 1024 * 1024;

export class LogWriter {
  readonly stream: LogStream;
  private readonly events: LogWriterEvents;
  private waiting = 0;
  private last: number;
  private readonly exclusive: boolean;
  private readonly idle: (() => void)[] = [];

  /** `exclusive`: nobody else may append after sequence `last`; a foreign message is an error. */
  constructor(stream: LogStream, last: number, exclusive: boolean, events: LogWriterEvents) {
    this.stream = stream;
    this.last = last;
    this.exclusive = exclusive;
    this.events = events;
  }

  get waitingBytes(): number {
    return this.waiting;
  }

  append(bytes: Uint8Array, stored?: (sequence: number) => void): void {
    const before = this.waiting;
    this.waiting += bytes.length;
    if (before <= HIGH_WATER_BYTES && this.waiting > HIGH_WATER_BYTES) this.events.onCongested(true);
    this.stream.append(bytes).then(
      (sequence) => {
        if (this.exclusive && sequence !== this.last + 1)
          this.events.onError(
            new Error(
              `${this.stream.name}: expected sequence ${this.last + 1}, got ${sequence}: another framer has taken over`,
            ),
          );
        this.last = sequence;
        this.waiting -= bytes.length;
        if (this.waiting <= HIGH_WATER_BYTES / 2 && this.waiting + bytes.length > HIGH_WATER_BYTES / 2)
          this.events.onCongested(false);
        stored?.(sequence);
        if (this.waiting === 0) for (const done of this.idle.splice(0)) done();
      },
      (error: Error) => this.events.onError(error),
    );
  }

  /** Resolves when everything is stored. */
  flush(): Promise<void> {
    return this.waiting === 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve));
  }
}
