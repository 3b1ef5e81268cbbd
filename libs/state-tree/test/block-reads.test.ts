import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { Domain, fieldKey } from "@velarium/slots";
import fc from "fast-check";
import { StateStore } from "../src/index.ts";
import { CHAIN, hex, keyOf, pack } from "./blocks.ts";
import type { RefChange } from "./reference.ts";

const memory = () => StateStore.open({ dir: null, chain: CHAIN, partitions: 4 });

describe("changes that were read before", () => {
  it("give the roots that changes alone give, whichever of them are kept", () => {
    const change = fc.record({ n: fc.nat(200), v: fc.nat(2), kept: fc.boolean() });
    const block = fc.uniqueArray(change, { selector: (c) => c.n, maxLength: 120 });
    fc.assert(
      fc.property(fc.array(block, { minLength: 2, maxLength: 6 }), (blocks) => {
        const plain = memory();
        const read = memory();
        const none = pack([]);
        for (const store of [plain, read]) store.commit({ height: 0, ...none, keys: new Uint8Array(0) });
        blocks.forEach((changes, i) => {
          const all: RefChange[] = changes.map(({ n, v }) => ({ key: keyOf(n), value: Buffer.alloc(32, v) }));
          const kept = Uint32Array.from(changes.flatMap((c, k) => (c.kept ? [k] : [])));
          const some = pack(all.filter((_, k) => changes[k]!.kept));
          const before = new Uint8Array(all.length * 32);
          const expected = new Uint8Array(all.length * 32);
          read.readForBlock(pack(all).keys, all.length, before);
          plain.getBatch(pack(all).keys, all.length, expected);
          expect(hex(before)).toBe(hex(expected));
          plain.commit({ height: i + 1, ...some });
          read.commit({ height: i + 1, ...some, kept });
          expect(hex(read.stateRoot())).toBe(hex(plain.stateRoot()));
        });
      }),
      { numRuns: 40 },
    );
  });

  it("are refused when nothing was read, and after a rollback", () => {
    const store = memory();
    const block = pack([{ key: keyOf(1), value: Buffer.alloc(32, 1) }]);
    store.commit({ height: 0, ...block });
    const kept = Uint32Array.of(0);
    expect(() => store.apply({ height: 1, ...block, kept })).toThrow(RangeError);
    store.commit({ height: 1, ...block });
    store.readForBlock(block.keys, 1, new Uint8Array(32));
    store.rollbackTo(0);
    expect(() => store.apply({ height: 1, ...block, kept })).toThrow(RangeError);
  });
});

describe("code slots", () => {
  it("are found when written, gone when deleted, back after a rollback, and found after a restart", () => {
    const dir = mkdtempSync(join(tmpdir(), "velarium-codes-"));
    try {
      const address = (n: number): Uint8Array => new Uint8Array(20).fill(n, 1).fill(n >> 8, 0, 1);
      const key = (n: number): Uint8Array => fieldKey(Domain.code, address(n));
      const of = (numbers: number[], v: number) =>
        pack(numbers.map((n) => ({ key: Buffer.from(key(n)), value: Buffer.alloc(32, v) })));
      let store = StateStore.open({ dir, chain: CHAIN, partitions: 4 });
      const firstByteOf = (n: number): number => store.get(key(n))[0]!;
      store.commit({ height: 0, ...of([1, 2], 9) });
      expect([1, 2, 3, 4].map(firstByteOf)).toEqual([9, 9, 0, 0]);
      store.commit({ height: 1, ...of([3], 8) });
      store.commit({ height: 2, ...of([1], 0) });
      expect([1, 2, 3, 4].map(firstByteOf)).toEqual([0, 9, 8, 0]);
      store.rollbackTo(1);
      expect([1, 2, 3, 4].map(firstByteOf)).toEqual([9, 9, 8, 0]);
      store.close();
      store = StateStore.open({ dir, chain: CHAIN, partitions: 4 });
      expect([1, 2, 3, 4].map(firstByteOf)).toEqual([9, 9, 8, 0]);
      for (let n = 5; n < 250; n++) expect(firstByteOf(n)).toBe(0);
      store.close();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
