export { DEFAULT_HUB_STREAM_BYTES, StreamHub } from "./hub.ts";
export { connectHub, type HubClientOptions } from "./hub-client.ts";
export {
  type Consumption,
  DEFAULT_MAX_PENDING_BYTES,
  type LogStream,
  type LogStreams,
  MAX_APPEND_BYTES,
  type NoticeBus,
  StreamError,
  type StreamErrorCode,
} from "./log-stream.ts";
export { connectNats, type NatsClientOptions } from "./nats-client.ts";
