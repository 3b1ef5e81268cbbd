/**
 * Speed and memory of the state tree, on one core. `stateTreeBench` returns rows; run as a program it prints them as
 * a table and as JSON: `node libs/state-tree/bench/state-tree.ts [--small]`.
 */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { createMPT } from "@ethereumjs/mpt";
import { StateStore } from "../src/index.ts";

export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Least (or greatest, for memory) value that counts as reached. */
  readonly target?: number;
  readonly detail?: string;
}

export interface BenchOptions {
  /** Slots of the speed rows. Default 1,000,000. */
  readonly slots?: number;
  /** Slots of the index memory row. Default 10,000,000. */
  readonly indexSlots?: number;
  /** Updates per block. Default 50,000. */
  readonly blockUpdates?: number;
  readonly blocks?: number;
  /** Directory for the synced rows; a temporary one by default. */
  readonly dir?: string;
}

const CHAIN = { chainId: 1, genesisHash: "bench" };

/** Fast seeded generator (xorshift32). */
function generator(seed: number): () => number {
  let s = seed;
  return () => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return s >>> 0;
  };
}

/** Writes the key of slot number n: a storage slot whose bytes spread over the key. */
function writeKey(keys: Uint32Array, at: number, n: number): void {
  keys.fill(0, at, at + 14);
  keys[at] = 3;
  keys[at + 4] = n;
  keys[at + 13] = Math.imul(n, 2654435761);
}

function loadGenesis(store: StateStore, slots: number): number {
  const start = performance.now();
  const batch = 100_000;
  const keys = new Uint32Array(batch * 14);
  const values = new Uint32Array(batch * 8).fill(1);
  for (let from = 0; from < slots; from += batch) {
    const n = Math.min(batch, slots - from);
    for (let i = 0; i < n; i++) writeKey(keys, i * 14, from + i);
    store.addGenesis(new Uint8Array(keys.buffer), new Uint8Array(values.buffer), n);
  }
  store.commitGenesis();
  return performance.now() - start;
}

