/**
 * CPU time of the executor core per contract call: ERC-20 transfers and swaps of the workload in dispatches of 512, with
 * the accesses that a simulation declares, versions granted as the scheduler would; the engine is part of it. Only the
 * core's own calls are timed. `node libs/executor-core/bench/contracts.ts [reference|wasm] [erc20,swap] [dispatches]`
 */
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { decode, encode, schemaIdOf } from "@velarium/columns";
import { bigIntToWord, codeHash, MemoryState, simulateTransaction, toExecutable } from "@velarium/engine";
import { createEngine, type EngineKind } from "@velarium/engine-wasm";
import {
  AccessKind,
  Domain,
  encodeCodeWord,
  fieldKey,
  SLOT_KEY_BYTES,
  SlotIds,
  storageKey,
} from "@velarium/slots";
import { decodeTransaction } from "@velarium/tx-codec";
import {
  BlockContext,
  BlockFees,
  CodeReads,
  CodeValues,
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
import { Workload, type WorkloadKind } from "@velarium/workloads";
import { createExecutorCore } from "../src/index.ts";

const SHARDS = 2;
const PARTITIONS = 64;
const BATCH = 512;
const BATCHES = Number(process.argv[4] ?? 40);
const CHAIN_ID = 1337;
const secret = new Uint8Array(32).fill(1);
const ids = new SlotIds(secret, PARTITIONS);
const beneficiary = new Uint8Array(20).fill(0xbe);
const beneficiaryKey = fieldKey(Domain.balance, beneficiary);
const chain = createEthereumRules(configOfFork("prague", CHAIN_ID));
const kindOfEngine = (process.argv[2] ?? "wasm") as EngineKind;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

function stateOf(workload: Workload): MemoryState {
  const state = new MemoryState();
  const genesis = workload.genesis();
  for (let i = 0; i < genesis.addresses.length / 20; i++)
    state.set(
      fieldKey(Domain.balance, genesis.addresses.subarray(i * 20, i * 20 + 20)),
      bigIntToWord(genesis.balance),
    );
  for (const { address, code, storageKeys, storageValues } of genesis.contracts) {
    state.addCode(code);
    const hashPrefix = codeHash(code).subarray(0, 28);
    state.set(fieldKey(Domain.code, address), encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix }));
    state.set(fieldKey(Domain.nonce, address), bigIntToWord(1n));
    for (let i = 0; i < storageKeys.length; i += 32)
      state.set(storageKey(address, storageKeys.subarray(i, i + 32)), storageValues.slice(i, i + 32));
  }
  return state;
}

interface Prepared {
  readonly message: Uint8Array;
  readonly accesses: number;
}

/** Versions by slot, as a scheduler with one executor would grant them. */
class Grants {
  private readonly newest = new Map<string, number>();
  grant(key: Uint8Array, kind: number, seq: number): { readonly mode: number; readonly version: number } {
    const name = hex(key);
    const version = this.newest.get(name) ?? 0;
    if (kind === AccessKind.W) this.newest.set(name, seq);
    return { mode: version === 0 ? GrantMode.floor : GrantMode.local, version };
  }
}

async function prepare(
  workload: Workload,
  state: MemoryState,
  grants: Grants,
  batch: number,
): Promise<Prepared> {
  const { raw, senders } = workload.nextBatch(BATCH);
  const simulator = createEngine("reference");
  const context = {
    rules: chain.rulesAt(1, 1001),
    number: 1,
    timestamp: 1001,
    beneficiary,
    gasLimit: 30_000_000,
    baseFee: 0n,
    prevRandao: new Uint8Array(32),
    difficulty: 0n,
    blobBaseFee: 1n,
  };
  const keys: Uint8Array[] = [];
  const kinds: number[] = [];
  const modes: number[] = [];
  const versions: number[] = [];
  const accessEnds = new Uint32Array(BATCH);
  let start = 0;
  for (let i = 0; i < BATCH; i++) {
    const sender = senders.slice(i * 20, i * 20 + 20);
    const tx = toExecutable(decodeTransaction(raw.blob.slice(start, raw.ends[i]!)), sender);
    start = raw.ends[i]!;
    const { accesses } = await simulateTransaction(simulator, context, tx, state);
    for (let a = 0; a < accesses.count; a++) {
      const key = accesses.keys.slice(a * SLOT_KEY_BYTES, (a + 1) * SLOT_KEY_BYTES);
      if (hex(key) === hex(beneficiaryKey)) continue;
      const { mode, version } = grants.grant(key, accesses.kinds[a]!, 1 + batch * BATCH + i);
      keys.push(key);
      kinds.push(accesses.kinds[a]!);
      modes.push(mode);
      versions.push(version);
    }
    accessEnds[i] = keys.length;
  }
  const packed = new Uint8Array(Buffer.concat(keys));
  const hi = new Uint32Array(keys.length);
  const lo = new Uint32Array(keys.length);
  ids.idsOf(packed, keys.length, hi, lo);
  const message = encode(Dispatch, {
    epoch: 1,
    block: 1,
    frame: batch,
    tail: 0,
    shapes: new Uint8Array(BATCH).fill(Shape.general),
    gasLimits: new Float64Array(BATCH).fill(80_000),
    senders,
    raw,
    accessEnds,
    accessHi: hi,
    accessLo: lo,
    accessKinds: Uint8Array.from(kinds),
    keys: packed,
    seqs: Float64Array.from({ length: BATCH }, (_, i) => 1 + batch * BATCH + i),
    feeGens: new Float64Array(BATCH).fill(1),
    modes: Uint8Array.from(modes),
    versions: Float64Array.from(versions),
    genSeqs: new Float64Array(0),
    genCounts: new Uint32Array(0),
    genLasts: new Float64Array(0),
    trace: new Uint8Array(0),
  });
  return { message, accesses: keys.length };
}

