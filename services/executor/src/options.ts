import { DEFAULT_ENGINE, ENGINE_KINDS } from "@velarium/engine-wasm";
import { DEFAULT_CACHE_ROWS, DEFAULT_CODE_CACHE_BYTES } from "@velarium/executor-core";
import { defineOptions, type OptionValues, serviceOptions } from "@velarium/service-kit";
import { z } from "zod";

const count = z.number().int().min(1);

export const executorOptions = defineOptions({
  ...serviceOptions,
  genesis: {
    type: z.string(),
    doc: "Genesis file in geth's format; the rules of execution follow from its config.",
  },
  scheduler: { type: z.string(), doc: "Address of the scheduler." },
  framer: { type: z.string(), doc: "Address of the framer, which takes receipts." },
  shards: { type: z.array(z.string()).min(1), doc: "Addresses of all state shards, in shard order." },
  partitions: { type: count, default: 64, doc: "Partitions of the state (a constant of the chain)." },
  chainSecret: {
    type: z.string().regex(/^[0-9a-fA-F]{64}$/, "expected 32 bytes in hexadecimal"),
    doc: "Keys slot ids, the same in the whole cluster; better given by the environment than by a flag.",
  },
  name: { type: z.string().max(64), default: "executor", doc: "Name shown by the scheduler." },
  capacity: {
    type: count,
    default: 65_536,
    unit: "transactions",
    doc: "Transactions taken and not complete, at the most.",
  },
  engine: {
    type: z.enum(ENGINE_KINDS),
    default: DEFAULT_ENGINE,
    doc: "What runs contract code: wasm is the engine in WebAssembly, reference is @ethereumjs/evm.",
  },
  cacheRows: {
    type: count,
    default: DEFAULT_CACHE_ROWS,
    unit: "slots",
    doc: "Slots kept at hand, 112 bytes each.",
  },
  codeCacheBytes: {
    type: count,
    default: DEFAULT_CODE_CACHE_BYTES,
    unit: "bytes",
    doc: "Contract code kept at hand.",
  },
  sendIntervalMs: {
    type: z.number().min(0),
    default: 4,
    unit: "ms",
    doc: "At the most so often are versions, results and receipts sent, unless many have gathered.",
  },
  dialTimeoutMs: {
    type: count,
    default: 30_000,
    unit: "ms",
    doc: "How long to wait at the start for scheduler, framer and shards.",
  },
});

export type ExecutorServiceOptions = OptionValues<typeof executorOptions.definitions>;
