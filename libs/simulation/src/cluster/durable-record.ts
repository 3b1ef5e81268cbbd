/** Records as the shards keep them, put together again: what a framer starts from, and what an export is made of. */
import {
  type BlockRecord,
  decodeBlockRecord,
  decodeHeader,
  encodeHeader,
  genesisBlockHeader,
  headerHash,
  joinRecord,
  sealHeader,
} from "@velarium/blocks";
import type { ChainRules } from "@velarium/chain-rules";
import type { FramerStart } from "@velarium/framer-core";
import type { Genesis } from "@velarium/genesis";
import { combinedRoot } from "@velarium/state-tree";
import { PARTITIONS, type WholeShard } from "./whole-shard.ts";

function stateRootAt(shards: readonly WholeShard[], height: number): Uint8Array {
  const roots = new Uint8Array(PARTITIONS * 32);
  for (const shard of shards) {
    const mine = shard.recordAt(height).roots;
    shard.owned.forEach((p, i) => {
      roots.set(mine.subarray(i * 32, i * 32 + 32), p * 32);
    });
  }
  return combinedRoot(roots, PARTITIONS);
}

/** The record of a block that is durable on every shard, sealed. */
export function durableRecord(shards: readonly WholeShard[], height: number): BlockRecord {
  const record = decodeBlockRecord(joinRecord(shards.map((shard) => shard.recordAt(height).stripe)));
  return { ...record, header: sealHeader(record.header, stateRootAt(shards, height)), sealed: 1 };
}

/** A block's hash in hexadecimal. */
export const blockHashOf = ({ header }: BlockRecord): string =>
  Buffer.from(headerHash(header)).toString("hex");

/** What a framer begins with above a height, but for its term. */
export function framerStartAt(
  shards: readonly WholeShard[],
  height: number,
  genesis: Genesis,
  chain: ChainRules,
): Omit<FramerStart, "term"> {
  let header: Uint8Array;
  let record: BlockRecord | undefined;
  if (height === 0) {
    const rules = chain.rulesAt(0, genesis.header.timestamp);
    header = encodeHeader(genesisBlockHeader(genesis.header, rules.header, stateRootAt(shards, 0)));
  } else {
    record = durableRecord(shards, height);
    header = record.header;
  }
  const fields = decodeHeader(header);
  const ancestors = record?.ancestors ?? new Uint8Array(0);
  return {
    height,
    time: fields.timestamp,
    gasUsed: fields.gasUsed,
    gasLimit: fields.gasLimit,
    blobGasUsed: fields.blobGasUsed ?? 0,
    excessBlobGas: fields.excessBlobGas ?? 0,
    baseFee: Uint8Array.from(Buffer.from((fields.baseFeePerGas ?? 0n).toString(16).padStart(64, "0"), "hex")),
    closeSeq: record?.lastSeq ?? 0,
    watermark: record?.watermark ?? 1,
    resolved: record?.resolved.slice() ?? new Float64Array(0),
    hashes: new Uint8Array(Buffer.concat([ancestors.subarray(-255 * 32), headerHash(header)])),
  };
}
