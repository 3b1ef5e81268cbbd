import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { loadSnapshot, StateStore, writeSnapshot } from "../src/index.ts";
import { CHAIN, hex, keyOf, pack, random, randomBlock } from "./blocks.ts";

const dirs: string[] = [];
function temporary(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "state-tree-"));
  dirs.push(dir);
  return dir;
}
afterEach(() => {
  for (const dir of dirs.splice(0)) fs.rmSync(dir, { recursive: true, force: true });
});

const open = (dir: string, more: object = {}) =>
  StateStore.open({ dir, chain: CHAIN, partitions: 4, cacheBytes: 65536, segmentBytes: 200_000, ...more });
const segments = (dir: string) =>
  fs
    .readdirSync(dir)
    .filter((n) => n.endsWith(".seg"))
    .sort()
    .map((n) => path.join(dir, n));

/** Runs `blocks` blocks and returns the root after each. */
function run(store: StateStore, blocks: number, seed = 2): string[] {
  const next = random(seed);
  const roots: string[] = [];
  for (let height = 0; height < blocks; height++) {
    const changes = pack(randomBlock(next, 800, 2500, 0.25));
    if (height > store.height)
      store.commit({ height, ...changes, record: Buffer.from(`record ${height}`), sync: false });
    roots.push(hex(store.stateRoot(height)));
  }
  store.persist();
  return roots;
}

/** All records past the operating system's cache, where the file system can do that. */
const DIRECT = { directBytes: 1, cacheBytes: 8 << 20 };

describe("restart", () => {
  it.each([
    ["with a small cache", {}],
    ["with records past the system's cache", DIRECT],
    ["with some records past the system's cache", { ...DIRECT, directBytes: 70_000 }],
  ])("restores exactly, over many segments and %s, and goes on as if nothing had been", (_how, more) => {
    const dir = temporary();
    const store = open(dir, more);
    const roots = run(store, 14);
    expect(store.durableHeight).toBe(13);
    store.close();
    expect(segments(dir).length).toBeGreaterThan(3);
    const again = open(dir, more);
    expect(hex(again.stateRoot())).toBe(roots[13]);
    for (let h = 0; h < 14; h++) {
      expect(Buffer.from(again.recordAt(h)!).toString()).toBe(`record ${h}`);
      expect(hex(again.stateRoot(h))).toBe(roots[h]);
    }
    const memory = StateStore.open({ dir: null, chain: CHAIN, partitions: 4 });
    const expected = run(memory, 18);
    expect(run(again, 18)).toEqual(expected);
    again.rollbackTo(6);
    again.close();
    const back = open(dir, more);
    expect(back.height).toBe(6);
    expect(hex(back.stateRoot())).toBe(expected[6]);
    expect(run(back, 18)).toEqual(expected);
    back.close();
  });

  it("drops a torn tail wherever the last block breaks off, and refuses damage before it", () => {
    const dir = temporary();
    const store = open(dir, { segmentBytes: 2 ** 30 });
    const roots = run(store, 5);
    store.close();
    const file = segments(dir)[0]!;
    const whole = fs.readFileSync(file);
    const five = (() => {
      const short = temporary();
      const s = open(short, { segmentBytes: 2 ** 30 });
      run(s, 4);
      s.close();
      return fs.statSync(segments(short)[0]!).size;
    })();
    const cuts = [
      five,
      five + 1,
      five + 127,
      five + 128,
      five + 300,
      five + 5000,
      whole.length - 129,
      whole.length - 1,
    ];
    for (const cut of cuts) {
      fs.writeFileSync(file, whole.subarray(0, cut));
      const torn = open(dir, { segmentBytes: 2 ** 30 });
      expect(torn.height).toBe(3);
      expect(hex(torn.stateRoot())).toBe(roots[3]);
      expect(run(torn, 5)).toEqual(roots);
      torn.close();
      expect(fs.readFileSync(file).equals(whole)).toBe(true);
    }
    for (const flip of [five + 10, five + 200, five + 4000, whole.length - 128]) {
      const bad = Buffer.from(whole);
      bad[flip]! ^= 1;
      fs.writeFileSync(file, bad);
      const torn = open(dir, { segmentBytes: 2 ** 30 });
      expect(torn.height).toBe(3);
      torn.close();
    }
    // A genesis that was cut short leaves an empty store.
    fs.writeFileSync(file, whole.subarray(0, 40_000));
    const empty = open(dir);
    expect(empty.height).toBe(-1);
    expect(run(empty, 5)).toEqual(roots);
    empty.close();
  });

  it("drops a torn tail of records past the system's cache, with and without zeros behind them", () => {
    const sizeAfter = (blocks: number): number => {
      const dir = temporary();
      const store = open(dir, { segmentBytes: 2 ** 30 });
      run(store, blocks);
      store.close();
      return fs.statSync(segments(dir)[0]!).size;
    };
    const [four, five] = [sizeAfter(4), sizeAfter(5)];
    const dir = temporary();
    const more = { ...DIRECT, segmentBytes: 2 ** 30 };
    const store = open(dir, more);
    const roots = run(store, 5);
    store.close();
    const file = segments(dir)[0]!;
    const whole = fs.readFileSync(file);
    for (const cut of [four, four + 1, four + 300, Math.ceil(four / 4096) * 4096, five - 125])
      for (const behind of [0, 1, 5000]) {
        fs.writeFileSync(file, Buffer.concat([whole.subarray(0, cut), Buffer.alloc(behind)]));
        const torn = open(dir, more);
        expect(torn.height).toBe(3);
        expect(run(torn, 5)).toEqual(roots);
        torn.close();
        expect(fs.readFileSync(file).subarray(0, five).equals(whole.subarray(0, five))).toBe(true);
      }
    // Zeros behind the last record are none of it.
    fs.writeFileSync(file, Buffer.concat([whole.subarray(0, five), Buffer.alloc(4096)]));
    const again = open(dir, more);
    expect(again.height).toBe(4);
    expect(hex(again.stateRoot())).toBe(roots[4]);
    again.close();
    expect(fs.statSync(file).size).toBe(five);
  });

  it("refuses damage in an earlier segment", () => {
    const dir = temporary();
    const store = open(dir);
    run(store, 12);
    store.close();
    const file = segments(dir)[2]!;
    const bytes = fs.readFileSync(file);
    bytes[bytes.length - 3000]! ^= 4;
    fs.writeFileSync(file, bytes);
    expect(() => open(dir)).toThrow(expect.objectContaining({ code: "corrupt-log" }));
  });

  it("keeps what was applied apart from what is durable", async () => {
    const dir = temporary();
    const store = open(dir);
    run(store, 2);
    const changes = pack(randomBlock(random(77), 500, 2500, 0.1));
    store.apply({ height: 2, ...changes });
    const values = new Uint8Array(changes.count * 32);
    store.getBatch(changes.keys, changes.count, values);
    expect(hex(values)).toBe(hex(changes.values));
    store.apply({ height: 3, ...pack(randomBlock(random(78), 500, 2500, 0.1)) });
    expect(store.durableHeight).toBe(1);
    await store.persistAsync(2);
    expect(store.durableHeight).toBe(2);
    const root = hex(store.stateRoot(2));
    store.close();
    const again = open(dir);
    expect(again.height).toBe(2);
    expect(hex(again.stateRoot())).toBe(root);
    again.close();
  });

  it("refuses another chain, partition map or format", () => {
    const dir = temporary();
    open(dir).close();
    const refused = (options: object, code: string) =>
      expect(() => open(dir, options)).toThrow(expect.objectContaining({ code }));
    refused({ chain: { ...CHAIN, chainId: 8 } }, "wrong-chain");
    refused({ chain: { ...CHAIN, genesisHash: "0xdef" } }, "wrong-chain");
    refused({ partitions: 8 }, "wrong-partitions");
    refused({ owned: [0] }, "wrong-partitions");
    const file = path.join(dir, "manifest.json");
    fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace('"format": 1', '"format": 99'));
    refused({}, "wrong-version");
  });
});

