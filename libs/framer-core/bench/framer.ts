/**
 * A framer's work but for the network, one core: messages of 512 transactions of uniform senders and recipients; outcomes
 * come back per frame; blocks become records with roots, stripes and chunks. The cluster around it is not counted. Run:
 * node libs/framer-core/bench/framer.ts [transfers|erc20] [transactions] [accounts]
 */
import { splitRecordInto } from "@velarium/blocks";
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { decode, encode, layOut, MessageMemory, schemaIdOf } from "@velarium/columns";
import { AccessKind, SLOT_KEY_BYTES } from "@velarium/slots";
import { RlpWriter } from "@velarium/tx-codec";
import { Analyzed, BlockClose, Frame, Outcome, Receipts, Shape, Stripe } from "@velarium/wire";
import { DEFAULT_OPTIONS, Framer } from "../src/index.ts";
import { addressOf, analyzedOf, GENESIS, ids } from "../test/cluster-model.ts";

const isErc20 = process.argv[2] === "erc20";
const total = Number(process.argv[3] ?? 200_000);
const accounts = Number(process.argv[4] ?? 100_000);
const BATCH = 512;
const SHARDS = 2;

let random = 12345;
const next = (n: number): number => {
  random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
  return random % n;
};
const nonces = new Float64Array(accounts);
/** What an ERC-20 transfer has beyond a plain one: 68 bytes of calldata, and the token's code and two of its slots. */
function asTokenTransfers(message: ReturnType<typeof analyzedOf>): ReturnType<typeof analyzedOf> {
  const n = message.indexes.length;
  const size = message.raw.ends[0]! + 68;
  const blob = new Uint8Array(n * size);
  const keys = new Uint8Array(n * 3 * SLOT_KEY_BYTES);
  const hi = new Uint32Array(n * 6);
  const lo = new Uint32Array(n * 6);
  const kinds = new Uint8Array(n * 6);
  for (let i = 0, rawFrom = 0; i < n; i++) {
    blob.set(message.raw.blob.subarray(rawFrom, message.raw.ends[i]), i * size);
    rawFrom = message.raw.ends[i]!;
    message.raw.ends[i] = (i + 1) * size;
    for (let k = 0; k < 5; k++) {
      hi[i * 6 + k] = message.accessHi[i * 5 + k]!;
      lo[i * 6 + k] = message.accessLo[i * 5 + k]!;
      kinds[i * 6 + k] = k === 4 ? AccessKind.W : message.accessKinds[i * 5 + k]!;
    }
    // The code is one for all; the second slot is the sender's.
    hi[i * 6 + 3] = lo[i * 6 + 3] = 77;
    hi[i * 6 + 5] = hi[i * 6]! ^ 0x5555;
    lo[i * 6 + 5] = lo[i * 6]! ^ 0x5555;
    kinds[i * 6 + 5] = AccessKind.W;
    for (let k = 0; k < 3; k++)
      keys.fill(i + k, (i * 3 + k) * SLOT_KEY_BYTES, (i * 3 + k + 1) * SLOT_KEY_BYTES);
  }
  return {
    ...message,
    shapes: new Uint8Array(n).fill(Shape.call),
    raw: { ends: message.raw.ends, blob },
    accessEnds: Uint32Array.from({ length: n }, (_, i) => (i + 1) * 6),
    accessHi: hi,
    accessLo: lo,
    accessKinds: kinds,
    keys,
  };
}
const messages: Uint8Array[] = [];
for (let made = 0; made < total; made += BATCH) {
  const message = analyzedOf(
    messages.length + 1,
    Array.from({ length: BATCH }, () => {
      const sender = next(accounts);
      return { sender, nonce: nonces[sender]!++, to: accounts + next(accounts), fee: 100 };
    }),
  );
  messages.push(encode(Analyzed, isErc20 ? asTokenTransfers(message) : message));
}

