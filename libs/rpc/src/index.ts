export {
  DEFAULT_MAX_MESSAGE_BYTES,
  FLOW_CONTROL_WINDOW_BYTES,
  type TransportOptions,
} from "./channel-options.ts";
export { type CallOptions, type DialOptions, dial, type HealthStatus, RpcConnection } from "./connection.ts";
export { CreditGate, type CreditGateOptions } from "./credit-gate.ts";
export { RpcError, type RpcErrorCode, rpcCodeToStatus } from "./error.ts";
export { framedInPlace } from "./framing.ts";
export { Link, type LinkEvents } from "./link.ts";
export { fullServiceName, methodPath, PROTO_PACKAGE } from "./names.ts";
export { decodePacked, encodePacked, PACKED_OVERHEAD_BYTES, wrapPacked } from "./packed.ts";
export { PackedStream, type PackedStreamOptions } from "./packed-stream.ts";
export { loadProtos, PROTO_ROOT } from "./reflection.ts";
export { type RpcServer, type RpcServiceHandlers, type ServeRpcOptions, serveRpc } from "./server.ts";
