/** The client library's TCP transport, with fewer copies of large messages in both directions. */
import type { NatsConnection } from "@nats-io/nats-core";
import { type NatsConnectionImpl, setTransportFactory } from "@nats-io/nats-core/internal";
import { NodeTransport, nodeResolveHost } from "@nats-io/transport-node/lib/node_transport.js";
import { MessageJoiner } from "./message-joiner.ts";

const CR_LF = Buffer.from("\r\n");

class JoiningTransport extends NodeTransport {
  override setupHandlers(): void {
    super.setupHandlers();
    const joiner = new MessageJoiner((bytes) => this.yields.push(bytes));
    this.socket.removeAllListeners("data");
    this.socket.on("data", (chunk: Buffer) => {
      joiner.add(chunk);
      if (this.yields.length > 0) this.signal.resolve();
    });
  }

  /** One gathering write: the library would first copy the payload into the middle of a new buffer. */
  publish(subject: string, reply: string, payload: Uint8Array): void {
    const { socket } = this;
    socket.cork();
    socket.write(`PUB ${subject} ${reply} ${payload.length}\r\n`, "latin1");
    socket.write(payload);
    socket.write(CR_LF);
    socket.uncork();
  }
}

/** Connections made from now on use it. */
export function useJoiningTransport(): void {
  setTransportFactory({ factory: () => new JoiningTransport(), dnsResolveFn: nodeResolveHost });
}

/**
 * Publishes without a copy, in order with everything else that was published; `payload` must not change until it is
 * answered.
 */
export function publishInPlace(
  connection: NatsConnection,
  subject: string,
  reply: string,
  payload: Uint8Array,
): void {
  const { protocol } = connection as unknown as NatsConnectionImpl;
  const { transport } = protocol;
  const isDirect = protocol.connected && !transport.isClosed && transport instanceof JoiningTransport;
  // What the library still holds goes first, and so this one behind it.
  if (isDirect && protocol.outbound.size() === 0) transport.publish(subject, reply, payload);
  else connection.publish(subject, payload, { reply });
}
