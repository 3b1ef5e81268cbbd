/**
 * CPU time of the executor core per plain transfer: dispatches of 512 transfers between distinct accounts, in blocks of
 * 8192; first with all values asked of two shards, then twice more with sender's values at hand. Shards answer some
 * dispatches later, as they do in a cluster, so that caches of the processor have forgotten what was asked. Only the
 * core's own calls are timed. Argument: dispatches per round, a multiple of 16.
 */
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { decode, encode, schemaIdOf } from "@velarium/columns";
import { bigIntToWord, createReferenceEngine } from "@velarium/engine";
import { AccessKind, Domain, fieldKey, SLOT_KEY_BYTES, SlotIds, writeFieldKey } from "@velarium/slots";
import { encodeTransaction, placeholderSignature } from "@velarium/tx-codec";
import {
  BlockContext,
  BlockFees,
  Dispatch,
  EpochStart,
  GrantMode,
  Publish,
  PublishAck,
  Results,
  Shape,
  SlotReads,
  SlotValues,
} from "@velarium/wire";
import { createExecutorCore } from "../src/index.ts";

const SHARDS = 2;
const PARTITIONS = 64;
const BATCH = 512;
const BATCHES = Number(process.argv[2] ?? 160);
/** A block's generations end with it, so its size shows. */
const BATCHES_PER_BLOCK = 16;
const BLOCKS = BATCHES / BATCHES_PER_BLOCK;
/** Messages to shards that are not answered yet: three per dispatch and shard at the most. */
const ON_THEIR_WAY = 32;
const secret = new Uint8Array(32).fill(1);
const ids = new SlotIds(secret, PARTITIONS);
const beneficiary = new Uint8Array(20).fill(0xbe);

const pending: { shard: number; bytes: Uint8Array }[] = [];
let results = 0;
let included = 0;
const core = createExecutorCore(
  {
    rules: createEthereumRules(configOfFork("prague", 7)),
    engine: createReferenceEngine(),
    shards: SHARDS,
    partitions: PARTITIONS,
    chainSecret: secret,
  },
  {
    toShard: (shard, bytes) => pending.push({ shard, bytes }),
    toFramer: () => {},
    toScheduler: (bytes) => {
      const { outcomes } = decode(Results, bytes);
      results += outcomes.length;
      for (const outcome of outcomes) if (outcome === 1) included++;
    },
    failed: (error) => {
      throw error;
    },
  },
);

const account = (n: number): Uint8Array => {
  const out = new Uint8Array(20).fill(0x33);
  new DataView(out.buffer).setUint32(16, n);
  return out;
};

/** Senders are 2k, recipients 2k + 1. `version`: −1 asks the shard; else sender's fields are granted as `local` of seq − BATCH·BATCHES. */
function dispatchOf(batch: number, round: number): Uint8Array {
  const keys = new Uint8Array(BATCH * 5 * SLOT_KEY_BYTES);
  const raws: Uint8Array[] = [];
  const senders = new Uint8Array(BATCH * 20);
  const modes = new Uint8Array(BATCH * 5);
  const versions = new Float64Array(BATCH * 5);
  const kinds = new Uint8Array(BATCH * 5);
  const seqs = new Float64Array(BATCH);
  const { R, W, D } = AccessKind;
  for (let i = 0; i < BATCH; i++) {
    const n = batch * BATCH + i;
    const seq = 1 + round * BATCH * BATCHES + n;
    const from = account(2 * n);
    const to = account(2 * n + 1);
    seqs[i] = seq;
    senders.set(from, i * 20);
    const domains = [Domain.balance, Domain.nonce, Domain.code, Domain.code, Domain.balance];
    for (let a = 0; a < 5; a++)
      writeFieldKey(keys, (i * 5 + a) * SLOT_KEY_BYTES, domains[a]!, a < 3 ? from : to);
    kinds.set([W, W, R, R, D], i * 5);
    const own = round === 0 ? GrantMode.floor : GrantMode.local;
    modes.set([own, own, GrantMode.floor, GrantMode.floor, GrantMode.contribute], i * 5);
    const before = round === 0 ? 0 : seq - BATCH * BATCHES;
    versions.set([before, before, 0, 0, seq], i * 5);
    raws.push(
      encodeTransaction(
        {
          type: 2,
          chainId: 7,
          nonce: round,
          gasLimit: 21_000,
          maxFeePerGas: 100n,
          maxPriorityFeePerGas: 3n,
          to,
          value: 5n,
        },
        placeholderSignature(from),
      ),
    );
  }
  const hi = new Uint32Array(BATCH * 5);
  const lo = new Uint32Array(BATCH * 5);
  ids.idsOf(keys, BATCH * 5, hi, lo);
  let end = 0;
  return encode(Dispatch, {
    epoch: 1,
    block: 1 + round * BLOCKS + Math.floor(batch / BATCHES_PER_BLOCK),
    frame: batch,
    tail: 0,
    shapes: new Uint8Array(BATCH).fill(Shape.transfer),
    gasLimits: new Float64Array(BATCH).fill(21_000),
    senders,
    raw: {
      ends: Uint32Array.from(raws, (raw) => (end += raw.length)),
      blob: new Uint8Array(Buffer.concat(raws)),
    },
    accessEnds: Uint32Array.from({ length: BATCH }, (_, i) => (i + 1) * 5),
    accessHi: hi,
    accessLo: lo,
    accessKinds: kinds,
    keys: new Uint8Array(0),
    seqs,
    feeGens: new Float64Array(BATCH).fill(1),
    modes,
    versions,
    genSeqs: new Float64Array(0),
    genCounts: new Uint32Array(0),
    genLasts: new Float64Array(0),
    trace: new Uint8Array(0),
  });
}

