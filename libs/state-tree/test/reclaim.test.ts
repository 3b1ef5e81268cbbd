import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { describe, expect, it } from "@jest/globals";
import { loadSnapshot, proveSlot, StateStore, verifyProof, writeSnapshot } from "../src/index.ts";
import { CHAIN, hex, keyOf, pack, random, randomBlock } from "./blocks.ts";

const BLOCKS = 170;
const blocks = (() => {
  const next = random(31);
  return Array.from({ length: BLOCKS + 3 }, () => pack(randomBlock(next, 700, 1300, 0.15)));
})();

describe("reclaiming log space", () => {
  it.each(["disk", "memory"])("keeps roots, values, proofs, rollback and restart (%s)", (kind) => {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "state-tree-"));
    try {
      const dir = kind === "disk" ? path.join(home, "data") : null;
      const options = { dir, chain: CHAIN, partitions: 2, cacheBytes: 65536, segmentBytes: 400_000 };
      const plain = StateStore.open({ dir: null, chain: CHAIN, partitions: 2 });
      let store = StateStore.open(options);
      let freed = 0;
      const check = () => {
        expect(hex(store.stateRoot())).toBe(hex(plain.stateRoot()));
        for (let n = 0; n < 1300; n += 5) expect(hex(store.get(keyOf(n)))).toBe(hex(plain.get(keyOf(n))));
      };
      for (let height = 0; height < BLOCKS; height++) {
        const block = {
          height,
          ...blocks[height]!,
          record: Buffer.from(`r${height}`),
          sync: height % 10 === 9,
        };
        plain.commit(block);
        store.commit(block);
        if (height % 10 === 9) freed += store.reclaim();
        if (dir !== null && height % 40 === 39) {
          store.close();
          store = StateStore.open(options);
          check();
        }
      }
      expect(freed).toBeGreaterThan(1_000_000);
      check();
      expect(store.recordAt(0)).toBe(null);
      expect(Buffer.from(store.recordAt(BLOCKS - 1)!).toString()).toBe(`r${BLOCKS - 1}`);
      const oldest = store.oldestHeight;
      expect(BLOCKS - 1 - oldest).toBeGreaterThan(50);
      for (const height of [oldest, BLOCKS - 20, BLOCKS - 1])
        for (let n = 1; n < 2000; n += 401) {
          const verdict = verifyProof(plain.stateRoot(height), proveSlot(store, keyOf(n), height));
          if (!verdict.ok) throw new Error(verdict.reason);
        }
      writeSnapshot(store, path.join(home, "snapshot"));
      const copy = loadSnapshot(path.join(home, "snapshot"), { dir: null, chain: CHAIN, partitions: 2 });
      for (let height = BLOCKS; height < BLOCKS + 3; height++) {
        copy.commit({ height, ...blocks[height]! });
        plain.commit({ height, ...blocks[height]! });
      }
      expect(hex(copy.stateRoot())).toBe(hex(plain.stateRoot()));
      store.rollbackTo(oldest);
      if (dir !== null) {
        store.close();
        store = StateStore.open(options);
      }
      for (let height = oldest + 1; height < BLOCKS + 3; height++)
        store.commit({ height, ...blocks[height]! });
      check();
      store.close();
    } finally {
      fs.rmSync(home, { recursive: true, force: true });
    }
  });
});
