import type { ChannelOptions } from "@grpc/grpc-js";
import { PACKED_OVERHEAD_BYTES } from "./packed.ts";

/** 64 MiB: far above any batch (at most 128 KiB); room for snapshots and proofs. */
export const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * HTTP/2 receive window of a stream and a connection. Node's default of 64 KiB stalls a sender after
 * half a batch: at 1 ms round trip it would cap a stream at 64 MB/s. 4 MiB allows 4 GB/s there.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 4 * 1024 * 1024;

export interface TransportOptions {
  /** Longest message accepted and sent, in bytes; 64 MiB if left out. */
  readonly maxMessageBytes?: number;
  /** Idle time after which a connection is probed, ms; 10 000 if left out. A killed process is noticed at once by its closed socket; this is for a machine that vanished. */
  readonly keepaliveMs?: number;
  /** Time to answer the probe, ms; 5000 if left out. */
  readonly keepaliveTimeoutMs?: number;
}

/** The grpc-js options that matter for few, long, fast streams. */
export function channelOptions(options: TransportOptions): ChannelOptions {
  const max = (options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES) + PACKED_OVERHEAD_BYTES;
  return {
    // The defaults are 4 MiB to receive and no limit to send.
    "grpc.max_receive_message_length": max,
    "grpc.max_send_message_length": max,
    "grpc.keepalive_time_ms": options.keepaliveMs ?? 10_000,
    "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs ?? 5000,
    "grpc.keepalive_permit_without_calls": 1,
    // Retries would buffer every message sent on a stream, up to 16 MiB.
    "grpc.enable_retries": 0,
    // Channelz keeps counters and events per call that nobody reads.
    "grpc.enable_channelz": 0,
    "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
  };
}
