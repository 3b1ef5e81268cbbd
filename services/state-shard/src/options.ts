import { defineOptions, type OptionValues, serviceOptions } from "@velarium/service-kit";
import { z } from "zod";

const count = z.number().int().min(1);

export const stateShardOptions = defineOptions({
  ...serviceOptions,
  genesis: {
    type: z.string(),
    doc: "The chain's genesis, in geth's format; loaded once, into an empty directory.",
  },
  data: {
    type: z.string().optional(),
    default: undefined,
    doc: "Data directory; without one, state lives in memory and is gone at the end.",
  },
  shard: { type: z.number().int().min(0), doc: "Number of this shard, from 0." },
  shards: { type: count, doc: "Number of shards in the cluster. Partition p lives on shard p mod shards." },
  partitions: { type: count, default: 64, doc: "Partitions of the state (a constant of the chain)." },
  cacheBytes: {
    type: count,
    default: 512 * 1024 * 1024,
    unit: "bytes",
    doc: "Memory for the entry log, from which values are read: at best as much as its live part, 320 bytes per slot held here. While it suffices, blocks are written past the operating system's cache.",
  },
  codeCacheBytes: { type: count, default: 32 * 1024 * 1024, unit: "bytes", doc: "Memory for contract code." },
  undoBlocks: {
    type: z.number().int().min(64),
    default: 64,
    unit: "blocks",
    doc: "Blocks that can be taken back and whose state can be read.",
  },
  recordBlocks: {
    type: count,
    default: 128,
    unit: "blocks",
    doc: "Block records kept for recovery; log space of older blocks is given back.",
  },
  maxVersions: {
    type: count,
    default: 4 * 1024 * 1024,
    unit: "versions",
    doc: "Versions of blocks not yet committed.",
  },
  maxParkedReads: { type: count, default: 1024 * 1024, unit: "reads", doc: "Reads that wait for a version." },
  sync: { type: z.boolean(), default: true, doc: "Sync every block to the disk; off only for measurements." },
});

export type StateShardOptions = OptionValues<typeof stateShardOptions.definitions>;
