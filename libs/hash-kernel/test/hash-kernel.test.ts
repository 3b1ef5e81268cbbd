import { createMPT } from "@ethereumjs/mpt";
import { type Input, RLP } from "@ethereumjs/rlp";
import { describe, expect, it } from "@jest/globals";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { BytesVector } from "@velarium/columns";
import fc from "fast-check";
import { createKeccak } from "hash-wasm";
import {
  keccak256,
  keccak256Into,
  keccakBatch,
  keccakWords,
  keccakWordsTwice,
  orderedTrieRoot,
} from "../src/index.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Seeded bytes (mulberry32), so that a failure can be repeated. */
function seeded(seed: number): (size: number) => Uint8Array {
  let state = seed >>> 0;
  return (size) => {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      bytes[i] = (t ^ (t >>> 14)) >>> 24;
    }
    return bytes;
  };
}

describe("keccak256", () => {
  it("gives the known vectors", () => {
    expect(hex(keccak256(new Uint8Array(0)))).toBe(
      "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    );
    expect(hex(keccak256(new Uint8Array([0x80])))).toBe(
      "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    );
  });

  it("equals two other implementations for every size around the rate", async () => {
    const wasm = await createKeccak(256);
    const bytes = seeded(1);
    for (let size = 0; size < 700; size++) {
      const input = bytes(size);
      const got = hex(keccak256(input));
      expect(got).toBe(wasm.init().update(input).digest("hex"));
      expect(got).toBe(hex(keccak_256(input)));
    }
    const large = bytes(1_000_003);
    expect(hex(keccak256(large))).toBe(wasm.init().update(large).digest("hex"));
  });

  it("hashes two words, and two times two words at once", () => {
    const wordPairs = fc.uint8Array({ minLength: 128, maxLength: 128 });
    fc.assert(
      fc.property(wordPairs, fc.nat(3), fc.nat(3), (bytes, gap, to) => {
        const input = new Uint32Array(32 + gap);
        const given = new Uint8Array(input.buffer);
        given.set(bytes.subarray(0, 64));
        given.set(bytes.subarray(64), 64 + 4 * gap);
        const out = new Uint32Array(24);
        keccakWordsTwice(input, 16 + gap, 0, out, to, 12);
        const at = (piece: number): string => hex(new Uint8Array(out.buffer, piece * 4, 32));
        expect(at(to)).toBe(hex(keccak_256(bytes.subarray(64))));
        expect(at(12)).toBe(hex(keccak_256(bytes.subarray(0, 64))));
        keccakWords(input, 0, out, to);
        expect(at(to)).toBe(hex(keccak_256(bytes.subarray(0, 64))));
      }),
    );
  });

  it("hashes a part of a buffer in place", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(), (bytes, a, b) => {
        const from = a % (bytes.length + 1);
        const size = b % (bytes.length - from + 1);
        const out = new Uint8Array(40);
        keccak256Into(bytes, from, size, out, 5);
        expect(hex(out)).toBe(`0000000000${hex(keccak_256(bytes.subarray(from, from + size)))}000000`);
      }),
    );
  });

  it("hashes a column", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (items) => {
        const column = new BytesVector();
        for (const item of items) column.push(item);
        expect(hex(keccakBatch(column.view()))).toBe(items.map((item) => hex(keccak_256(item))).join(""));
      }),
    );
  });
});

async function referenceRoot(items: readonly Uint8Array[]): Promise<string> {
  const trie = await createMPT();
  for (let i = 0; i < items.length; i++) await trie.put(RLP.encode(i), items[i]!);
  return hex(trie.root());
}

type Entry = readonly [nibbles: string, value: Uint8Array];

