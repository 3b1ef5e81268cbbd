import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { decode, defineSchema, encode, HEADROOM_BYTES, layOut, MessageMemory } from "../src/index.ts";

const schema = defineSchema({
  id: 999,
  version: 1,
  name: "Layout",
  doc: "Every type of column.",
  scalars: ["a", "b"],
  columns: { small: "u8", words: "u32", numbers: "f64", items: "bytes", fixed: "fixed20" },
});

describe("layOut", () => {
  it("gives the bytes that encode gives, whatever the memory held before", () => {
    const bytes = (max: number) => fc.uint8Array({ maxLength: max });
    fc.assert(
      fc.property(
        bytes(20),
        fc.array(fc.nat(), { maxLength: 9 }),
        fc.array(bytes(9), { maxLength: 9 }),
        fc.nat(4),
        (small, numbers, items, fixed) => {
          const ends = new Uint32Array(items.length);
          for (let i = 0, end = 0; i < items.length; i++) ends[i] = end += items[i]!.length;
          const message = {
            a: 1,
            b: 2 ** 52,
            small,
            words: Uint32Array.from(numbers),
            numbers: Float64Array.from(numbers),
            items: { ends, blob: new Uint8Array(Buffer.concat(items)) },
            fixed: new Uint8Array(20 * fixed).fill(7),
          };
          const laidOut = layOut(
            schema,
            message,
            {
              small: small.length,
              words: numbers.length,
              numbers: numbers.length,
              items: { items: items.length, bytes: message.items.blob.length },
              fixed,
            },
            (total) => new Uint8Array(new ArrayBuffer(HEADROOM_BYTES + total), HEADROOM_BYTES).fill(0xee),
          );
          laidOut.message.small.set(small);
          laidOut.message.words.set(message.words);
          laidOut.message.numbers.set(message.numbers);
          laidOut.message.items.ends.set(ends);
          laidOut.message.items.blob.set(message.items.blob);
          laidOut.message.fixed.set(message.fixed);
          expect(laidOut.bytes).toEqual(encode(schema, message));
          expect(decode(schema, laidOut.bytes)).toEqual(laidOut.message);
        },
      ),
    );
  });
});

describe("MessageMemory", () => {
  it("gives memory again that was given back, to messages that it suits", () => {
    const memory = new MessageMemory(1 << 20);
    const first = memory.take(100_000);
    const second = memory.take(100_000);
    expect([first.byteOffset, first.length, first.buffer === second.buffer]).toEqual([16, 100_000, false]);
    memory.giveBack(first);
    expect(memory.take(200_000).buffer).not.toBe(first.buffer);
    expect(memory.take(1_000).buffer).not.toBe(first.buffer);
    const again = memory.take(110_000);
    expect([again.buffer === first.buffer, again.length]).toEqual([true, 110_000]);
    expect([memory.misses, memory.freeBytes]).toEqual([4, 0]);
  });

  it("keeps no more than its bound, the newest", () => {
    const memory = new MessageMemory(300_000);
    const taken = [1, 2, 3, 4].map(() => memory.take(100_000));
    for (const message of taken) memory.giveBack(message);
    expect(memory.freeBytes).toBeLessThanOrEqual(300_000);
    expect(memory.take(100_000).buffer).toBe(taken[3]!.buffer);
    memory.giveBack(memory.take(400_000));
    expect(memory.freeBytes).toBeLessThanOrEqual(300_000);
  });
});