interface Block {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

function makeBlocks(slots: number, updates: number, blocks: number): Block[] {
  const next = generator(12345);
  return Array.from({ length: blocks }, () => {
    const keys = new Uint32Array(updates * 14);
    const values = new Uint32Array(updates * 8);
    const seen = new Set<number>();
    for (let i = 0; i < updates; ) {
      const n = next() % slots;
      if (seen.has(n)) continue;
      seen.add(n);
      writeKey(keys, i * 14, n);
      for (let j = 0; j < 8; j++) values[i * 8 + j] = next() | 1;
      i++;
    }
    return { keys: new Uint8Array(keys.buffer), values: new Uint8Array(values.buffer) };
  });
}

/** Updates per second over all blocks, and CPU seconds per second. */
function runBlocks(
  store: StateStore,
  blocks: readonly Block[],
  updates: number,
  warmUp: number,
  read = false,
) {
  const out = new Uint8Array(updates * 32);
  let ms = 0;
  let cpu = 0;
  let counted = 0;
  blocks.forEach((block, i) => {
    const start = performance.now();
    const used = process.cpuUsage();
    if (read) store.getBatch(block.keys, updates, out);
    store.commit({ height: store.height + 1, keys: block.keys, values: block.values, count: updates });
    const { user, system } = process.cpuUsage(used);
    if (i < warmUp) return;
    ms += performance.now() - start;
    cpu += (user + system) / 1000;
    counted++;
  });
  return {
    perSecond: Math.round((counted * updates * 1000) / ms),
    perCpuSecond: Math.round((counted * updates * 1000) / cpu),
  };
}

async function mptRate(slots: number, updates: number): Promise<number> {
  const trie = await createMPT({ useKeyHashing: true });
  const next = generator(99);
  const key = new Uint32Array(14);
  const value = new Uint8Array(32).fill(7);
  for (let n = 0; n < slots; n++) {
    writeKey(key, 0, n);
    await trie.put(new Uint8Array(key.buffer.slice(0)), value);
  }
  const start = performance.now();
  for (let i = 0; i < updates; i++) {
    writeKey(key, 0, next() % slots);
    value[0] = i;
    await trie.put(new Uint8Array(key.buffer.slice(0)), value.slice());
  }
  trie.root();
  return (updates * 1000) / (performance.now() - start);
}

/** Runs all rows, about a minute at the default sizes. */
export async function stateTreeBench(options: BenchOptions = {}): Promise<BenchRow[]> {
  const slots = options.slots ?? 1_000_000;
  const indexSlots = options.indexSlots ?? 10_000_000;
  const updates = options.blockUpdates ?? 50_000;
  const blocks = makeBlocks(slots, updates, options.blocks ?? 40);
  const dir = options.dir ?? fs.mkdtempSync(path.join(os.tmpdir(), "state-tree-bench-"));
  const rows: BenchRow[] = [];
  const open = (name: string | null, cacheBytes?: number) =>
    StateStore.open({
      dir: name && path.join(dir, name),
      chain: CHAIN,
      ...(cacheBytes ? { cacheBytes } : {}),
    });
  try {
    const memory = open(null);
    rows.push({
      name: "genesis load",
      value: Math.round((slots * 1000) / loadGenesis(memory, slots)),
      unit: "slots/s",
    });
    const inMemory = runBlocks(memory, blocks, updates, 5);
    rows.push({
      name: "updates with root, no append",
      value: inMemory.perSecond,
      unit: "updates/s",
      target: 500_000,
    });
    const out = new Uint8Array(updates * 32);
    const start = performance.now();
    for (const block of blocks.slice(0, 10)) memory.getBatch(block.keys, updates, out);
    rows.push({
      name: "random reads",
      value: Math.round((10 * updates * 1000) / (performance.now() - start)),
      unit: "reads/s",
    });
    memory.close();

    const disk = open("synced");
    loadGenesis(disk, slots);
    const synced = runBlocks(disk, blocks, updates, 5);
    rows.push({
      name: "updates with root, synced append",
      value: synced.perSecond,
      unit: "updates/s",
      target: 500_000,
      detail: `${synced.perCpuSecond} per CPU second`,
    });
    const root = Buffer.from(disk.stateRoot()).toString("hex");
    disk.close();
    const reopened = performance.now();
    const again = open("synced");
    rows.push({
      name: "restart by scanning the log",
      value: Math.round(performance.now() - reopened),
      unit: "ms",
    });
    if (Buffer.from(again.stateRoot()).toString("hex") !== root)
      throw new Error("the root changed over a restart");
    again.close();

    // The page cache gets a quarter of the live entries (128 bytes per slot); index and trees come on top.
    const loader = open("quarter", 1);
    loadGenesis(loader, slots);
    loader.close();
    const limited = open("quarter", (slots * 128) / 4);
    const slow = runBlocks(limited, blocks, updates, 5, true);
    const { cacheHits, cacheMisses, cacheBytes, indexBytes } = limited.stats();
    rows.push({
      name: "read, then update, synced, cache of a quarter of the entries",
      value: slow.perSecond,
      unit: "updates/s",
      detail: `page cache ${(cacheBytes / 2 ** 20).toFixed(1)} MiB, ${Math.round((cacheHits * 100) / (cacheHits + cacheMisses))} % hits; index ${(indexBytes / 2 ** 20).toFixed(0)} MiB`,
    });
    limited.close();

    const mpt = await mptRate(Math.min(slots, 20_000), 10_000);
    rows.push({ name: "@ethereumjs/mpt (20 k keys, in memory)", value: Math.round(mpt), unit: "updates/s" });
    rows.push({
      name: "ratio to @ethereumjs/mpt",
      value: Math.round(inMemory.perSecond / mpt),
      unit: "x",
      target: 100,
    });
  } finally {
    if (!options.dir) fs.rmSync(dir, { recursive: true, force: true });
  }
  rows.push(...indexMemory(indexSlots));
  return rows;
}

/** Memory of the index when all slots were inserted block by block in random order, the worst it gets. */
function indexMemory(slots: number): BenchRow[] {
  const store = StateStore.open({ dir: null, chain: CHAIN });
  store.commitGenesis();
  const batch = 250_000;
  const keys = new Uint32Array(batch * 14);
  const values = new Uint8Array(batch * 32).fill(1);
  const start = performance.now();
  let most = 0;
  for (let from = 0; from < slots; from += batch) {
    const n = Math.min(batch, slots - from);
    for (let i = 0; i < n; i++) writeKey(keys, i * 14, from + i);
    store.commit({ height: store.height + 1, keys: new Uint8Array(keys.buffer), values, count: n });
    if (from >= slots / 2) most = Math.max(most, store.stats().indexBytesPerSlot);
  }
  const ms = performance.now() - start;
  const stats = store.stats();
  store.close();
  return [
    { name: "inserts with root, no append", value: Math.round((slots * 1000) / ms), unit: "inserts/s" },
    {
      name: "index memory per slot",
      value: Number(stats.indexBytesPerSlot.toFixed(1)),
      unit: "bytes",
      target: 60,
      detail: `${slots} slots; at most ${most.toFixed(1)} on the way; trees ${(stats.treeBytes / slots).toFixed(2)}, locations ${(stats.locationBytes / slots).toFixed(2)}`,
    },
  ];
}

if (process.argv[1] === import.meta.filename) {
  const small = process.argv.includes("--small");
  const rows = await stateTreeBench(
    small ? { slots: 100_000, indexSlots: 500_000, blockUpdates: 10_000 } : {},
  );
  console.table(rows);
  console.log(JSON.stringify(rows));
}
