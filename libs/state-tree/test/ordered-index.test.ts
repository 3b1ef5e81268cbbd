import { describe, expect, it } from "@jest/globals";
import { compareHashes, sortHashes } from "../src/hash-words.ts";
import { LeafPool } from "../src/leaf-pool.ts";
import { LOOK_UPS, LookUps } from "../src/look-ups.ts";
import { OrderedIndex } from "../src/ordered-index.ts";
import { random } from "./blocks.ts";

/** Hashes that differ only from word `word` on: what an attacker who grinds prefixes would make. */
function hashes(next: () => number, count: number, word: number): Uint32Array[] {
  const seen = new Set<number>([0]);
  while (seen.size < count + 1) seen.add(Math.floor(next() * 2 ** 32));
  seen.delete(0);
  return [...seen].map((n) => {
    const w = new Uint32Array(8).fill(0x5a5a5a5a);
    w[word] = n;
    return w;
  });
}

describe("the ordered index", () => {
  it.each([0, 1, 7])("behaves like a sorted map when keys differ from word %i on", (word) => {
    const next = random(21 + word);
    const pool = new LeafPool();
    const index = new OrderedIndex(pool);
    index.seek(new Uint32Array(8), 0);
    index.insert(new Uint32Array(8), 0, 0);
    const all = hashes(next, 6000, word);
    const model = new Map<number, number>();
    for (let step = 0; step < 24_000; step++) {
      const growing = step < 12_000;
      const i = Math.floor(next() * all.length);
      const exact = index.seek(all[i]!, 0);
      if (exact !== model.has(i)) throw new Error(`step ${step}: found is ${exact}`);
      if (exact && next() < (growing ? 0.2 : 0.9)) {
        if (index.number() !== model.get(i)) throw new Error(`step ${step}: wrong number`);
        index.remove();
        model.delete(i);
      } else if (!exact && next() < (growing ? 0.9 : 0.2)) {
        const number = Math.floor(next() * 2 ** 45);
        index.insert(all[i]!, 0, number);
        model.set(i, number);
      }
    }
    const order = [...model.keys()].sort((a, b) => compareHashes(all[a]!, 0, all[b]!, 0));
    expect(index.size).toBe(order.length + 1);
    const at = new Uint32Array(8);
    index.seek(new Uint32Array(8), 0);
    for (const i of order) {
      index.stepForward();
      index.hash(at, 0);
      expect(at).toEqual(all[i]);
      expect(index.number()).toBe(model.get(i));
    }
    for (let k = order.length - 1; k > 0; k--) {
      index.stepBack();
      index.hash(at, 0);
      expect(at).toEqual(all[order[k - 1]!]);
    }
  });

  it.each([0, 1, 7])("finds many hashes together as one by one, when keys differ from word %i on", (word) => {
    const next = random(31 + word);
    const pool = new LeafPool();
    const indexes = [new OrderedIndex(pool), new OrderedIndex(pool)];
    const all = hashes(next, 20_000, word);
    // With words 1 and 7 all hashes of an index begin with the same word.
    const side = (first: number): number => (word === 0 ? first >>> 31 : first & 1);
    const words = new Uint32Array(all.length * 8);
    all.forEach((h, i) => {
      if (word > 0) h[0] = h[0]! + (i & 1);
      words.set(h, i * 8);
    });
    const indexOf = (first: number) => indexes[side(first)]!;
    for (const index of indexes) {
      index.seek(new Uint32Array(8), 0);
      index.insert(new Uint32Array(8), 0, 0);
    }
    for (let i = 0; i < all.length; i += 2 + (i & 1)) {
      const index = indexOf(words[i * 8]!);
      index.seek(words, i * 8);
      index.insert(words, i * 8, i);
    }
    const lookUps = new LookUps();
    const order = sortHashes(words, all.length);
    for (const by of [null, order]) {
      for (let from = 0; from < all.length; from += LOOK_UPS) {
        const to = Math.min(all.length, from + LOOK_UPS);
        lookUps.find(words, by, from, to, indexOf);
        for (let i = from; i < to; i++) {
          const at = (by === null ? i : by[i]!) * 8;
          const index = indexOf(words[at]!);
          const together = [lookUps.seek(i - from, index, words, at), index.number()];
          if (index.seek(words, at) !== together[0] || index.number() !== together[1])
            throw new Error(`hash ${at / 8}: found ${together}, alone ${index.number()}`);
        }
      }
    }
  });

  it("stays within 60 bytes per key under inserts in random and in rising order", () => {
    for (const sorted of [false, true]) {
      const pool = new LeafPool();
      const index = new OrderedIndex(pool);
      const all = hashes(random(4), 200_000, 0);
      if (sorted) all.sort((a, b) => a[0]! - b[0]!);
      for (const h of all) {
        index.seek(h, 0);
        index.insert(h, 0, 1);
      }
      expect((pool.bytes + index.directoryBytes) / all.length).toBeLessThan(60);
    }
  });
});

describe("sorting of hashes", () => {
  it.each([0, 3])("orders hashes that differ from word %i on", (word) => {
    const all = hashes(random(8), 5000, word);
    const words = new Uint32Array(all.length * 8);
    all.forEach((h, i) => {
      words.set(h, i * 8);
    });
    const order = sortHashes(words, all.length);
    for (let i = 1; i < order.length; i++)
      if (compareHashes(words, order[i - 1]! * 8, words, order[i]! * 8) >= 0)
        throw new Error(`out of order at ${i}`);
    expect(new Set(order).size).toBe(all.length);
  });
});