/** The Yellow Paper's definition (appendix D), read literally: fast enough for sizes at which a general trie is not. */
function definedRoot(items: readonly Uint8Array[]): string {
  const hexPrefix = (nibbles: string, leaf: boolean): Uint8Array => {
    const flag = (leaf ? 2 : 0) + (nibbles.length % 2);
    return Buffer.from(flag.toString(16) + (nibbles.length % 2 ? "" : "0") + nibbles, "hex");
  };
  const node = (entries: readonly Entry[], depth: number): Uint8Array => {
    const [first] = entries as [Entry];
    if (entries.length === 1) return RLP.encode([hexPrefix(first[0].slice(depth), true), first[1]]);
    let shared = depth;
    while (entries.every(([key]) => key[shared] === first[0][shared])) shared++;
    if (shared > depth)
      return RLP.encode([hexPrefix(first[0].slice(depth, shared), false), reference(entries, shared)]);
    const groups: Entry[][] = Array.from({ length: 16 }, () => []);
    for (const entry of entries) groups[Number.parseInt(entry[0][depth]!, 16)]!.push(entry);
    return RLP.encode([
      ...groups.map((g) => (g.length ? reference(g, depth + 1) : new Uint8Array(0))),
      new Uint8Array(0),
    ]);
  };
  const reference = (entries: readonly Entry[], depth: number): Input => {
    const encoded = node(entries, depth);
    return encoded.length < 32 ? (RLP.decode(encoded) as Input) : keccak256(encoded);
  };
  return hex(
    keccak256(
      node(
        items.map((value, i) => [hex(RLP.encode(i)), value] as const),
        0,
      ),
    ),
  );
}

describe("columns whose offsets leave their data", () => {
  const column = (ends: number[], bytes: number) => ({
    ends: Uint32Array.from(ends),
    blob: new Uint8Array(bytes).fill(7),
  });
  const wrong = [column([5, 3], 5), column([2, 9], 8), column([2 ** 32 - 1], 10), column([4, 2 ** 31, 6], 6)];
  for (const hash of [orderedTrieRoot, keccakBatch])
    it(`are refused by ${hash.name}, which works on afterwards`, () => {
      const good = column([2, 5, 5 + 400], 500);
      const expected = hex(hash(good));
      for (const bad of wrong) expect(() => hash(bad)).toThrow(expect.objectContaining({ code: "columns" }));
      expect(hex(hash(good))).toBe(expected);
    });
});

describe("orderedTrieRoot", () => {
  const check = async (items: readonly Uint8Array[]): Promise<void> => {
    const column = new BytesVector();
    for (const item of items) column.push(item);
    expect(hex(orderedTrieRoot(column.view()))).toBe(await referenceRoot(items));
  };

  it("equals a general trie for 0 to 300 items", async () => {
    const bytes = seeded(2);
    const items: Uint8Array[] = [];
    const column = new BytesVector();
    const trie = await createMPT();
    for (let n = 0; n <= 300; n++) {
      expect(hex(orderedTrieRoot(column.view()))).toBe(hex(trie.root()));
      const item = bytes(1 + ((n * 37) % 190));
      items.push(item);
      column.push(item);
      await trie.put(RLP.encode(n), item);
    }
  });

  it("embeds short nodes", async () => {
    const bytes = seeded(3);
    for (const n of [1, 2, 3, 17, 130, 300, 1000])
      await check(
        Array.from({ length: n }, (_, i) => (i % 3 ? bytes(1 + (i % 4)) : Uint8Array.of(1 + (i % 200)))),
      );
  });

  it("equals a general trie for 1000 items of random sizes, some large", async () => {
    const bytes = seeded(4);
    await check(
      Array.from({ length: 1000 }, (_, i) => bytes(1 + ((i * 7919) % 600) + (i % 100 === 0 ? 70_000 : 0))),
    );
  });

  it("equals the plain definition for 70,000 items, and that equals a general trie", async () => {
    const bytes = seeded(5);
    const items = Array.from({ length: 70_000 }, (_, i) => bytes(1 + ((i * 31) % 120)));
    expect(definedRoot(items.slice(0, 700))).toBe(await referenceRoot(items.slice(0, 700)));
    const column = new BytesVector();
    for (const item of items) column.push(item);
    expect(hex(orderedTrieRoot(column.view()))).toBe(definedRoot(items));
  });

  it("equals the plain definition while its memory grows: items of megabytes between small ones", () => {
    const bytes = seeded(6);
    for (const large of [200_000, 4_000_000]) {
      const items = Array.from({ length: 140 }, (_, i) => bytes(1 + ((i * 53) % 300)));
      items[77] = bytes(large);
      items[128] = bytes(200_001);
      const column = new BytesVector();
      for (const item of items) column.push(item);
      expect(hex(orderedTrieRoot(column.view()))).toBe(definedRoot(items));
      expect(hex(keccak256(items[77]))).toBe(hex(keccak_256(items[77])));
    }
  });

  it("equals a general trie for arbitrary items", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { maxLength: 150 }),
        async (items) => check(items),
      ),
      { numRuns: 40 },
    );
  });
});
