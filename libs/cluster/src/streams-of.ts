/** A connection to a cluster's streams, whichever kind it has. */
import { connectHub, connectNats, type LogStreams } from "@velarium/streams";
import { ClusterError } from "./error.ts";

export interface StreamsAddress {
  readonly natsUrl?: string;
  readonly hub?: string;
  readonly streamPrefix: string;
}

export function connectStreams(address: StreamsAddress): Promise<LogStreams> {
  if (address.natsUrl) return connectNats({ servers: address.natsUrl, prefix: address.streamPrefix });
  if (address.hub) return connectHub({ address: address.hub, prefix: address.streamPrefix });
  throw new ClusterError("server-unreachable", "the cluster has neither a NATS URL nor a stream hub");
}
