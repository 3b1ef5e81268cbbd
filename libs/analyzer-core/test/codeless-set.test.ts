import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CodelessSet } from "../src/index.ts";

describe("CodelessSet", () => {
  it("holds what was added, through collisions, and nothing else", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 30 }), (ids) => {
        const set = new CodelessSet(64);
        const model = new Set<string>();
        for (const [hi, lo] of ids) {
          set.add(hi, lo, 0);
          if (hi !== 0 || lo !== 0) model.add(`${hi},${lo}`);
        }
        for (let hi = 0; hi < 8; hi++)
          for (let lo = 0; lo < 8; lo++) expect(set.has(hi, lo)).toBe(model.has(`${hi},${lo}`));
        expect(set.size).toBe(model.size);
      }),
    );
  });

  it("forgets everything when it is full or too old", () => {
    const set = new CodelessSet(8, 1000);
    for (let i = 1; i <= set.capacity; i++) set.add(1, i, 0);
    expect(set.has(1, 1)).toBe(true);
    set.add(1, 999, 500);
    expect([set.has(1, 1), set.has(1, 999), set.size]).toEqual([false, true, 1]);
    set.expire(1500);
    expect(set.has(1, 999)).toBe(true);
    set.expire(1501);
    expect(set.has(1, 999)).toBe(false);
  });
});
