import { DEFAULT_OPTIONS } from "@velarium/framer-core";
import { MAX_FRAMES, RECOMMENDED_GEOMETRY } from "@velarium/parabloom";
import { defineOptions, type OptionValues, serviceOptions } from "@velarium/service-kit";
import { z } from "zod";

const count = z.number().int().min(1);
const D = DEFAULT_OPTIONS;

export const framerOptions = defineOptions({
  ...serviceOptions,
  genesis: { type: z.string(), doc: "The chain's genesis, in geth's format." },
  shards: { type: z.array(z.string()).min(1), doc: "gRPC addresses of all state shards, in shard order." },
  analyzers: {
    type: count,
    default: 1,
    doc: "Analyzers expected; intake begins with the first one, others take their share as they come.",
  },
  partitions: { type: count, default: 64, doc: "Partitions of the state (a constant of the chain)." },
  chainSecret: {
    type: z.string().regex(/^[0-9a-fA-F]{64}$/, "expected 32 bytes in hexadecimal"),
    doc: "Keys slot ids, the same in the whole cluster; better given by the environment than by a flag.",
  },
  natsUrl: {
    type: z.string().optional(),
    default: undefined,
    doc: "NATS server that keeps the streams; this or --hub.",
  },
  hub: {
    type: z.string().optional(),
    default: undefined,
    doc: "Embedded stream hub, host:port; this or --nats-url.",
  },
  streamPrefix: { type: z.string(), default: "velarium", doc: "Goes before the names of all streams." },
  beneficiary: {
    type: z
      .string()
      .regex(/^0x[0-9a-fA-F]{40}$/, "expected an address")
      .optional(),
    default: undefined,
    doc: "Who gets the fees; the genesis block's beneficiary if left out.",
  },
  extraData: { type: z.string().max(32), default: "velarium", doc: "Extra data of headers, as text." },
  blockGasLimit: {
    type: count,
    default: D.blockGasLimit,
    unit: "gas",
    doc: "Blocks close by the summed gas limits of their transactions.",
  },
  blockTimeMs: {
    type: count,
    default: D.blockIntervalMs,
    unit: "ms",
    doc: "A block with transactions is closed after so long.",
  },
  emptyBlockTimeMs: {
    type: z.number().int().min(0),
    default: D.emptyBlockMs,
    unit: "ms",
    doc: "An empty block is made after so long; 0 for never.",
  },
  blockTransactions: {
    type: count,
    default: D.blockTransactions,
    unit: "transactions",
    doc: "Most transactions of a block.",
  },
  blockBytes: {
    type: count,
    default: D.blockBytes,
    unit: "bytes",
    doc: "Most bytes of raw transactions of a block.",
  },
  blocksInFlight: {
    type: count,
    default: D.blocksInFlight,
    unit: "blocks",
    doc: "Blocks opened and not yet announced.",
  },
  poolTransactions: {
    type: count,
    default: D.poolTransactions,
    unit: "transactions",
    doc: "Pending transactions.",
  },
  intakeTransactions: {
    type: count,
    default: D.intakeTransactions,
    unit: "transactions",
    doc: "Executable pending transactions above which analyzers have to wait.",
  },
  senderTransactions: {
    type: count,
    default: D.senderTransactions,
    unit: "transactions",
    doc: "Pending transactions of one sender.",
  },
  maxNonceGap: {
    type: z.number().int().min(0),
    default: D.maxNonceGap,
    doc: "How far ahead of a sender's next nonce a transaction may be.",
  },
  expiryMs: {
    type: count,
    default: D.expiryMs,
    unit: "ms",
    doc: "A pending transaction that waits longer is rejected as expired.",
  },
  accounts: {
    type: count,
    default: D.accounts,
    doc: "Senders whose next nonce is remembered, about 75 bytes each.",
  },
  order: {
    type: z.enum(["arrival", "tip"]),
    default: D.order,
    doc: "Order in which executable transactions get into frames.",
  },
  openFrames: {
    type: z.number().int().min(1).max(MAX_FRAMES),
    default: RECOMMENDED_GEOMETRY.frames,
    doc: "Open frames of ParaBloom.",
  },
  filterBits: {
    type: z.number().int().min(64),
    default: RECOMMENDED_GEOMETRY.filterBits,
    unit: "bits",
    doc: "Filter of one frame, a power of two.",
  },
  filterHashes: {
    type: z.number().int().min(1).max(8),
    default: RECOMMENDED_GEOMETRY.hashes,
    doc: "Bits set per slot.",
  },
  frameTransactions: {
    type: count,
    default: D.frameTransactions,
    unit: "transactions",
    doc: "A frame with so many is ejected.",
  },
  frameAgeMs: {
    type: count,
    default: D.frameAgeMs,
    unit: "ms",
    doc: "A frame so old is ejected; one that is less than a quarter full may get three times as old.",
  },
  tailAttempts: {
    type: count,
    default: D.tailAttempts,
    doc: "Returns after which a transaction goes to the marked tail.",
  },
  tailGas: { type: count, default: D.tailGas, unit: "gas", doc: "Gas of the marked tail of one block." },
  senderTailGas: {
    type: count,
    default: D.senderTailGas,
    unit: "gas",
    doc: "Gas of one sender in the marked tail.",
  },
  blocksRetainedBytes: {
    type: count,
    default: 128 * 1024 * 1024,
    unit: "bytes",
    doc: "What the blocks stream keeps; older blocks are trimmed.",
  },
  dialTimeoutMs: {
    type: count,
    default: 30_000,
    unit: "ms",
    doc: "How long to wait at the start for shards and streams.",
  },
});

export type FramerServiceOptions = OptionValues<typeof framerOptions.definitions>;
