/**
 * CPU of one of two shards per native transfer, without its streams: messages as executors, scheduler and framer send
 * them into the core, blocks into a store on disk. `node services/state-shard/bench/blocks.ts [accounts] [blocks] [transactions per block]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "@velarium/columns";
import { ShardCore } from "@velarium/shard-core";
import { Domain, hashKeys, partitionOf, SlotIds, writeFieldKey } from "@velarium/slots";
import { StateStore } from "@velarium/state-tree";
import { CloseBlock, GrantMode, Publish, SlotReads, Stripe } from "@velarium/wire";
import { recordOf } from "../src/stored-state.ts";

const accounts = Number(process.argv[2] ?? 1_000_000);
const blocks = Number(process.argv[3] ?? 8);
const perBlock = Number(process.argv[4] ?? 60_000);
const PARTITIONS = 64;
/** Bytes of record per transfer: body and receipt. */
const RECORD_BYTES = 220;
const BATCH = 256;
const WARM = 2;

const owned = Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % 2 === 0);
const directory = mkdtempSync(join(tmpdir(), "velarium-bench-"));
const store = StateStore.open({
  dir: directory,
  chain: { chainId: 1, genesisHash: "00" },
  partitions: PARTITIONS,
  owned,
});

let seed = 1;
const random = (n: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
  return Math.floor(((seed >>> 0) / 2 ** 32) * n);
};
const addresses = new Uint8Array(accounts * 20);
const raw = new Uint32Array(addresses.buffer);
for (let i = 0; i < raw.length; i++) raw[i] = random(2 ** 32);

/** Keys of a field of all accounts, with ids; by field: balance, nonce. Executors do not ask for codes never written. */
const ids = new SlotIds(new Uint8Array(32).fill(7), PARTITIONS);
interface Field {
  readonly keys: Uint8Array;
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;
}
const fields: Field[] = [Domain.balance, Domain.nonce].map((domain) => {
  const keys = new Uint8Array(accounts * 56);
  for (let i = 0; i < accounts; i++) writeFieldKey(keys, i * 56, domain, addresses, i * 20);
  const hi = new Uint32Array(accounts);
  const lo = new Uint32Array(accounts);
  for (let from = 0; from < accounts; from += 4096) {
    const n = Math.min(4096, accounts - from);
    ids.idsOf(keys.subarray(from * 56), n, hi, lo, from);
  }
  return { keys, hi, lo };
});
const mine = (field: number, account: number): boolean => (fields[field]!.hi[account]! >>> 24) % 2 === 0;

{
  const { keys } = fields[0]!;
  const hash = new Uint8Array(32);
  for (let i = 0; i < accounts; i++) {
    const key = keys.subarray(i * 56, i * 56 + 56);
    hashKeys(key, 1, hash);
    if (partitionOf(hash, 0, PARTITIONS) % 2 !== 0) continue;
    const value = new Uint8Array(32);
    value[20] = 100;
    store.addGenesis(key, value, 1);
  }
  store.commitGenesis({ height: 0, record: recordOf(0, new Uint8Array(0)), sync: false });
}

const core = new ShardCore({ state: { ...stateOf(store), codeByPrefix: () => undefined }, owned, send() {} });
function stateOf(from: StateStore) {
  return {
    getBatch: (keys: Uint8Array, count: number, out: Uint8Array) => from.getBatch(keys, count, out),
    readForBlock: (keys: Uint8Array, count: number, out: Uint8Array) => from.readForBlock(keys, count, out),
  };
}
core.begin(1, 0, 0);
const peers = [core.connect(), core.connect()];

class Rows {
  readonly items: number[] = [];
  readonly fieldsOf: number[] = [];
  add(field: number, account: number): void {
    this.fieldsOf.push(field);
    this.items.push(account);
  }
  get length(): number {
    return this.items.length;
  }
  column(which: "hi" | "lo"): Uint32Array {
    return Uint32Array.from(this.items, (a, i) => fields[this.fieldsOf[i]!]![which][a]!);
  }
  keys(): Uint8Array {
    const out = new Uint8Array(this.items.length * 56);
    this.items.forEach((a, i) => {
      out.set(fields[this.fieldsOf[i]!]!.keys.subarray(a * 56, a * 56 + 56), i * 56);
    });
    return out;
  }
}
const values = (count: number, salt: number): Uint8Array => {
  const out = new Uint8Array(count * 32);
  const words = new Uint32Array(out.buffer);
  for (let i = 0; i < count; i++) words[i * 8 + 7] = salt * 100_000 + i + 1;
  return out;
};

/** Newest version per balance and nonce slot, and open generation per balance: what the scheduler's table holds. */
const versionOf = [new Float64Array(accounts), new Float64Array(accounts)];
const genOf = new Float64Array(accounts);
const genCount = new Uint32Array(accounts);
let seq = 0;

