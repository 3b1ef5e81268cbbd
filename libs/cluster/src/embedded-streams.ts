/** The embedded stand-in for NATS: logs and notices in the memory of this program, served over gRPC. */
import { serveRpc } from "@velarium/rpc";
import { StreamHub } from "@velarium/streams";

export interface EmbeddedStreams {
  readonly address: string;
  stop(): Promise<void>;
}

export async function startEmbeddedStreams(host: string): Promise<EmbeddedStreams> {
  const server = await serveRpc({ host, services: [new StreamHub().service()] });
  return { address: server.address, stop: () => server.stop() };
}
