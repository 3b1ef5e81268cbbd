import { createMPT } from "@ethereumjs/mpt";
import { expect, it } from "@jest/globals";
import { keccak256 } from "@velarium/hash-kernel";
import fc from "fast-check";
import { trieRoot } from "../src/index.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

it("gives the roots of a general trie, for keys with long shared prefixes too", async () => {
  const key = fc
    .tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer({ min: 0, max: 31 }))
    // A prefix of zeros makes extensions and short leaves whose nodes are embedded.
    .map(([bytes, zeros]) => bytes.fill(0, 0, zeros));
  const entry = fc.tuple(key, fc.uint8Array({ minLength: 1, maxLength: 80 }));
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 60 }), async (entries) => {
      const items = new Map(entries.map(([name, value]) => [hex(name), { key: name, value }]));
      const trie = await createMPT({ useKeyHashingFunction: keccak256 });
      for (const { key: name, value } of items.values()) await trie.put(name, value);
      expect(hex(trieRoot([...items.values()]))).toBe(hex(trie.root()));
    }),
    { numRuns: 100 },
  );
});
