import { describe, expect, it } from "@jest/globals";
import { BytesVector, decode, encode, FixedVector } from "@velarium/columns";
import { decodePacked, encodePacked, framedInPlace, wrapPacked } from "@velarium/rpc";
import { IngestAck, PublishAck, TxBatch } from "@velarium/wire";

/** A message of about so many bytes. */
function txBatch(bytes: number): Uint8Array {
  const raw = new BytesVector();
  raw.push(new Uint8Array(bytes).fill(bytes));
  return encode(TxBatch, {
    batch: 1,
    receivedMs: 2,
    verified: Uint8Array.of(1),
    raw: raw.view(),
    senders: new FixedVector(20).view(),
    hashes: new Uint8Array(0),
  });
}

describe("messages given to a stream", () => {
  it("are sent where they lie, with the same bytes, as often as one likes", () => {
    const messages = [
      encode(PublishAck, { epoch: 1, batch: 2 }),
      encode(IngestAck, { batch: 1, streamSeq: 2, verdicts: Uint8Array.of(0) }),
      ...[60, 90, 4000, 4001, 16_000, 20_000, 3_000_000].map(txBatch),
    ];
    for (const message of messages) {
      const before = message.slice();
      for (let n = 0; n < 2; n++) {
        const wrapped = wrapPacked(message)!;
        expect(Buffer.compare(wrapped, encodePacked(before))).toBe(0);
        expect(wrapped.buffer).toBe(message.buffer);
        expect(Buffer.compare(decodePacked(wrapped), before)).toBe(0);
      }
    }
    expect(decode(TxBatch, txBatch(4001)).raw.blob.length).toBe(4001);
  });

  it("have the bytes before them that gRPC puts there, copied or not", () => {
    for (const size of [60, 4000, 20_000, 3_000_000]) {
      const message = txBatch(size);
      for (const packed of [wrapPacked(message)!, encodePacked(message)]) {
        const framed = framedInPlace(packed)!;
        const length = Buffer.alloc(5);
        length.writeUInt32BE(packed.length, 1);
        expect(Buffer.compare(framed, Buffer.concat([length, packed]))).toBe(0);
        expect([framed.buffer === packed.buffer, framed.byteOffset]).toEqual([true, packed.byteOffset - 5]);
      }
      expect(framedInPlace(wrapPacked(message)!.subarray(1))).toBeUndefined();
      expect(framedInPlace(Buffer.concat([wrapPacked(message)!]).subarray(0, 10))).toBeUndefined();
    }
  });

  it("are copied when they do not stand as encode places them", () => {
    expect(wrapPacked(new Uint8Array(40))).toBeUndefined();
    expect(wrapPacked(new Uint8Array(new ArrayBuffer(64), 16, 40))).toBeUndefined();
  });

  it("are read where they lie, from 128 bytes on, behind the five bytes that gRPC puts before a message", () => {
    for (const size of [60, 4000, 16_000, 20_000, 3_000_000]) {
      const message = txBatch(size);
      const framed = Buffer.concat([Buffer.alloc(5), wrapPacked(message)!]);
      const { raw } = decode(TxBatch, decodePacked(framed.subarray(5)));
      expect(raw.blob.buffer).toBe(framed.buffer);
      expect(Buffer.compare(raw.blob, decode(TxBatch, message).raw.blob)).toBe(0);
    }
  });

  it("are the same bytes whatever the memory held before", () => {
    for (let n = 0; n < 50; n++) {
      Buffer.allocUnsafeSlow(5000).fill(0xff);
      expect(Buffer.compare(txBatch(4803), txBatch(4803))).toBe(0);
    }
  });
});