/** `Transfer(from, to, amount)` of a token, from `from` on without other contents than the addresses. */
const LOG = ((): Uint8Array => {
  const w = new RlpWriter(256);
  const logs = w.openList();
  const log = w.openList();
  w.string(new Uint8Array(20).fill(5));
  const topics = w.openList();
  for (let i = 0; i < 3; i++) w.string(new Uint8Array(32).fill(i === 0 ? 9 : 0));
  w.closeList(topics);
  w.string(new Uint8Array(32).fill(1));
  w.closeList(log);
  w.closeList(logs);
  return w.bytes().slice();
})();
const TOPICS_AT = 2 + 2 + 21 + 2;
function logsOf(n: number): { ends: Uint32Array; blob: Uint8Array } {
  if (!isErc20) return { ends: new Uint32Array(n), blob: empty.u8 };
  const blob = new Uint8Array(n * LOG.length);
  for (let i = 0; i < n; i++) {
    blob.set(LOG, i * LOG.length);
    for (let k = 1; k < 3; k++)
      blob.set(addressOf(next(accounts) + (k - 1) * accounts), i * LOG.length + TOPICS_AT + k * 33 + 13);
  }
  return { ends: Uint32Array.from({ length: n }, (_, i) => (i + 1) * LOG.length), blob };
}

const empty = { u8: new Uint8Array(0), u32: new Uint32Array(0) };
const outbox: { block: number; firstSeq: number; n: number }[] = [];
const closed: number[] = [];
const questions: Int32Array[] = [];
const commits: [number, number][] = [];
const memory = new MessageMemory(128 << 20);
let stripes: Uint8Array[] = [];
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
    memory,
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
    commit: (epoch, number, record) => {
      commits.push([epoch, number]);
      splitRecordInto(record, SHARDS, number, (_, size) => {
        const { bytes, message } = layOut(Stripe, { epoch, number }, { stripe: size }, memory.take);
        stripes.push(bytes);
        return message.stripe;
      });
    },
    readRoots: () => {},
    announce: (_, chunks) => {
      for (const message of [...stripes, ...chunks]) memory.giveBack(message);
      stripes = [];
    },
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
  for (const { block, firstSeq, n } of outbox.splice(0)) {
    gas.set(block, (gas.get(block) ?? 0) + n * 21000);
    const message = encode(Receipts, {
      epoch: 0,
      block,
      seqs: Float64Array.from({ length: n }, (_, i) => firstSeq + i),
      outcomes: new Uint8Array(n).fill(Outcome.included),
      reasons: new Uint8Array(n),
      statuses: new Uint8Array(n).fill(1),
      gasUsed: new Float64Array(n).fill(21000),
      blobGas: new Float64Array(n),
      logs: logsOf(n),
      learnedEnds: empty.u32,
      learnedHi: empty.u32,
      learnedLo: empty.u32,
      learnedKinds: empty.u8,
      learnedKeys: empty.u8,
    });
    mark = cpuMs();
    framer.receipts(decode(Receipts, message));
    lap("receipts");
  }
  mark = cpuMs();
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
let now = 0;
for (const message of messages) {
  mark = cpuMs();
  framer.analyzed(decode(Analyzed, message));
  for (const rows of questions.splice(0)) framer.noncesRead(rows, new Uint8Array(rows.length * 32));
  framer.tick((now += 8));
  lap("pool");
  settleOne();
}
for (let i = 0; i < 400 && framer.blocksInFlight > 0; i++) {
  mark = cpuMs();
  framer.tick((now += 50));
  for (const rows of questions.splice(0)) framer.noncesRead(rows, new Uint8Array(rows.length * 32));
  lap("pool");
  settleOne();
}
const n = messages.length * BATCH;
const us = (ms: number): string => ((ms * 1000) / n).toFixed(2);
console.log(
  `${n} ${isErc20 ? "token transfers" : "transfers"}, ${accounts} accounts: ${us(elapsed.pool + elapsed.receipts + elapsed.blocks)} µs CPU each; pool and packing ${us(elapsed.pool)}, outcomes ${us(elapsed.receipts)}, records ${us(elapsed.blocks)}`,
);
console.log(
  `${frames} frames (${(n / frames).toFixed(0)} each), ${framer.announced} blocks, included ${framer.stats.included}`,
);
