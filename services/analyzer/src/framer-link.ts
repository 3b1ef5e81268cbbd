/** The stream to the framer, opened again with growing pauses whenever it ends. */
import { type PackedStream, RpcConnection } from "@velarium/rpc";

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 2000;

export interface FramerEvents {
  onMessage(bytes: Uint8Array): void;
  /** The stream is gone; another is on its way. */
  onLost(error: Error | undefined): void;
  /** What was sent has gone out. */
  onDrain(): void;
}

export class FramerLink {
  reconnects = 0;
  private readonly connection: RpcConnection;
  private readonly events: FramerEvents;
  private stream: PackedStream | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private stopped = false;

  constructor(address: string, events: FramerEvents) {
    this.connection = new RpcConnection(address, {});
    this.events = events;
  }

  get isOpen(): boolean {
    return this.stream !== undefined && !this.stream.isClosed;
  }

  /** Connects in the background: the framer may come later than its analyzers. */
  start(): void {
    this.connection.ready(LAST_PAUSE_MS).then(
      () => {
        if (!this.stopped) this.open();
      },
      () => this.again(),
    );
  }

  /** @throws RpcError when too much is unsent */
  send(bytes: Uint8Array): boolean {
    return this.isOpen ? this.stream!.give(bytes) : false;
  }

  /** Ends the stream; the next one comes with a new assignment. */
  restart(): void {
    this.stream?.close();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.connection.close();
  }

  private open(): void {
    const stream = this.connection.openStream("Framer", "Analyze");
    this.stream = stream;
    stream.onDrain(() => this.events.onDrain());
    stream.onClose((error) => {
      if (this.stream === stream) this.stream = undefined;
      if (this.stopped) return;
      this.events.onLost(error);
      this.again();
    });
    stream.onMessage((bytes) => {
      this.pauseMs = FIRST_PAUSE_MS;
      this.events.onMessage(bytes);
    });
  }

  private again(): void {
    if (this.stopped) return;
    this.reconnects++;
    this.timer = setTimeout(() => this.start(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LAST_PAUSE_MS);
  }
}
