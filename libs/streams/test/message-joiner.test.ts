import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { MessageJoiner } from "../src/message-joiner.ts";

interface Item {
  readonly bytes: Uint8Array;
  /** Where its payload begins, for messages. */
  readonly payloadAt: number;
}

function message(payload: Uint8Array, headers: string, reply: boolean): Item {
  const subject = `some.subject 7 ${reply ? "_INBOX.abc.9 " : ""}`;
  const line = headers
    ? `HMSG ${subject}${headers.length} ${headers.length + payload.length}\r\n`
    : `MSG ${subject}${payload.length}\r\n`;
  const bytes = Buffer.concat([Buffer.from(line + headers), payload, Buffer.from("\r\n")]);
  return { bytes, payloadAt: line.length + headers.length };
}
const control = (text: string): Item => ({ bytes: Buffer.from(`${text}\r\n`), payloadAt: -1 });

const item = fc.oneof(
  fc.constantFrom("PING", "PONG", "+OK", "-ERR 'slow'", 'INFO {"max_payload":1048576}').map(control),
  fc
    .tuple(fc.uint8Array({ maxLength: 3000 }), fc.constantFrom("", "NATS/1.0\r\nA: b\r\n\r\n"), fc.boolean())
    .map(([payload, headers, reply]) => message(payload, headers, reply)),
  // A payload may look like the protocol.
  fc.constant(message(Buffer.from("MSG a 1 5\r\nhello\r\nHMSG"), "", false)),
);

function run(items: readonly Item[], cuts: readonly number[]): Uint8Array[] {
  const all = Buffer.concat(items.map((i) => i.bytes));
  const out: Uint8Array[] = [];
  const joiner = new MessageJoiner((bytes) => out.push(bytes));
  const ends = [...new Set(cuts.map((c) => c % (all.length + 1))), all.length].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    if (end > from) joiner.add(new Uint8Array(all.subarray(from, end)));
    from = end;
  }
  return out;
}

describe("MessageJoiner", () => {
  it("passes on the same bytes, cut only between lines and messages, however they come in", () => {
    fc.assert(
      fc.property(
        fc.array(item, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (items, cuts) => {
          const out = run(items, cuts);
          expect(Buffer.concat(out).equals(Buffer.concat(items.map((i) => i.bytes)))).toBe(true);
          const boundaries = new Set<number>();
          let at = 0;
          for (const { bytes } of items) boundaries.add((at += bytes.length));
          at = 0;
          for (const bytes of out) expect(boundaries.has((at += bytes.length))).toBe(true);
        },
      ),
    );
  });

  it("aligns the payload of a message that comes in pieces", () => {
    for (const headers of ["", "NATS/1.0\r\nLonger: than-that\r\n\r\n"]) {
      for (let size = 5000; size < 5020; size++) {
        const { bytes, payloadAt } = message(new Uint8Array(size).fill(3), headers, size % 2 === 0);
        const [whole] = run([{ bytes, payloadAt }], [payloadAt + 1, 2000]);
        expect((whole!.byteOffset + payloadAt) % 8).toBe(0);
      }
    }
  });
});