/** All messages of a block, in the order of work. */
function messagesOf(number: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  const firstSeq = seq + 1;
  const closeSeq = seq + perBlock;
  const versionCounts = new Uint32Array(PARTITIONS);
  const deltaCounts = new Uint32Array(PARTITIONS);
  for (let done = 0; done < perBlock; done += BATCH) {
    const reads = new Rows();
    const modes: number[] = [];
    const versions: number[] = [];
    const gens: number[] = [];
    const counts: number[] = [];
    const lasts: number[] = [];
    const writes = new Rows();
    const seqs: number[] = [];
    const deltas = new Rows();
    const deltaGens: number[] = [];
    const deltaCumulative: number[] = [];
    for (let i = 0; i < Math.min(BATCH, perBlock - done); i++) {
      seq++;
      const from = random(accounts);
      const to = random(accounts);
      for (const field of [0, 1]) {
        if (!mine(field, from)) continue;
        reads.add(field, from);
        const version = versionOf[field]![from]!;
        versions.push(version);
        if (field === 0 && genOf[from]! > 0) {
          modes.push(version > 0 ? GrantMode.deltaWait : GrantMode.deltaFloor);
          gens.push(genOf[from]!);
          counts.push(genCount[from]!);
          lasts.push(seq - 0.5);
          genOf[from] = genCount[from] = 0;
        } else modes.push(version > 0 ? GrantMode.wait : GrantMode.floor);
        versionOf[field]![from] = seq;
        writes.add(field, from);
        seqs.push(seq);
        versionCounts[fields[field]!.hi[from]! >>> 24]!++;
      }
      if (mine(0, to)) {
        if (genOf[to] === 0) genOf[to] = seq;
        genCount[to]!++;
        deltas.add(0, to);
        deltaGens.push(genOf[to]!);
        deltaCumulative.push(genCount[to]!);
        deltaCounts[fields[0]!.hi[to]! >>> 24]!++;
      }
    }
    out.push(
      encode(SlotReads, {
        epoch: 1,
        executor: 0,
        tokens: Uint32Array.from(modes, (_, i) => i),
        hi: reads.column("hi"),
        lo: reads.column("lo"),
        modes: Uint8Array.from(modes),
        versions: Float64Array.from(versions),
        keys: reads.keys(),
        genSeqs: Float64Array.from(gens),
        genCounts: Uint32Array.from(counts),
        genLasts: Float64Array.from(lasts),
      }),
      encode(Publish, {
        epoch: 1,
        executor: 0,
        batch: done,
        hi: writes.column("hi"),
        lo: writes.column("lo"),
        seqs: Float64Array.from(seqs),
        keys: writes.keys(),
        values: values(seqs.length, number),
        deltaHi: deltas.column("hi"),
        deltaLo: deltas.column("lo"),
        deltaGens: Float64Array.from(deltaGens),
        deltaCounts: Uint32Array.from(deltaCumulative),
        deltaKeys: deltas.keys(),
        deltaAmounts: values(deltas.length, 0),
        codeSeqs: new Float64Array(0),
        codeHashes: new Uint8Array(0),
        codes: { ends: new Uint32Array(0), blob: new Uint8Array(0) },
      }),
    );
  }
  out.push(
    encode(CloseBlock, { epoch: 1, number, firstSeq, closeSeq, versionCounts, deltaCounts }),
    encode(Stripe, { epoch: 1, number, stripe: new Uint8Array((perBlock * RECORD_BYTES) / 2).fill(5) }),
  );
  genOf.fill(0);
  genCount.fill(0);
  return out;
}

const phases = { execute: 0, close: 0, collect: 0, apply: 0, committed: 0, persist: 0 };
type Phase = keyof typeof phases;
let cpu = 0;
function timed<T>(phase: Phase, run: () => T): T {
  const from = process.cpuUsage();
  const result = run();
  const used = process.cpuUsage(from);
  phases[phase] += used.user + used.system;
  return result;
}

for (let number = 1; number <= blocks + WARM; number++) {
  const messages = messagesOf(number);
  if (number === WARM + 1) for (const phase in phases) phases[phase as Phase] = 0;
  const from = process.cpuUsage();
  let at = 0;
  for (; at < messages.length - 2; at += 2) {
    core.reads(peers[at & 1]!, decode(SlotReads, messages[at]!));
    core.publish(peers[at & 1]!, decode(Publish, messages[at + 1]!));
  }
  const executed = process.cpuUsage(from);
  phases.execute += executed.user + executed.system;
  timed("close", () => {
    core.close(decode(CloseBlock, messages[at]!));
    const { stripe } = decode(Stripe, messages[at + 1]!);
    core.stripe(1, number, stripe);
  });
  const block = timed("collect", () => core.nextCommit());
  if (!block) throw new Error(`block ${number} is not complete`);
  timed("apply", () => {
    store.apply({ height: number, ...block.changes, record: recordOf(block.closeSeq, block.stripe) });
  });
  timed("committed", () => core.committed());
  const before = process.cpuUsage();
  await store.persistAsync(number);
  const wrote = process.cpuUsage(before);
  phases.persist += wrote.user + wrote.system;
  if (number % 16 === 0) store.reclaim(Math.max(store.oldestHeight, number - 128));
  const used = process.cpuUsage(from);
  if (number > WARM) cpu += used.user + used.system;
}
console.log(
  `root ${Buffer.from(store.partitionRoots()).toString("hex").slice(0, 16)}, ${core.totals.reads} reads, ${core.totals.parked} parked, ${core.committedReadsTotal} of the committed state`,
);
console.log(`${(cpu / (blocks * perBlock)).toFixed(2)} µs CPU per transfer`);
for (const phase in phases)
  console.log(`  ${phase.padEnd(10)} ${(phases[phase as Phase] / (blocks * perBlock)).toFixed(2)}`);
store.close();
rmSync(directory, { recursive: true });