describe("snapshots", () => {
  it("carry a store to another directory with the same roots now and later", () => {
    const from = open(temporary());
    const roots = run(from, 9);
    const file = path.join(temporary(), "snapshot");
    writeSnapshot(from, file);
    const dir = temporary();
    const options = { dir, chain: CHAIN, partitions: 4 };
    const to = loadSnapshot(file, options);
    expect(to.height).toBe(8);
    expect(to.durableHeight).toBe(8);
    expect(hex(to.stateRoot())).toBe(roots[8]);
    expect(Buffer.from(to.recordAt(8)!).toString()).toBe("record 8");
    const later = pack(randomBlock(random(40), 700, 2500, 0.3));
    expect(hex(to.commit({ height: 9, ...later }).partitionRoots)).toBe(
      hex(from.commit({ height: 9, ...later }).partitionRoots),
    );
    to.close();
    const again = StateStore.open(options);
    expect(hex(again.stateRoot())).toBe(hex(from.stateRoot()));
    for (let n = 0; n < 2500; n += 11) expect(hex(again.get(keyOf(n)))).toBe(hex(from.get(keyOf(n))));
    const bytes = fs.readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    fs.writeFileSync(file, bytes);
    const load = (chain = CHAIN) => loadSnapshot(file, { dir: null, chain, partitions: 4 });
    expect(() => load()).toThrow(expect.objectContaining({ code: "corrupt-snapshot" }));
    expect(() => load({ ...CHAIN, chainId: 9 })).toThrow(expect.objectContaining({ code: "wrong-chain" }));
    from.close();
    again.close();
  });
});
