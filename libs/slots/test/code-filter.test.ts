import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CodeFilter, codeKeyHash, Domain, fieldKey, wordsOf } from "../src/index.ts";

const address = (n: number): Uint8Array => {
  const out = new Uint8Array(20).fill(7);
  new DataView(out.buffer).setUint32(4, Math.imul(n, 2654435761));
  new DataView(out.buffer).setUint32(16, n);
  return out;
};
const codeKey = (n: number): Uint32Array => wordsOf(fieldKey(Domain.code, address(n)));

function copyOf(filter: CodeFilter): CodeFilter {
  const { words, added } = filter.content();
  const copy = new CodeFilter();
  copy.addWords(words);
  for (const hash of added) copy.addHash(hash);
  return copy;
}

describe("the filter of code slots", () => {
  it("never calls a noted key absent, neither itself nor its copy", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1e6), { maxLength: 200 }), (noted) => {
        const filter = new CodeFilter();
        for (const n of noted) filter.add(codeKey(n), 0);
        const copy = copyOf(filter);
        for (const n of noted) {
          expect(filter.isAbsent(codeKey(n), 0)).toBe(false);
          expect(copy.isAbsent(codeKey(n), 0)).toBe(false);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("calls nearly all others absent, with few keys and with many", () => {
    for (const count of [0, 1, 8192, 8193, 100_000]) {
      const filter = new CodeFilter();
      for (let n = 0; n < count; n++) filter.add(codeKey(n), 0);
      const copy = copyOf(filter);
      let absent = 0;
      for (let n = 0; n < 2000; n++) {
        const key = codeKey(1e7 + n);
        expect(copy.isAbsent(key, 0)).toBe(filter.isAbsent(key, 0));
        if (filter.isAbsent(key, 0)) absent++;
      }
      expect(absent).toBeGreaterThan(1980);
      for (let n = 0; n < count; n += 97) expect(copy.isAbsent(codeKey(n), 0)).toBe(false);
    }
  });

  it("says nothing of other fields", () => {
    const filter = new CodeFilter();
    const balance = wordsOf(fieldKey(Domain.balance, address(1)));
    filter.add(balance, 0);
    expect(filter.isAbsent(balance, 0)).toBe(false);
    expect(filter.isAbsent(codeKey(1), 0)).toBe(true);
    expect(() => filter.addWords(new Uint32Array(5))).toThrow(RangeError);
    expect(codeKeyHash(codeKey(1), 0)).not.toBe(codeKeyHash(codeKey(2), 0));
  });
});