async function measure(kind: WorkloadKind): Promise<void> {
  const workload = new Workload({
    kind,
    accounts: 20_000,
    hot: 0,
    signed: false,
    chainId: CHAIN_ID,
    pairs: 32,
  });
  const state = stateOf(workload);
  const grants = new Grants();
  const prepared: Prepared[] = [];
  for (let batch = 0; batch < BATCHES; batch++) prepared.push(await prepare(workload, state, grants, batch));

  const pending: { shard: number; bytes: Uint8Array }[] = [];
  let results = 0;
  let included = 0;
  const engine = createEngine(kindOfEngine);
  const core = createExecutorCore(
    { rules: chain, engine, shards: SHARDS, partitions: PARTITIONS, chainSecret: secret },
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
  const answer = (bytes: Uint8Array): Uint8Array => {
    const id = schemaIdOf(bytes);
    if (id === Publish.id) return encode(PublishAck, { epoch: 1, batch: decode(Publish, bytes).batch });
    if (id === CodeReads.id) {
      const { tokens, prefixes } = decode(CodeReads, bytes);
      const code = state.codeByPrefix(prefixes)!;
      return encode(CodeValues, {
        epoch: 1,
        tokens: tokens.slice(),
        found: Uint8Array.of(1),
        codes: { ends: Uint32Array.of(code.length), blob: code },
      });
    }
    const { tokens, keys } = decode(SlotReads, bytes);
    const values = new Uint8Array(tokens.length * 32);
    for (let i = 0; i < tokens.length; i++)
      values.set(state.read(keys.slice(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)), i * 32);
    return encode(SlotValues, { epoch: 1, tokens: tokens.slice(), values });
  };
  core.onScheduler(
    encode(EpochStart, {
      epoch: 1,
      executor: 0,
      executors: 1,
      height: 0,
      numbers: new Float64Array(0),
      hashes: new Uint8Array(0),
    }),
  );
  const hi = new Uint32Array(1);
  const lo = new Uint32Array(1);
  ids.idsOf(beneficiaryKey, 1, hi, lo);
  core.onScheduler(
    encode(BlockContext, {
      epoch: 1,
      number: 1,
      time: 1001,
      gasLimit: 30_000_000,
      firstSeq: 1,
      beneficiary,
      beneficiaryId: Uint32Array.of(hi[0]!, lo[0]!),
      prevRandao: new Uint8Array(32),
      parentBeaconRoot: new Uint8Array(32),
    }),
  );
  core.onScheduler(encode(BlockFees, { epoch: 1, number: 1, excessBlobGas: 0, baseFee: bigIntToWord(10n) }));

  let spent = 0;
  let accesses = 0;
  const rates: number[] = [];
  for (const [batch, { message, accesses: count }] of prepared.entries()) {
    accesses += count;
    const wanted = (batch + 1) * BATCH;
    spent = 0;
    const from = process.cpuUsage();
    let outside = 0;
    core.onScheduler(message);
    while (results < wanted) {
      for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
        const before = process.cpuUsage();
        const reply = answer(next.bytes);
        const used = process.cpuUsage(before);
        outside += used.user + used.system;
        core.onShard(next.shard, reply);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { user, system } = process.cpuUsage(from);
    spent = user + system - outside;
    rates.push(spent / BATCH);
  }
  rates.splice(0, BATCHES / 2);
  rates.sort((a, b) => a - b);
  const median = rates[Math.floor(rates.length / 2)]!;
  process.stdout.write(
    `${kind} on ${kindOfEngine}: ${median.toFixed(2)} µs CPU per transaction, ${(accesses / BATCH / BATCHES).toFixed(1)} accesses each; ${included} of ${results} included, ${core.stats.diverged} diverged\n`,
  );
}

for (const kind of (process.argv[3] ?? "erc20,swap").split(",") as WorkloadKind[]) await measure(kind);
