/** RLP of a list of logs, as a receipt holds it. */

export interface Log {
  readonly address: Uint8Array;
  readonly topics: readonly Uint8Array[];
  readonly data: Uint8Array;
}

const headerBytes = (size: number): number => (size < 56 ? 1 : 1 + Math.ceil((32 - Math.clz32(size)) / 8));
const stringBytes = (bytes: Uint8Array): number =>
  bytes.length === 1 && bytes[0]! < 0x80 ? 1 : headerBytes(bytes.length) + bytes.length;

function writeHeader(out: Uint8Array, at: number, short: number, size: number): number {
  if (size < 56) {
    out[at] = short + size;
    return at + 1;
  }
  const sizeBytes = headerBytes(size) - 1;
  out[at] = short + 55 + sizeBytes;
  for (let i = 0; i < sizeBytes; i++) out[at + 1 + i] = Math.floor(size / 256 ** (sizeBytes - 1 - i)) & 0xff;
  return at + 1 + sizeBytes;
}

function writeString(out: Uint8Array, at: number, bytes: Uint8Array): number {
  if (bytes.length === 1 && bytes[0]! < 0x80) {
    out[at] = bytes[0]!;
    return at + 1;
  }
  const start = writeHeader(out, at, 0x80, bytes.length);
  out.set(bytes, start);
  return start + bytes.length;
}

export const NO_LOGS = Uint8Array.of(0xc0);

export function encodeLogs(logs: readonly Log[]): Uint8Array {
  if (logs.length === 0) return NO_LOGS;
  const topicsSizes = logs.map(({ topics }) => topics.length * 33);
  const sizes = logs.map(({ address, data }, i) => {
    const topics = topicsSizes[i]!;
    return stringBytes(address) + headerBytes(topics) + topics + stringBytes(data);
  });
  const total = sizes.reduce((sum, size) => sum + headerBytes(size) + size, 0);
  const out = new Uint8Array(headerBytes(total) + total);
  let at = writeHeader(out, 0, 0xc0, total);
  logs.forEach(({ address, topics, data }, i) => {
    at = writeHeader(out, at, 0xc0, sizes[i]!);
    at = writeString(out, at, address);
    at = writeHeader(out, at, 0xc0, topicsSizes[i]!);
    for (const topic of topics) at = writeString(out, at, topic);
    at = writeString(out, at, data);
  });
  return out;
}
