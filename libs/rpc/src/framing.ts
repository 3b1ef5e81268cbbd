/**
 * Spares grpc-js's copy of every message that is sent. It puts five bytes before a message, an uncompressed one's being a
 * zero and the length (big-endian), and for that copies the message into a new buffer: fresh pages, for a large one. Messages
 * of `packed.ts` have these bytes before them already; where they stand, message and bytes are sent as they lie.
 */
import { CompressionFilter } from "@grpc/grpc-js/build/src/compression-filter.js";
import { BaseServerInterceptingCall } from "@grpc/grpc-js/build/src/server-interceptors.js";

export const GRPC_HEADER_BYTES = 5;

/** Writes gRPC's bytes before the message of `size` bytes at `at`. */
export function writeGrpcHeader(out: Uint8Array, at: number, size: number): void {
  out[at - 5] = 0;
  out[at - 4] = size >>> 24;
  out[at - 3] = size >>> 16;
  out[at - 2] = size >>> 8;
  out[at - 1] = size;
}

/** The message with gRPC's bytes before it, if they are there. */
export function framedInPlace(message: Uint8Array): Buffer | undefined {
  const { buffer, byteOffset, length } = message;
  if (byteOffset < GRPC_HEADER_BYTES) return undefined;
  const framed = Buffer.from(
    buffer as ArrayBuffer,
    byteOffset - GRPC_HEADER_BYTES,
    length + GRPC_HEADER_BYTES,
  );
  return framed[0] === 0 && framed.readUInt32BE(1) === length ? framed : undefined;
}

interface CompressionHandler {
  writeMessage(message: Buffer, compress: boolean): Promise<Buffer>;
}
interface ServerCall {
  serializeMessage(value: unknown): Buffer;
}

let isInstalled = false;

/** Streams and calls made from now on, of clients and servers, use it. */
export function sendInPlace(): void {
  if (isInstalled) return;
  isInstalled = true;
  const { sendCompression } = new CompressionFilter({}, {}) as unknown as { sendCompression: object };
  const identity = Object.getPrototypeOf(sendCompression) as CompressionHandler;
  const { writeMessage } = identity;
  identity.writeMessage = async function (message, compress) {
    return framedInPlace(message) ?? writeMessage.call(this, message, compress);
  };
  const server = BaseServerInterceptingCall.prototype as unknown as ServerCall;
  const { serializeMessage } = server;
  server.serializeMessage = function (value) {
    // Only messages of `packed.ts` are bytes already when they come here.
    return (
      (value instanceof Uint8Array ? framedInPlace(value) : undefined) ?? serializeMessage.call(this, value)
    );
  };
}
