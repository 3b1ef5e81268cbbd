/** Cost of a published version and of a read, the state's own work left out: `node libs/shard-core/bench/shard.ts`. */
import type { Message } from "@velarium/columns";
import type { Publish, SlotReads } from "@velarium/wire";
import { GrantMode } from "@velarium/wire";
import { ShardCore } from "../src/index.ts";

const BATCH = 1024;
const BATCHES = 400;
const core = new ShardCore({
  state: { getBatch() {}, codeByPrefix: () => undefined },
  owned: [0],
  send() {},
});
core.connect();
core.begin(1, 0, 0);
const no = { f: new Float64Array(0), u: new Uint32Array(0), b: new Uint8Array(0) };
const random = (n: number): Uint32Array =>
  Uint32Array.from({ length: n }, () => Math.floor(Math.random() * 2 ** 24));
function measure(name: string, run: (batch: number) => void): void {
  for (let b = 0; b < 20; b++) run(b);
  const from = process.cpuUsage();
  for (let b = 20; b < BATCHES; b++) run(b);
  const used = process.cpuUsage(from);
  console.log(`${name}: ${((used.user + used.system) / ((BATCHES - 20) * BATCH)).toFixed(3)} µs CPU each`);
}
const slots = Array.from({ length: BATCHES }, () => random(BATCH));
const keys = (lo: Uint32Array): Uint8Array => {
  const words = new Uint32Array(BATCH * 14);
  for (let i = 0; i < BATCH; i++) words[i * 14 + 1] = lo[i]!;
  return new Uint8Array(words.buffer);
};
const publishes = slots.map(
  (lo, b) =>
    ({
      epoch: 1,
      executor: 0,
      batch: b,
      hi: new Uint32Array(BATCH),
      lo,
      seqs: Float64Array.from({ length: BATCH }, (_, i) => b * BATCH + i + 1),
      keys: keys(lo),
      values: new Uint8Array(BATCH * 32),
      deltaHi: no.u,
      deltaLo: no.u,
      deltaGens: no.f,
      deltaCounts: no.u,
      deltaKeys: no.b,
      deltaAmounts: no.b,
      codeSeqs: no.f,
      codeHashes: no.b,
      codes: { ends: no.u, blob: no.b },
    }) as Message<typeof Publish>,
);
const readsOf = (mode: number) =>
  slots.map(
    (lo, b) =>
      ({
        epoch: 1,
        executor: 0,
        tokens: new Uint32Array(BATCH),
        hi: new Uint32Array(BATCH),
        lo,
        modes: new Uint8Array(BATCH).fill(mode),
        versions: Float64Array.from({ length: BATCH }, (_, i) => b * BATCH + i + 1),
        keys: publishes[b]!.keys,
        genSeqs: no.f,
        genCounts: no.u,
        genLasts: no.f,
      }) as Message<typeof SlotReads>,
  );
const floors = readsOf(GrantMode.floor);
const waits = readsOf(GrantMode.wait);
measure("read of a slot that is only committed", (b) => core.reads(0, floors[b]!));
measure("published version", (b) => core.publish(0, publishes[b]!));
measure("read of a version", (b) => core.reads(0, waits[b]!));
