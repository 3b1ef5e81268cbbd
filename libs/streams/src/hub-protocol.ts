/** Frames between the stream hub and its clients. Little-endian; layouts are given per function. */
export const ClientOp = { append: 1, trim: 2, publish: 3, subscribe: 4, unsubscribe: 5 } as const;
export const HubOp = { acks: 1, notice: 2 } as const;
export const HubStatus = { ok: 0, mismatch: 1, full: 2 } as const;

const CLIENT_HEADER_BYTES = 15;
const ACK_BYTES = 13;

/** u8 op, u32 request, f64 number, u16 name length, name, body */
export function encodeClient(
  op: number,
  id: number,
  number: number,
  name: string,
  body: Uint8Array,
): Uint8Array {
  const nameBytes = Buffer.from(name, "utf8");
  const out = Buffer.allocUnsafe(CLIENT_HEADER_BYTES + nameBytes.length + body.length);
  out[0] = op;
  out.writeUInt32LE(id, 1);
  out.writeDoubleLE(number, 5);
  out.writeUInt16LE(nameBytes.length, 13);
  out.set(nameBytes, CLIENT_HEADER_BYTES);
  out.set(body, CLIENT_HEADER_BYTES + nameBytes.length);
  return out;
}

export function decodeClient(bytes: Uint8Array) {
  const b = view(bytes);
  const bodyAt = CLIENT_HEADER_BYTES + b.readUInt16LE(13);
  return {
    op: b[0]!,
    id: b.readUInt32LE(1),
    number: b.readDoubleLE(5),
    name: b.toString("utf8", CLIENT_HEADER_BYTES, bodyAt),
    body: bytes.subarray(bodyAt),
  };
}

/** u8 op, then per acknowledgement: u32 request, u8 status, f64 sequence */
export class AckWriter {
  #buffer = Buffer.allocUnsafe(1 + 64 * ACK_BYTES);
  #length = 1;

  add(id: number, status: number, sequence: number): void {
    if (this.#length + ACK_BYTES > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(this.#buffer.length * 2);
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    this.#buffer.writeUInt32LE(id, this.#length);
    this.#buffer[this.#length + 4] = status;
    this.#buffer.writeDoubleLE(sequence, this.#length + 5);
    this.#length += ACK_BYTES;
  }

  /** What was added since the last take; valid until the next `add`. */
  take(): Uint8Array {
    this.#buffer[0] = HubOp.acks;
    const out = this.#buffer.subarray(0, this.#length);
    this.#length = 1;
    return out;
  }
}

export function decodeAcks(
  bytes: Uint8Array,
  each: (id: number, status: number, sequence: number) => void,
): void {
  const b = view(bytes);
  for (let at = 1; at + ACK_BYTES <= b.length; at += ACK_BYTES) {
    each(b.readUInt32LE(at), b[at + 4]!, b.readDoubleLE(at + 5));
  }
}

/** u8 op, u16 subject length, subject, body */
export function encodeNotice(subject: string, body: Uint8Array): Uint8Array {
  const name = Buffer.from(subject, "utf8");
  const out = Buffer.allocUnsafe(3 + name.length + body.length);
  out[0] = HubOp.notice;
  out.writeUInt16LE(name.length, 1);
  out.set(name, 3);
  out.set(body, 3 + name.length);
  return out;
}

export function decodeNotice(bytes: Uint8Array): { subject: string; body: Uint8Array } {
  const b = view(bytes);
  const end = 3 + b.readUInt16LE(1);
  return { subject: b.toString("utf8", 3, end), body: bytes.subarray(end) };
}

/** f64 first sequence, name */
export function encodeConsume(name: string, from: number): Uint8Array {
  const out = Buffer.alloc(8 + Buffer.byteLength(name));
  out.writeDoubleLE(from, 0);
  out.write(name, 8, "utf8");
  return out;
}

export function decodeConsume(bytes: Uint8Array): { name: string; from: number } {
  const b = view(bytes);
  return { name: b.toString("utf8", 8), from: b.readDoubleLE(0) };
}

/** f64 sequence of the first record, then per record: u32 length, bytes */
export function encodeRecords(first: number, records: readonly Uint8Array[]): Uint8Array {
  let length = 8;
  for (const r of records) length += 4 + r.length;
  const out = Buffer.allocUnsafe(length);
  out.writeDoubleLE(first, 0);
  let at = 8;
  for (const r of records) {
    out.writeUInt32LE(r.length, at);
    out.set(r, at + 4);
    at += 4 + r.length;
  }
  return out;
}

export function decodeRecords(bytes: Uint8Array, each: (sequence: number, bytes: Uint8Array) => void): void {
  const b = view(bytes);
  let sequence = b.readDoubleLE(0);
  for (let at = 8; at < b.length; ) {
    const end = at + 4 + b.readUInt32LE(at);
    each(sequence++, bytes.subarray(at + 4, end));
    at = end;
  }
}

/** f64 first, f64 last */
export function encodeInfo(first: number, last: number): Uint8Array {
  const out = Buffer.alloc(16);
  out.writeDoubleLE(first, 0);
  out.writeDoubleLE(last, 8);
  return out;
}

export function decodeInfo(bytes: Uint8Array): { first: number; last: number } {
  const b = view(bytes);
  return { first: b.readDoubleLE(0), last: b.readDoubleLE(8) };
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
