import { describe, expect, it } from "@jest/globals";
import { compareHashes, sortHashes } from "../src/hash-words.ts";
import { OrderedIndex } from "../src/ordered-index.ts";
import { TreeKernel } from "../src/tree-kernel.ts";
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
    const index = new OrderedIndex(new TreeKernel());
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
    const kernel = new TreeKernel();
    const indexes = [new OrderedIndex(kernel), new OrderedIndex(kernel)];
    for (let byte = 0; byte < 256; byte++) kernel.setIndexOfByte(byte, indexes[byte >>> 7]!.handle);
    const all = hashes(next, 20_000, word);
    // With words 1 and 7 all hashes of an index begin with the same word.
    const words = new Uint32Array(all.length * 8);
    all.forEach((h, i) => {
      if (word > 0 && i % 2 === 1) h[0] = 0xda5a5a5a;
      words.set(h, i * 8);
    });
    const indexOf = (first: number) => indexes[first >>> 31]!;
    for (const index of indexes) {
      index.seek(new Uint32Array(8), 0);
      index.insert(new Uint32Array(8), 0, 0);
    }
    // Some numbers pass 2^32.
    for (let i = 0; i < all.length; i += 2 + (i & 1)) {
      const index = indexOf(words[i * 8]!);
      index.seek(words, i * 8);
      index.insert(words, i * 8, i * 2 ** 20);
    }
    const count = all.length;
    const hashesAt = kernel.allocate(count * 32);
    const orderAt = kernel.allocate(count * 4);
    const numbersAt = kernel.allocate(count * 8);
    const placesAt = kernel.allocate(count * 8);
    kernel.u32.set(words, hashesAt >>> 2);
    kernel.u32.set(sortHashes(words, count), orderAt >>> 2);
    for (const by of [0, orderAt]) {
      kernel.f64.fill(-2, numbersAt >>> 3, (numbersAt >>> 3) + count);
      kernel.run.findAll(hashesAt, by, 0, count, numbersAt, placesAt);
      for (let i = 0; i < count; i++) {
        const index = indexOf(words[i * 8]!);
        const alone = index.seek(words, i * 8) ? index.number() : -1;
        const together = kernel.f64[(numbersAt >>> 3) + i];
        if (alone !== together) throw new Error(`hash ${i}: found ${together}, alone ${alone}`);
      }
    }
  });

  it("stays within 60 bytes per key under inserts in random and in rising order", () => {
    for (const sorted of [false, true]) {
      const kernel = new TreeKernel();
      const index = new OrderedIndex(kernel);
      const all = hashes(random(4), 200_000, 0);
      if (sorted) all.sort((a, b) => a[0]! - b[0]!);
      for (const h of all) {
        index.seek(h, 0);
        index.insert(h, 0, 1);
      }
      expect(kernel.run.indexBytes() / all.length).toBeLessThan(60);
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
