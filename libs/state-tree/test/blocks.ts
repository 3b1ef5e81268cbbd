/** Seeded random blocks for the tests. */
import type { RefChange } from "./reference.ts";

export const CHAIN = { chainId: 7, genesisHash: "0xabc" };

export function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function keyOf(n: number): Buffer {
  const key = Buffer.alloc(56);
  key[0] = 3;
  key.writeUInt32BE(n, 20);
  key.writeUInt32BE(n * 7, 40);
  return key;
}

/** A block of up to `size` changes over `space` keys, about `deletes` of them deletions. */
export function randomBlock(next: () => number, size: number, space: number, deletes: number): RefChange[] {
  const chosen = new Set<number>();
  for (let i = 0; i < size; i++) chosen.add(Math.floor(next() * space));
  return [...chosen].map((n) => {
    const value = Buffer.alloc(32);
    if (next() >= deletes) value.writeUInt32BE(1 + Math.floor(next() * 1e9), 28);
    return { key: keyOf(n), value };
  });
}

export function pack(changes: readonly RefChange[]): { keys: Uint8Array; values: Uint8Array; count: number } {
  return {
    keys: new Uint8Array(Buffer.concat(changes.map((c) => c.key))),
    values: new Uint8Array(Buffer.concat(changes.map((c) => c.value))),
    count: changes.length,
  };
}

export const hex = (b: Uint8Array): string => Buffer.from(b).toString("hex");
