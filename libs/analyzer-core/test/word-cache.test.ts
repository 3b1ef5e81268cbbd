import { expect, test } from "@jest/globals";
import { SLOT_KEY_BYTES } from "@velarium/slots";
import fc from "fast-check";
import { WordCache } from "../src/word-cache.ts";

const keyOf = (n: number): Uint8Array => {
  const key = new Uint8Array(SLOT_KEY_BYTES);
  key[0] = 3;
  new DataView(key.buffer).setUint32(SLOT_KEY_BYTES - 4, n);
  return key;
};

test("gives back the newest word of a key, or nothing; never another key's", () => {
  const step = fc.tuple(fc.nat(40), fc.nat(255), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const cache = new WordCache(16);
      const newest = new Map<number, number>();
      let now = 1;
      for (const [n, value, writes] of steps) {
        now++;
        if (writes) {
          cache.put(keyOf(n), 0, new Uint8Array(32).fill(value), 0, now);
          newest.set(n, value);
          expect(cache.values[cache.find(keyOf(n), 0, now)]).toBe(value);
          continue;
        }
        const at = cache.find(keyOf(n), 0, 0);
        if (at >= 0) expect([...cache.values.subarray(at, at + 32)]).toEqual(Array(32).fill(newest.get(n)));
      }
    }),
  );
});

test("a word that was read too long ago is not there", () => {
  const cache = new WordCache(16);
  cache.put(keyOf(1), 0, new Uint8Array(32), 0, 100);
  expect(cache.find(keyOf(1), 0, 100)).toBeGreaterThanOrEqual(0);
  expect(cache.find(keyOf(1), 0, 101)).toBe(-1);
  expect(cache.find(keyOf(2), 0, 0)).toBe(-1);
});
