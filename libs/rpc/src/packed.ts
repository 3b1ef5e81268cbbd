import { RpcError } from "./error.ts";
import { GRPC_HEADER_BYTES, writeGrpcHeader } from "./framing.ts";

/**
 * Wire form of `message Packed { bytes batch = 1; bytes padding = 2; }`, written by hand: the tag 0x0a (field 1, length
 * delimited), the length as a varint, the bytes. A generated codec would copy through an object and
 * costs several µs a message; this is one allocation and one copy to write, and no copy to read. gRPC's own bytes are written
 * before it, so that they need no copy either (framing.ts).
 */
const TAG = 0x0a;
/** Tag of `bytes padding = 2`. */
const PADDING_TAG = 0x12;
/**
 * gRPC puts 5 bytes before a message, and receivers find both in one buffer of their own. A long batch gets padding before
 * it, so that it begins 16 bytes into that buffer: `decode` of libs/columns then reads it where it lies. Batches from 128
 * bytes on begin at 8 by themselves; shorter ones, and those of foreign writers, are copied by `decode`.
 */
const ALIGNED_HEADER_BYTES = 11;
const ALIGNED_FROM = 0x4000;
/** The longest header (5 bytes of varint cover 2^35), padding included. */
export const PACKED_OVERHEAD_BYTES = ALIGNED_HEADER_BYTES;
/** What `encode` of libs/columns leaves free before a message in its buffer. */
const HEADROOM_BYTES = 16;
/** `Buffer.poolSize` is 8 to 64 KiB, by Node's version. */
const OWN_MEMORY_BYTES = 512 * 1024;

function headerBytes(n: number): number {
  return n < 0x80 ? 2 : n < ALIGNED_FROM ? 3 : ALIGNED_HEADER_BYTES;
}

/**
 * Copies `batch` into a new buffer that holds the whole message, so that the caller may reuse `batch`
 * as soon as this returns.
 */
export function encodePacked(batch: Uint8Array): Buffer {
  const n = batch.length;
  const header = headerBytes(n);
  const framed = Buffer.allocUnsafe(GRPC_HEADER_BYTES + header + n);
  writeGrpcHeader(framed, GRPC_HEADER_BYTES, header + n);
  const out = framed.subarray(GRPC_HEADER_BYTES);
  writeHeader(out, n);
  out.set(batch, header);
  return out;
}

function writeHeader(out: Buffer, n: number): void {
  let at = 0;
  if (n >= ALIGNED_FROM) {
    const length = n < 0x200000 ? 4 : n < 0x10000000 ? 5 : 6;
    const padding = ALIGNED_HEADER_BYTES - length;
    out[at++] = PADDING_TAG;
    out[at++] = padding - 2;
    while (at < padding) out[at++] = 0;
  }
  out[at++] = TAG;
  let rest = n;
  while (rest > 0x7f) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at] = rest;
}

/**
 * The whole message around a `batch` that `encode` of libs/columns has made, without a copy: the header goes where that
 * left room for it. The same batch may be given several times; it must not be changed any more. Undefined for a batch
 * that stands otherwise in its buffer.
 */
export function wrapPacked(batch: Uint8Array): Buffer | undefined {
  const n = batch.length;
  const { buffer } = batch;
  if (batch.byteOffset !== HEADROOM_BYTES) return undefined;
  // Other arrays may stand before a view into the runtime's pool of small buffers, but not into memory as large as this.
  if (buffer.byteLength !== HEADROOM_BYTES + n && buffer.byteLength < OWN_MEMORY_BYTES) return undefined;
  const header = headerBytes(n);
  writeGrpcHeader(new Uint8Array(buffer, 0, HEADROOM_BYTES), HEADROOM_BYTES - header, header + n);
  const out = Buffer.from(buffer as ArrayBuffer, HEADROOM_BYTES - header, header + n);
  writeHeader(out, n);
  return out;
}

const EMPTY = new Uint8Array(0);

/**
 * The `batch` inside a message, as a view (no copy; any alignment). As protobuf demands, unknown fields
 * are skipped and the last `batch` wins; an empty message is an empty batch.
 * @throws RpcError `malformed`
 */
export function decodePacked(message: Uint8Array): Uint8Array {
  const end = message.length;
  let at = 0;
  let batch: Uint8Array = EMPTY;
  while (at < end) {
    let tag = 0;
    [tag, at] = varint(message, at);
    const wireType = tag & 7;
    if (wireType === 2) {
      let length = 0;
      [length, at] = varint(message, at);
      if (length > end - at) throw malformed(`field of ${length} bytes, but ${end - at} are left`);
      if (tag === TAG) batch = message.subarray(at, at + length);
      at += length;
    } else if (wireType === 0) {
      [, at] = varint(message, at);
    } else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else throw malformed(`wire type ${wireType}`);
    if (at > end) throw malformed("truncated");
  }
  return batch;
}

function varint(bytes: Uint8Array, from: number): [value: number, next: number] {
  let value = 0;
  let scale = 1;
  for (let i = from; i < from + 10; i++) {
    const b = bytes[i];
    if (b === undefined) throw malformed("truncated");
    value += (b & 0x7f) * scale;
    if (b < 0x80) return [value, i + 1];
    scale *= 128;
  }
  throw malformed("varint of more than 10 bytes");
}

const malformed = (what: string): RpcError =>
  new RpcError("malformed", `expected a velarium.v1.Packed message, but got: ${what}`);
