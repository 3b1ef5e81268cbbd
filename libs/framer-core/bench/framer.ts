/**
 * Pool and packing of plain transfers, one core: messages of 512 transfers, uniform senders and recipients; outcomes come
 * back per frame, blocks are assembled with receipts and roots. Run: node libs/framer-core/bench/framer.ts [transactions] [accounts]
 */

import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { decode, schemaIdOf } from "@velarium/columns";
import { BlockClose, Frame, Outcome, Receipts } from "@velarium/wire";
import { DEFAULT_OPTIONS, Framer } from "../src/index.ts";
import { type AnalyzedMessage, analyzedOf, GENESIS, ids } from "../test/cluster-model.ts";

const total = Number(process.argv[2] ?? 200_000);
const accounts = Number(process.argv[3] ?? 100_000);
const BATCH = 512;

let random = 12345;
const next = (n: number): number => {
  random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
  return random % n;
};
const nonces = new Float64Array(accounts);
const messages: AnalyzedMessage[] = [];
for (let made = 0; made < total; made += BATCH)
  messages.push(
    analyzedOf(
      messages.length + 1,
      Array.from({ length: BATCH }, () => {
        const sender = next(accounts);
        return { sender, nonce: nonces[sender]!++, to: accounts + next(accounts), fee: 100 };
      }),
    ) as unknown as AnalyzedMessage,
  );

const empty = { u8: new Uint8Array(0), u32: new Uint32Array(0) };
const outbox: { block: number; firstSeq: number; n: number }[] = [];
const closed: number[] = [];
const questions: Int32Array[] = [];
const commits: [number, number][] = [];
const gas = new Map<number, number>();
let frames = 0;
const framer = new Framer(
  {
    options: {
      ...DEFAULT_OPTIONS,
      emptyBlockMs: 0,
      intakeTransactions: 1e9,
      blocksInFlight: 64,
      blockTransactions: 50_000,
    },
    chain: createEthereumRules(configOfFork("shanghai", 1)),
    ids,
    partitions: 4,
    beneficiary: new Uint8Array(20),
  },
  GENESIS,
  {
    appendFrames: (bytes) => {
      const id = schemaIdOf(bytes);
      if (id === Frame.id) {
        const f = decode(Frame, bytes);
        frames++;
        outbox.push({ block: f.block, firstSeq: f.firstSeq, n: f.shapes.length });
      } else if (id === BlockClose.id) closed.push(decode(BlockClose, bytes).number);
    },
    commit: (epoch, number) => commits.push([epoch, number]),
    readRoots: () => {},
    announce: () => {},
    toScheduler: () => {},
    readNonces: (rows) => questions.push(rows),
  },
);
framer.finishReplay();

const elapsed = { pool: 0, receipts: 0, blocks: 0 };
/** CPU time of the process, ms: comparable while other programs run. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
let mark = cpuMs();
const lap = (part: keyof typeof elapsed): void => {
  const now = cpuMs();
  elapsed[part] += now - mark;
  mark = now;
};
function settleOne(): void {
  mark = cpuMs();
  for (const { block, firstSeq, n } of outbox.splice(0)) {
    gas.set(block, (gas.get(block) ?? 0) + n * 21000);
    framer.receipts({
      epoch: 0,
      block,
      seqs: Float64Array.from({ length: n }, (_, i) => firstSeq + i),
      outcomes: new Uint8Array(n).fill(Outcome.included),
      reasons: new Uint8Array(n),
      statuses: new Uint8Array(n).fill(1),
      gasUsed: new Float64Array(n).fill(21000),
      blobGas: new Float64Array(n),
      logs: { ends: new Uint32Array(n), blob: empty.u8 },
      learnedEnds: empty.u32,
      learnedHi: empty.u32,
      learnedLo: empty.u32,
      learnedKinds: empty.u8,
      learnedKeys: empty.u8,
    } satisfies Parameters<Framer["receipts"]>[0] & { readonly seqs: Float64Array });
  }
  lap("receipts");
  for (const number of closed.splice(0))
    framer.blockCompleted({
      epoch: 0,
      number,
      gasUsed: gas.get(number) ?? 0,
      gasLimit: 0,
      blobGasUsed: 0,
      excessBlobGas: 0,
      executedGas: 0,
      baseFee: new Uint8Array(32),
    });
  while (commits.length > 0) {
    const [epoch, number] = commits.shift()!;
    framer.committed({ epoch, number, partitions: Uint8Array.of(0, 1, 2, 3), roots: new Uint8Array(128) });
  }
  lap("blocks");
}
void Receipts;
const start = cpuMs();
let now = 0;
for (const message of messages) {
  mark = cpuMs();
  framer.analyzed(message);
  for (const rows of questions.splice(0)) framer.noncesRead(rows, new Uint8Array(rows.length * 32));
  framer.tick((now += 8));
  lap("pool");
  settleOne();
}
for (let i = 0; i < 400 && framer.blocksInFlight > 0; i++) {
  framer.tick((now += 50));
  for (const rows of questions.splice(0)) framer.noncesRead(rows, new Uint8Array(rows.length * 32));
  settleOne();
}
const n = messages.length * BATCH;
const us = (ms: number): string => ((ms * 1000) / n).toFixed(2);
console.log(
  `${n} transfers, ${accounts} accounts: ${us(cpuMs() - start)} µs CPU each; pool and packing ${us(elapsed.pool)}, outcomes ${us(elapsed.receipts)}, records ${us(elapsed.blocks)}`,
);
console.log(
  `${frames} frames (${(n / frames).toFixed(0)} each), ${framer.announced} blocks, included ${framer.stats.included}`,
);
