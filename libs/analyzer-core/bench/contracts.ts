/**
 * First what applying profiles takes by itself, with all state at hand; then the CPU time of the analyzer per contract call: verified ERC-20 transfers and swaps of the workload in messages of 512,
 * committed state answered from memory (its time is not counted, its keys are).
 * `node libs/analyzer-core/bench/contracts.ts [reference|wasm] [erc20|swap]`
 */
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { decode } from "@velarium/columns";
import { bigIntToWord, codeHash, MemoryState } from "@velarium/engine";
import { createEngine, type EngineKind } from "@velarium/engine-wasm";
import { PackedOutcome } from "@velarium/evm-profile";
import { Domain, encodeCodeWord, fieldKey, SLOT_KEY_BYTES, SlotIds, storageKey } from "@velarium/slots";
import { scanTransaction, TxScan } from "@velarium/tx-codec";
import { Analyzed } from "@velarium/wire";
import { Workload, type WorkloadKind } from "@velarium/workloads";
import { AccessArena } from "../src/found-accesses.ts";
import { BatchAnalyzer, ProfileStrategy, simulationContext } from "../src/index.ts";
import { PackedProfiles } from "../src/packed-profiles.ts";
import { WordCache } from "../src/word-cache.ts";

const BATCH = 512;
const BATCHES = 160;
const CHAIN_ID = 1337;
const engineKind = (process.argv[2] ?? "wasm") as EngineKind;

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

async function measure(kind: WorkloadKind): Promise<void> {
  const accounts = 20_000;
  const workload = new Workload({ kind, accounts, hot: 0, signed: false, chainId: CHAIN_ID, pairs: 32 });
  const state = stateOf(workload);
  let outside = 0;
  let keysRead = 0;
  const analyzer = new BatchAnalyzer({
    slotIds: new SlotIds(new Uint8Array(32).fill(1), 64),
    rules: createEthereumRules(configOfFork("prague", CHAIN_ID)),
    source: {
      height: 0,
      read: (keys, count) => {
        const from = process.cpuUsage();
        const words = new Uint8Array(count * 32);
        for (let i = 0; i < count; i++)
          words.set(state.read(keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)), i * 32);
        keysRead += count;
        const { user, system } = process.cpuUsage(from);
        outside += user + system;
        return Promise.resolve(words);
      },
      code: (prefix) => Promise.resolve(state.codeByPrefix(prefix)),
    },
    beneficiary: new Uint8Array(20).fill(0xbe),
    gasLimit: 30_000_000,
    engine: createEngine(engineKind),
  });
  const batches = Array.from({ length: BATCHES }, () => workload.nextBatch(BATCH));
  const rates: number[] = [];
  let accesses = 0;
  for (const [i, batch] of batches.entries()) {
    outside = 0;
    const from = process.cpuUsage();
    const analyzed = await analyzer.analyzeBatch({ ...batch, batch: 1, receivedMs: 0 }, 1, i);
    const { user, system } = process.cpuUsage(from);
    rates.push((user + system - outside) / BATCH);
    accesses += decode(Analyzed, analyzed).accessHi.length;
  }
  rates.splice(0, BATCHES / 2);
  rates.sort((a, b) => a - b);
  process.stdout.write(
    `${kind} on ${engineKind}: ${rates[Math.floor(rates.length / 2)]!.toFixed(2)} µs CPU per transaction, ${(accesses / BATCH / BATCHES).toFixed(1)} accesses declared, ${(keysRead / BATCH / BATCHES).toFixed(1)} slots read of shards\n`,
  );
}

/** Each of the last batches' calls applied once, in runs over all of them; the median of some. */
async function measureEvaluation(kind: WorkloadKind): Promise<void> {
  const workload = new Workload({
    kind,
    accounts: 20_000,
    hot: 0,
    signed: false,
    chainId: CHAIN_ID,
    pairs: 32,
  });
  const state = stateOf(workload);
  const words = new WordCache(1 << 17);
  const context = simulationContext(
    createEthereumRules(configOfFork("prague", CHAIN_ID)).rulesAt(1, 1),
    1,
    1,
    new Uint8Array(20).fill(0xbe),
    30_000_000,
  );
  const profiles = new PackedProfiles(new ProfileStrategy(), 1);
  profiles.open(context, {
    load: (keys, at, out, to) => {
      const found = words.find(keys, at, 0);
      const word = found < 0 ? state.read(keys.slice(at, at + SLOT_KEY_BYTES)) : words.values;
      const from = Math.max(found, 0);
      for (let i = 0; i < 32; i++) out[to + i] = word[from + i]!;
      if (found < 0) words.put(keys, at, word, 0, 1);
      return true;
    },
    code: (bytes, at) => state.codeByPrefix(bytes.subarray(at, at + 28)),
  });
  const batches = Array.from({ length: 16 }, () => workload.nextBatch(BATCH));
  const scan = new TxScan();
  const arena = new AccessArena();
  const microseconds: number[] = [];
  for (let run = 0; run < 40; run++) {
    const from = process.cpuUsage();
    for (const { raw, senders } of batches) {
      arena.open(BATCH);
      for (let row = 0; row < BATCH; row++) {
        const start = row === 0 ? 0 : raw.ends[row - 1]!;
        scanTransaction(raw.blob, start, raw.ends[row]! - start, scan);
        if (profiles.run(raw.blob, scan, senders, row * 20) !== PackedOutcome.known)
          throw new Error("no profile covers a call of the workload");
        arena.begin(profiles.most);
        profiles.emit(arena);
        arena.finish(row);
      }
    }
    const { user, system } = process.cpuUsage(from);
    microseconds.push((user + system) / (batches.length * BATCH));
  }
  const median = microseconds.splice(10).sort((a, b) => a - b)[15]!;
  process.stdout.write(`${kind}: ${median.toFixed(2)} µs CPU per application of its profile\n`);
}

for (const kind of ["erc20", "swap"] as const) await measureEvaluation(kind);
for (const kind of ["erc20", "swap"] as const)
  if (process.argv[3] === undefined || process.argv[3] === kind) await measure(kind);
