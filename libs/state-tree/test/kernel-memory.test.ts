import { describe, expect, it } from "@jest/globals";
import { StateStore } from "../src/index.ts";
import type { TreeKernel } from "../src/tree-kernel.ts";
import { CHAIN, hex, pack, random, randomBlock } from "./blocks.ts";

const GIB = 2 ** 30;
const open = () => StateStore.open({ dir: null, chain: CHAIN, partitions: 4 });
/** Memory that nobody touches costs nothing, so a test can stand where millions of slots would be. */
const kernelOf = (store: StateStore): TreeKernel =>
  (store as unknown as { set: { kernel: TreeKernel } }).set.kernel;

describe("the kernel's memory", () => {
  it("makes the same state in its upper half, where addresses are negative as the kernel returns them", () => {
    const [low, high] = [open(), open()];
    kernelOf(high).allocate(2 * GIB + 64 * 1024);
    const next = random(5);
    for (let height = 0; height < 12; height++) {
      const changes = randomBlock(next, 3000, 6000, height % 3 === 2 ? 0.4 : 0.05);
      for (const store of [low, high]) {
        const { keys, values, count } = pack(changes);
        const before = new Uint8Array(count * 32);
        store.readForBlock(keys, count, before);
        store.commit({ height, keys, values, count });
      }
      expect(hex(high.stateRoot())).toBe(hex(low.stateRoot()));
    }
    const { keys, count } = pack(randomBlock(next, 500, 6000, 0));
    const values = [low, high].map((store) => {
      const out = new Uint8Array(count * 32);
      store.getBatch(keys, count, out);
      store.getBatch(keys, 1, out);
      return hex(out);
    });
    expect(values[1]).toBe(values[0]);
    high.rollbackTo(8);
    expect(hex(high.stateRoot())).toBe(hex(low.stateRoot(8)));
  });

  it("refuses a block that its index has no room for, before anything is changed", () => {
    const store = open();
    const next = random(6);
    const first = randomBlock(next, 2000, 4000, 0);
    store.commit({ height: 0, ...pack(first) });
    const root = hex(store.stateRoot());
    kernelOf(store).allocate(4 * GIB - 16 * 2 ** 20);
    const full = () => store.commit({ height: 1, ...pack(randomBlock(next, 60_000, 100_000, 0)) });
    expect(full).toThrow(expect.objectContaining({ code: "index-full" }));
    expect(store.height).toBe(0);
    expect(hex(store.stateRoot())).toBe(root);
    // A smaller one still has room, and is what it would be elsewhere.
    const other = open();
    other.commit({ height: 0, ...pack(first) });
    const small = randomBlock(next, 100, 4000, 0);
    for (const each of [store, other]) each.commit({ height: 1, ...pack(small) });
    expect(hex(store.stateRoot())).toBe(hex(other.stateRoot()));
    expect(() => kernelOf(store).allocate(64 * 2 ** 20)).toThrow(
      expect.objectContaining({ code: "index-full" }),
    );
  });
});
