/** A stream to another service that is opened again whenever it ends. */
import { dial, type RpcConnection } from "./connection.ts";
import type { PackedStream } from "./packed-stream.ts";

export interface LinkEvents {
  /** False: not yet, another attempt follows. Asked before the stream is opened again. */
  mayOpen?(): boolean;
  onOpen?(): void;
  onMessage(bytes: Uint8Array): void;
  /** The stream is gone; another is on its way. */
  onLost(error: Error | undefined): void;
}

const RETRY_MS = 200;

export class Link {
  readonly address: string;
  private readonly service: string;
  private readonly method: string;
  private readonly events: LinkEvents;
  private connection: RpcConnection | undefined;
  private stream: PackedStream | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(address: string, service: string, method: string, events: LinkEvents) {
    this.address = address;
    this.service = service;
    this.method = method;
    this.events = events;
  }

  get isOpen(): boolean {
    return this.stream !== undefined && !this.stream.isClosed;
  }

  /** Dials; later losses are repaired in the background. @throws RpcError `unreachable` */
  async start(timeoutMs: number): Promise<void> {
    this.connection = await dial(this.address, { timeoutMs });
    if (this.stopped) this.connection.close();
    else this.open();
  }

  /** Sends, unless the stream is gone: then `onLost` has been or will be called. */
  send(bytes: Uint8Array): void {
    if (this.isOpen) this.stream!.send(bytes);
  }

  /** `send` of what `encode` has made and nobody changes any more: see `PackedStream.give`. */
  give(bytes: Uint8Array): void {
    if (this.isOpen) this.stream!.give(bytes);
  }

  /** Ends the stream, so that the other side notices and a fresh one begins. */
  reset(): void {
    this.stream?.close();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.stream?.close();
    this.connection?.close();
  }

  private open(): void {
    const stream = this.connection!.openStream(this.service, this.method);
    this.stream = stream;
    stream.onClose((error) => {
      this.stream = undefined;
      if (this.stopped) return;
      this.events.onLost(error);
      this.timer = setTimeout(() => this.reopen(), RETRY_MS);
    });
    stream.onMessage((bytes) => this.events.onMessage(bytes));
    this.events.onOpen?.();
  }

  private reopen(): void {
    const later = (): void => {
      if (!this.stopped) this.timer = setTimeout(() => this.reopen(), RETRY_MS);
    };
    if (this.events.mayOpen?.() === false) return later();
    this.connection!.ready().then(() => {
      if (this.stopped) return;
      if (this.events.mayOpen?.() === false) later();
      else this.open();
    }, later);
  }
}
