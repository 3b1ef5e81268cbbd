import { describe, expect, it } from "@jest/globals";
import {
  decodeProof,
  encodeProof,
  proveSlot,
  type StateProof,
  StateStore,
  verifyProof,
} from "../src/index.ts";
import { CHAIN, hex, keyOf, pack, random, randomBlock } from "./blocks.ts";

function filled(blocks: number): StateStore {
  const store = StateStore.open({ dir: null, chain: CHAIN, partitions: 4 });
  const next = random(11);
  for (let height = 0; height < blocks; height++)
    store.commit({ height, ...pack(randomBlock(next, 3000, 4000, 0.2)) });
  return store;
}

describe("proofs", () => {
  const store = filled(6);
  const root = store.stateRoot();

  it("verify for random present and absent keys, at every height of the window", () => {
    const next = random(12);
    const kinds = { inclusion: 0, exclusion: 0 };
    for (let i = 0; i < 120; i++) {
      const key = new Uint8Array(keyOf(Math.floor(next() * 8000)));
      const height = i % 6;
      const proof = proveSlot(store, key, height);
      const verdict = verifyProof(store.stateRoot(height), proof);
      const value = hex(store.get(key, height));
      if (!verdict.ok) throw new Error(verdict.reason);
      kinds[verdict.kind]++;
      expect(verdict.kind === "inclusion" ? verdict.value : hex(new Uint8Array(32))).toBe(value);
      expect(decodeProof(encodeProof(proof))).toEqual(proof);
      if (height !== 5) expect(verifyProof(root, proof).ok).toBe(false);
    }
    expect(kinds.inclusion).toBeGreaterThan(10);
    expect(kinds.exclusion).toBeGreaterThan(10);
  });

  it("prove absence in an empty partition and before the first and after the last key", () => {
    const small = StateStore.open({ dir: null, chain: CHAIN, partitions: 4 });
    small.commit({ height: 0, ...pack([{ key: keyOf(1), value: Buffer.alloc(32, 5) }]) });
    for (let n = 2; n < 40; n++) {
      const verdict = verifyProof(small.stateRoot(), proveSlot(small, keyOf(n)));
      expect(verdict).toEqual({ ok: true, kind: "exclusion" });
    }
  });

  it("fail when any byte of the compact form is changed", () => {
    for (const n of [1, 2, 3, 9000]) {
      const bytes = encodeProof(proveSlot(store, keyOf(n)));
      const honest = verifyProof(root, decodeProof(bytes));
      expect(honest.ok).toBe(true);
      for (let at = 0; at < bytes.length; at++) {
        const bad = bytes.slice();
        bad[at]! ^= 1 << (at % 8);
        let verdict: ReturnType<typeof verifyProof>;
        try {
          verdict = verifyProof(root, decodeProof(bad));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          continue;
        }
        // Another key may be absent by the same entry; nothing else may hold.
        if (verdict.ok) expect(at >= 20 && at < 76 && verdict.kind === "exclusion").toBe(true);
      }
    }
  });

  it("refuse malformed objects instead of throwing", () => {
    const proof = proveSlot(store, keyOf(1));
    const bad: unknown[] = [
      null,
      1,
      {},
      { ...proof, twigPath: [] },
      { ...proof, entryNumber: 1e9 },
      { ...proof, bits: "zz" },
    ];
    for (const p of bad) expect(verifyProof(root, p as StateProof).ok).toBe(false);
    expect(verifyProof("0x12", proof).ok).toBe(false);
  });
});
