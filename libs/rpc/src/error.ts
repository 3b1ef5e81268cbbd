import { status } from "@grpc/grpc-js";

/**
 * What went wrong with a connection, a stream or a unary call.
 *
 * | code | meaning |
 * |---|---|
 * | `unreachable` | nobody answered at the address within the time allowed |
 * | `address-in-use` | the port to listen on is taken |
 * | `connection-lost` | the connection, or the process at its other end, went away |
 * | `closed` | this side has closed the stream, connection or server before |
 * | `overloaded` | the bound on unsent or waiting data is reached; what was given was not taken |
 * | `too-large` | a message is longer than `maxMessageBytes` of either side |
 * | `malformed` | the bytes are not a `velarium.v1.Packed` |
 * | `unimplemented` | the other side does not serve this method |
 * | `cancelled` | the other side cancelled, or its deadline passed |
 * | `draining` | the other side is about to stop and takes no new streams |
 * | `remote` | the other side's handler failed; `remoteCode` is its own error code, if it gave one |
 */
export type RpcErrorCode =
  | "unreachable"
  | "address-in-use"
  | "connection-lost"
  | "closed"
  | "overloaded"
  | "too-large"
  | "malformed"
  | "unimplemented"
  | "cancelled"
  | "draining"
  | "remote";

export class RpcError extends Error {
  readonly code: RpcErrorCode;
  /** The `code` of the error that the remote handler threw. */
  readonly remoteCode: string | undefined;

  constructor(code: RpcErrorCode, message: string, remoteCode?: string) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.remoteCode = remoteCode;
  }
}

/** Trailer that carries a typed error code across a call. */
export const ERROR_CODE_HEADER = "velarium-error-code";

/** The gRPC status for each code: what clients in other languages see. */
export function rpcCodeToStatus(code: RpcErrorCode): status {
  switch (code) {
    case "unreachable":
    case "connection-lost":
    case "closed":
    case "draining":
    case "address-in-use":
      return status.UNAVAILABLE;
    case "overloaded":
    case "too-large":
      return status.RESOURCE_EXHAUSTED;
    case "malformed":
      return status.INVALID_ARGUMENT;
    case "unimplemented":
      return status.UNIMPLEMENTED;
    case "cancelled":
      return status.CANCELLED;
    case "remote":
      return status.FAILED_PRECONDITION;
  }
}

const KNOWN: ReadonlySet<string> = new Set<RpcErrorCode>([
  "connection-lost",
  "closed",
  "overloaded",
  "too-large",
  "malformed",
  "unimplemented",
  "cancelled",
  "draining",
]);

/** Turns a final gRPC status into a typed error; `undefined` for OK. */
export function statusToRpcError(code: number, details: string, remoteCode?: string): RpcError | undefined {
  if (code === status.OK) return undefined;
  if (remoteCode !== undefined) {
    return KNOWN.has(remoteCode)
      ? new RpcError(remoteCode as RpcErrorCode, details)
      : new RpcError("remote", details, remoteCode);
  }
  switch (code) {
    case status.UNAVAILABLE:
      return new RpcError("connection-lost", `connection lost: ${details}`);
    case status.RESOURCE_EXHAUSTED:
      return new RpcError(/larger than max/i.test(details) ? "too-large" : "overloaded", details);
    case status.UNIMPLEMENTED:
      return new RpcError("unimplemented", details);
    case status.CANCELLED:
    case status.DEADLINE_EXCEEDED:
      return new RpcError("cancelled", details);
    default:
      // An abrupt end without a status is reported by grpc-js as INTERNAL with the reset code in the text.
      return /RST_STREAM|without gRPC status/i.test(details)
        ? new RpcError("connection-lost", `connection lost: ${details}`)
        : new RpcError("remote", details);
  }
}
