import { describe, expect, it } from "@jest/globals";
import { BytesVector, FixedVector } from "../src/index.ts";

describe("FixedVector", () => {
  it("takes items as bytes and as words alike, over growth and use again", () => {
    const source = Uint8Array.from({ length: 800 }, (_, i) => (i * 7) & 0xff);
    const words = new Uint32Array(source.buffer);
    const asBytes = new FixedVector(56, 1);
    const asWords = new FixedVector(56, 1);
    for (const round of [1, 2]) {
      for (let i = 0; i < 60; i++) {
        const word = (i * round * 5) % 180;
        asBytes.push(source, word * 4);
        if (i % 7 === 0) asWords.push(source, word * 4);
        else asWords.pushWords(words, word);
      }
      expect(asWords.length).toBe(60);
      expect(asWords.view()).toEqual(asBytes.view());
      asBytes.clear();
      asWords.clear();
    }
  });
});

describe("BytesVector", () => {
  it("keeps empty items", () => {
    const vector = new BytesVector();
    for (const size of [0, 3, 0]) vector.push(new Uint8Array(size).fill(size));
    expect([...vector.view().ends]).toEqual([0, 3, 3]);
    expect([...vector.view().blob]).toEqual([3, 3, 3]);
  });
});