const ether = bigIntToWord(10n ** 18n);
function answer(bytes: Uint8Array): Uint8Array {
  if (schemaIdOf(bytes) === Publish.id)
    return encode(PublishAck, { epoch: 1, batch: decode(Publish, bytes).batch });
  const { tokens, keys, versions } = decode(SlotReads, bytes);
  const values = new Uint8Array(tokens.length * 32);
  for (let i = 0; i < tokens.length; i++)
    if (keys[i * SLOT_KEY_BYTES] === Domain.balance) values.set(ether, i * 32);
    else if (keys[i * SLOT_KEY_BYTES] === Domain.nonce)
      values[i * 32 + 31] = Math.ceil(versions[i]! / (BATCH * BATCHES));
  return encode(SlotValues, { epoch: 1, tokens: tokens.slice(), values });
}

const hi = new Uint32Array(1);
const lo = new Uint32Array(1);
ids.idsOf(fieldKey(Domain.balance, beneficiary), 1, hi, lo);
const baseFee = bigIntToWord(10n);
for (const message of [
  encode(EpochStart, {
    epoch: 1,
    executor: 0,
    executors: 1,
    height: 0,
    numbers: new Float64Array(0),
    hashes: new Uint8Array(0),
  }),
])
  core.onScheduler(message);
function openBlock(number: number): void {
  core.onScheduler(
    encode(BlockContext, {
      epoch: 1,
      number,
      time: 1000 + number,
      gasLimit: 30_000_000,
      firstSeq: 1,
      beneficiary,
      beneficiaryId: Uint32Array.of(hi[0]!, lo[0]!),
      prevRandao: new Uint8Array(32),
      parentBeaconRoot: new Uint8Array(32),
    }),
  );
  core.onScheduler(encode(BlockFees, { epoch: 1, number, excessBlobGas: 0, baseFee }));
}

for (const round of [0, 1, 2]) {
  const messages = Array.from({ length: BATCHES }, (_, batch) => dispatchOf(batch, round));
  let spent = 0;
  const timed = (work: () => void): void => {
    const from = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(from);
    spent += user + system;
  };
  for (const [batch, message] of messages.entries()) {
    if (batch % BATCHES_PER_BLOCK === 0) openBlock(1 + round * BLOCKS + batch / BATCHES_PER_BLOCK);
    timed(() => core.onScheduler(message));
    const isLast = batch % BATCHES_PER_BLOCK === BATCHES_PER_BLOCK - 1;
    while (pending.length > (isLast ? 0 : ON_THEIR_WAY)) {
      const { shard, bytes } = pending.shift()!;
      const reply = answer(bytes);
      timed(() => core.onShard(shard, reply));
    }
  }
  const what = round === 0 ? "all values from shards" : "sender's values at hand";
  process.stdout.write(`${what}: ${(spent / (BATCH * BATCHES)).toFixed(2)} µs CPU per transfer\n`);
}
process.stdout.write(`${results} results, ${included} included, ${core.stats.cacheHits} cache hits\n`);
