import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CreditGate, decodePacked, encodePacked, RpcError } from "../src/index.ts";

describe("Packed", () => {
  it("round-trips every length around the varint borders", () => {
    for (const n of [0, 1, 127, 128, 129, 16383, 16384, 16385, 2097151, 2097152]) {
      const bytes = new Uint8Array(n).fill(n & 0xff);
      const message = encodePacked(bytes);
      expect(message[0]).toBe(n < 16384 ? 0x0a : 0x12);
      const back = decodePacked(message);
      expect(back.length).toBe(n);
      expect(Buffer.compare(back, bytes)).toBe(0);
      expect(back.buffer).toBe(message.buffer);
    }
  });

  it("reads what other protobuf writers may send", () => {
    expect(decodePacked(new Uint8Array(0)).length).toBe(0);
    const unknown = Uint8Array.from([
      0x10, 0x96, 0x01, 0x1a, 2, 9, 9, 0x0a, 1, 5, 0x0a, 2, 7, 8, 0x25, 0, 0, 0, 0,
    ]);
    expect([...decodePacked(unknown)]).toEqual([7, 8]);
    // a length written with more varint bytes than needed
    expect([...decodePacked(Uint8Array.from([0x0a, 0x82, 0x00, 1, 2]))]).toEqual([1, 2]);
  });

  it("refuses anything else with a typed error and nothing worse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodePacked(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RpcError);
          expect((error as RpcError).code).toBe("malformed");
        }
      }),
    );
    for (const bad of [[0x0a], [0x0a, 5, 1], [0x0b], [0x09, 1], [0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]]) {
      expect(() => decodePacked(Uint8Array.from(bad))).toThrow(RpcError);
    }
  });
});

describe("CreditGate", () => {
  it("bounds items and bytes, serves waiters in order, admits one oversized request alone", () => {
    const gate = new CreditGate({ maxItems: 3, maxBytes: 100, maxWaiting: 2 });
    expect(gate.tryTake(1, 500)).toBe(true);
    expect(gate.tryTake(1, 1)).toBe(false);
    gate.giveBack(1, 500);
    expect(gate.tryTake(2, 60)).toBe(true);
    const order: string[] = [];
    gate.take(2, 10, () => order.push("a"));
    gate.take(1, 1, () => order.push("b"));
    expect(gate.tryTake(1, 1)).toBe(false); // would fit, but others wait
    expect(() => gate.take(1, 1, () => {})).toThrow(expect.objectContaining({ code: "overloaded" }));
    expect(order).toEqual([]);
    gate.giveBack(1, 30);
    expect(order).toEqual(["a"]);
    gate.giveBack(2, 30);
    expect(order).toEqual(["a", "b"]);
    expect(gate.waiting).toBe(0);
  });

  it("never exceeds its limits and never starves a waiter, whatever the sequence", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 50 })), {
          maxLength: 60,
        }),
        (requests) => {
          const gate = new CreditGate({ maxItems: 5, maxBytes: 50 });
          const held: [number, number][] = [];
          let granted = 0;
          for (const [items, bytes] of requests) {
            gate.take(items, bytes, () => {
              granted++;
              held.push([items, bytes]);
            });
            expect(gate.outstandingItems).toBeLessThanOrEqual(5);
            expect(gate.outstandingBytes).toBeLessThanOrEqual(50);
          }
          while (held.length > 0) {
            const [items, bytes] = held.shift()!;
            gate.giveBack(items, bytes);
            expect(gate.outstandingItems).toBeLessThanOrEqual(5);
          }
          expect(granted).toBe(requests.length);
          expect(gate.outstandingItems).toBe(0);
          expect(gate.outstandingBytes).toBe(0);
        },
      ),
    );
  });
});
