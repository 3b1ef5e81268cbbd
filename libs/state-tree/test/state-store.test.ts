import { describe, expect, it } from "@jest/globals";
import { hashKey, partitionOf } from "@velarium/slots";
import fc from "fast-check";
import { combinedRoot, StateStore } from "../src/index.ts";
import { CHAIN, hex, keyOf, pack, random, randomBlock } from "./blocks.ts";
import { type RefChange, Reference } from "./reference.ts";

const memory = (partitions: number, owned?: number[]) =>
  StateStore.open({ dir: null, chain: CHAIN, partitions, ...(owned ? { owned } : {}) });

function compareValues(store: StateStore, reference: Reference, space: number): void {
  const keys = new Uint8Array(Buffer.concat(Array.from({ length: space }, (_, n) => keyOf(n))));
  const out = new Uint8Array(space * 32);
  store.getBatch(keys, space, out);
  for (let n = 0; n < space; n++) {
    const expected = reference.values.get(keyOf(n).toString("hex")) ?? Buffer.alloc(32);
    if (Buffer.compare(expected, out.subarray(n * 32, n * 32 + 32)) !== 0)
      throw new Error(`key ${n} differs`);
  }
}

describe("the state store against the reference", () => {
  it("has the same root and values after random blocks", () => {
    const change = fc.record({ n: fc.nat(60), v: fc.nat(3) });
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(change, { selector: (c) => c.n, maxLength: 30 }), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.constantFrom(1, 4),
        (blocks, partitions) => {
          const store = memory(partitions);
          const reference = new Reference(partitions);
          blocks.forEach((block, height) => {
            const changes: RefChange[] = block.map(({ n, v }) => ({
              key: keyOf(n),
              value: Buffer.alloc(32, v),
            }));
            store.commit({ height, ...pack(changes) });
            reference.apply(changes, height);
          });
          expect(hex(store.stateRoot())).toBe(reference.root());
          compareValues(store, reference, 61);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("stays equal through twig boundaries, deletes, reinserts and compaction", () => {
    const store = memory(2);
    const reference = new Reference(2);
    const next = random(1);
    let moved = 0;
    for (let height = 0; height < 36; height++) {
      const changes = randomBlock(next, height === 0 ? 6000 : 2500, 5000, height % 3 === 2 ? 0.5 : 0.05);
      const before = store.stats().entries;
      store.commit({ height, ...pack(changes) });
      moved = Math.max(moved, store.stats().entries - before - 2 * changes.length);
      reference.apply(changes, height);
      if (height % 6 === 5) expect(hex(store.stateRoot())).toBe(reference.root());
    }
    compareValues(store, reference, 5000);
    // Compaction happened: dead prefixes exist in the reference's partitions.
    for (const part of reference.parts) expect(part.entries.findIndex((e) => e.active)).toBeGreaterThan(2048);
    expect(store.stats().slots).toBe(reference.values.size);
  });

  it("gives one combined root however partitions are spread", () => {
    const roots = [1, 2, 4].map((stores) => {
      const parts = Array.from({ length: stores }, (_, s) =>
        memory(
          8,
          [0, 1, 2, 3, 4, 5, 6, 7].filter((p) => p % stores === s),
        ),
      );
      const next = random(5);
      for (let height = 0; height < 6; height++) {
        const block = randomBlock(next, 900, 2000, 0.2);
        for (const store of parts) {
          const own = block.filter((c) => store.owned.includes(partitionOf(hashKey(c.key), 0, 8)));
          store.commit({ height, ...pack(own) });
        }
      }
      const all = new Uint8Array(8 * 32);
      for (const store of parts)
        store.owned.forEach((p, i) => {
          all.set(store.partitionRoots().subarray(i * 32, i * 32 + 32), p * 32);
        });
      return hex(combinedRoot(all, 8));
    });
    expect(new Set(roots).size).toBe(1);
  });

  it("loads a genesis in batches as if it were one block", () => {
    const changes = randomBlock(random(3), 5000, 9000, 0.1);
    const bulk = memory(4);
    for (let i = 0; i < changes.length; i += 700) {
      const batch = pack(changes.slice(i, i + 700));
      bulk.addGenesis(batch.keys, batch.values, batch.count);
    }
    bulk.commitGenesis();
    const reference = new Reference(4);
    reference.apply(changes, 0);
    expect(hex(bulk.stateRoot())).toBe(reference.root());
  });
});

describe("heights", () => {
  it("rolls back to any height of the window and reads at each", () => {
    const store = memory(2);
    const next = random(9);
    const references: Reference[] = [];
    const roots: string[] = [];
    const blocks: RefChange[][] = [];
    for (let height = 0; height < 12; height++) {
      blocks.push(randomBlock(next, 1200, 1500, 0.4));
      store.commit({ height, ...pack(blocks[height]!) });
      const reference = new Reference(2);
      for (let h = 0; h <= height; h++)
        for (const c of blocks[h]!) reference.values.set(c.key.toString("hex"), c.value);
      references.push(reference);
      roots.push(hex(store.stateRoot()));
    }
    const readAll = (height: number) => {
      for (let n = 0; n < 1500; n += 7) {
        const expected = references[height]!.values.get(keyOf(n).toString("hex")) ?? Buffer.alloc(32);
        expect(hex(store.get(new Uint8Array(keyOf(n)), height))).toBe(hex(expected));
      }
    };
    for (let height = 0; height < 12; height++) {
      readAll(height);
      expect(hex(store.stateRoot(height))).toBe(roots[height]);
    }
    for (const height of [9, 8, 3, 0]) {
      store.rollbackTo(height);
      expect(hex(store.stateRoot())).toBe(roots[height]);
      readAll(height);
    }
    for (let height = 1; height < 12; height++) store.commit({ height, ...pack(blocks[height]!) });
    expect(hex(store.stateRoot())).toBe(roots[11]);
  });

  it("refuses heights out of order or out of the window, foreign partitions, duplicates and reserved keys", () => {
    const store = memory(2, [0]);
    const mine = Array.from({ length: 50 }, (_, n) => keyOf(n)).filter(
      (k) => partitionOf(hashKey(k), 0, 2) === 0,
    );
    const other = Array.from({ length: 50 }, (_, n) => keyOf(n)).find(
      (k) => partitionOf(hashKey(k), 0, 2) === 1,
    )!;
    const one = Buffer.alloc(32, 1);
    const block = (...keys: Buffer[]) => pack(keys.map((key) => ({ key, value: one })));
    store.commit({ height: 0, ...block(mine[0]!) });
    const root = hex(store.partitionRoots());
    const refused = (run: () => void, code: string) => expect(run).toThrow(expect.objectContaining({ code }));
    refused(() => store.commit({ height: 2, ...block(mine[1]!) }), "wrong-height");
    refused(() => store.commit({ height: 1, ...block(other) }), "not-owned");
    refused(() => store.commit({ height: 1, ...block(mine[1]!, mine[1]!) }), "duplicate-key");
    refused(() => store.get(new Uint8Array(mine[0]!), 5), "height-out-of-window");
    refused(() => store.rollbackTo(-1), "height-out-of-window");
    refused(() => StateStore.open({ dir: null, chain: CHAIN, partitions: 3 }), "bad-options");
    const whole = memory(1);
    whole.commit({ height: 0, ...block(mine[0]!) });
    refused(() => whole.commit({ height: 1, ...block(Buffer.alloc(56, 0xff)) }), "reserved-key");
    expect(hex(store.partitionRoots())).toBe(root);
  });
});
