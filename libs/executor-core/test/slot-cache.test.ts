/** The packed cache against a plain list: what it gives is right, and a full bucket gives up its oldest version. */
import { describe, expect, it } from "@jest/globals";
import { Domain, fieldKey, KEY_WORDS, storageKey, VALUE_WORDS, wordsOf } from "@velarium/slots";
import fc from "fast-check";
import { SlotCache } from "../src/slot-cache.ts";

const account = (n: number): Uint8Array => new Uint8Array(20).fill(n);
const slot = (n: number): Uint8Array => new Uint8Array(32).fill(n);
/** Keys that differ only in their first part, only in their rest, or in whether they have one. */
const KEYS = [
  fieldKey(Domain.balance, account(1)),
  fieldKey(Domain.balance, account(2)),
  storageKey(account(1), slot(0)),
  storageKey(account(1), slot(1)),
  storageKey(account(1), slot(2)),
].map(wordsOf);
const wordOf = (n: number): Uint32Array => new Uint32Array(VALUE_WORDS).map((_, i) => n * 100 + i);

function read(cache: SlotCache, key: number, version: number, id = 7): Uint32Array | undefined {
  const keys = new Uint32Array(3 + KEY_WORDS);
  keys.set(KEYS[key]!, 3);
  const out = new Uint32Array(2 + VALUE_WORDS);
  return cache.get(id, id, version, keys, 3, out, 2) ? out.slice(2) : undefined;
}
const write = (cache: SlotCache, key: number, version: number, value: number, id = 7): void =>
  cache.set(id, id, version, KEYS[key]!, 0, wordOf(value), 0);

describe("SlotCache", () => {
  it("tells keys of one id apart", () => {
    const cache = new SlotCache(64);
    for (const key of [0, 1, 2, 3]) write(cache, key, 5, key);
    for (const key of [0, 1, 2, 3]) expect(read(cache, key, 5)).toEqual(wordOf(key));
    expect(read(cache, 4, 5)).toBeUndefined();
    expect(read(cache, 0, 4)).toBeUndefined();
    expect(read(cache, 0, 5, 8)).toBeUndefined();
  });

  it("replaces a version of a key by a newer one only", () => {
    const cache = new SlotCache(64);
    write(cache, 2, 2 ** 40, 1);
    write(cache, 2, 2 ** 40 - 1, 2);
    expect(read(cache, 2, 2 ** 40)).toEqual(wordOf(1));
    write(cache, 2, 2 ** 40 + 1, 3);
    expect(read(cache, 2, 2 ** 40)).toBeUndefined();
    expect(read(cache, 2, 2 ** 40 + 1)).toEqual(wordOf(3));
  });

  it("gives up the oldest version of a full bucket, and everything when cleared", () => {
    const cache = new SlotCache(4);
    for (const [key, version] of [9, 3, 7, 8, 5].entries()) write(cache, key, version, key, key);
    expect([9, 3, 7, 8, 5].map((version, key) => read(cache, key, version, key) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
      true,
    ]);
    cache.approach(Uint32Array.of(0, 1, 2), Int32Array.of(2, 1), 2);
    cache.clear();
    expect(read(cache, 0, 9, 0)).toBeUndefined();
    // Version 0 is one like any other.
    write(cache, 1, 0, 6, 1);
    expect(read(cache, 1, 0, 1)).toEqual(wordOf(6));
  });

  it("keeps many versions at once as it keeps them one by one", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: fc.nat(20), key: fc.nat(KEYS.length - 1), version: fc.nat(50) }), {
          maxLength: 400,
        }),
        (rows) => {
          const one = new SlotCache(64);
          const many = new SlotCache(64);
          const ids = Uint32Array.from(rows, ({ id }) => id);
          const versions = Float64Array.from(rows, ({ version }) => version);
          const keys = new Uint32Array(rows.length * KEY_WORDS);
          const values = new Uint32Array(rows.length * VALUE_WORDS);
          for (const [i, { id, key, version }] of rows.entries()) {
            keys.set(KEYS[key]!, i * KEY_WORDS);
            values.set(wordOf(i), i * VALUE_WORDS);
            write(one, key, version, i, id);
          }
          const half = rows.length >> 1;
          many.setAll(0, half, ids, ids, versions, keys, values);
          many.setAll(half, rows.length, ids, ids, versions, keys, values);
          for (const { id, key, version } of rows)
            expect(read(many, key, version, id)).toEqual(read(one, key, version, id));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("does not take a row's old rest for the key that replaced it", () => {
    const cache = new SlotCache(4);
    for (const key of [2, 3, 4]) write(cache, key, key, key);
    write(cache, 1, 10, 1);
    write(cache, 0, 11, 0);
    expect(read(cache, 2, 2)).toBeUndefined();
    expect(read(cache, 0, 11)).toEqual(wordOf(0));
    write(cache, 2, 12, 8);
    expect(read(cache, 3, 3)).toBeUndefined();
    expect(read(cache, 2, 12)).toEqual(wordOf(8));
  });
});
