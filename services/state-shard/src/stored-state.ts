/** The durable state of this shard: store, code and epoch, opened or loaded from the genesis. */
import { createEthereumRules } from "@velarium/chain-rules";
import { type Genesis, genesisCodes, genesisHash, genesisSlots, openGenesis } from "@velarium/genesis";
import {
  hashKeys,
  KEY_HASH_BYTES,
  partitionOf,
  SLOT_KEY_BYTES,
  shardOfPartition,
  WORD_BYTES,
} from "@velarium/slots";
import { StateStore } from "@velarium/state-tree";
import { CodeStore } from "./code-store.ts";
import { EpochFile } from "./epoch-file.ts";
import type { StateShardOptions } from "./options.ts";

/** Before the stripe in every record: the last seq of the block, f64. */
const CLOSE_SEQ_BYTES = 8;

export interface StoredState {
  readonly store: StateStore;
  readonly codes: CodeStore;
  readonly epoch: EpochFile;
  readonly owned: readonly number[];
  readonly genesisHash: Uint8Array;
}

/** @throws StateError `wrong-chain`, `wrong-version`, `wrong-partitions`; GenesisError */
export function openStoredState(options: StateShardOptions): StoredState {
  const genesis = openGenesis(options.genesis);
  const identity = genesisHash(genesis);
  const owned = Array.from({ length: options.partitions }, (_, p) => p).filter(
    (p) => shardOfPartition(p, options.shards) === options.shard,
  );
  const store = StateStore.open({
    dir: options.data ?? null,
    chain: {
      chainId: createEthereumRules(genesis.config).chainId,
      genesisHash: Buffer.from(identity).toString("hex"),
    },
    partitions: options.partitions,
    owned,
    cacheBytes: options.cacheBytes,
    undoBlocks: options.undoBlocks,
  });
  const codes = new CodeStore(options.data, options.codeCacheBytes);
  if (store.durableHeight < genesis.header.number) loadGenesis(genesis, store, codes, options);
  return { store, codes, epoch: new EpochFile(options.data), owned, genesisHash: identity };
}

function loadGenesis(
  genesis: Genesis,
  store: StateStore,
  codes: CodeStore,
  options: StateShardOptions,
): void {
  const mine = [...genesisCodes(genesis)].filter(
    ({ hash }) =>
      shardOfPartition(partitionOf(hash, 0, options.partitions), options.shards) === options.shard,
  );
  codes.add(mine, options.sync);
  let hashes = new Uint8Array(0);
  let keys = new Uint8Array(0);
  let values = new Uint8Array(0);
  for (const batch of genesisSlots(genesis)) {
    if (hashes.length < batch.count * KEY_HASH_BYTES) {
      hashes = new Uint8Array(batch.count * KEY_HASH_BYTES);
      keys = new Uint8Array(batch.count * SLOT_KEY_BYTES);
      values = new Uint8Array(batch.count * WORD_BYTES);
    }
    hashKeys(batch.keys, batch.count, hashes);
    let count = 0;
    for (let i = 0; i < batch.count; i++) {
      if (
        shardOfPartition(partitionOf(hashes, i * KEY_HASH_BYTES, options.partitions), options.shards) !==
        options.shard
      )
        continue;
      keys.set(batch.keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES), count * SLOT_KEY_BYTES);
      values.set(batch.words.subarray(i * WORD_BYTES, (i + 1) * WORD_BYTES), count * WORD_BYTES);
      count++;
    }
    store.addGenesis(keys, values, count);
  }
  store.commitGenesis({
    height: genesis.header.number,
    record: recordOf(0, new Uint8Array(0)),
    sync: options.sync,
  });
}

/** What the store keeps with a block; the stripe, megabytes of a full block, is not copied. */
export function recordOf(closeSeq: number, stripe: Uint8Array): readonly Uint8Array[] {
  const before = new Uint8Array(CLOSE_SEQ_BYTES);
  new DataView(before.buffer).setFloat64(0, closeSeq, true);
  return [before, stripe];
}

export interface StoredRecord {
  readonly closeSeq: number;
  readonly stripe: Uint8Array;
}

export function readRecord(store: StateStore, height: number): StoredRecord | undefined {
  const record = height > store.durableHeight ? null : store.recordAt(height);
  if (record === null || record.length < CLOSE_SEQ_BYTES) return undefined;
  const closeSeq = new DataView(record.buffer, record.byteOffset, CLOSE_SEQ_BYTES).getFloat64(0, true);
  return { closeSeq, stripe: record.subarray(CLOSE_SEQ_BYTES) };
}
