import { defineOptions, serviceOptions } from "@velarium/service-kit";
import { z } from "zod";

const port = z.number().int().min(0).max(65_535);
const count = z.number().int().min(1);

export const gatewayOptions = defineOptions({
  ...serviceOptions,
  httpPort: { type: port, default: 8545, doc: "Port of JSON-RPC over HTTP; 0 for any free one." },
  genesis: { type: z.string(), doc: "The chain's genesis, in geth's format." },
  shards: {
    type: z.array(z.string()).min(1),
    doc: "gRPC addresses of all state shards, in order of their numbers.",
  },
  analyzers: {
    type: z.array(z.string()).min(1),
    doc: "gRPC addresses of analyzers, for calls and gas estimates.",
  },
  partitions: { type: count, default: 64, doc: "Partitions of the state (a constant of the chain)." },
  natsUrl: { type: z.string().optional(), default: undefined, doc: "NATS server with JetStream." },
  hub: {
    type: z.string().optional(),
    default: undefined,
    doc: "Embedded stream hub, where there is no NATS.",
  },
  streamPrefix: { type: z.string(), default: "velarium", doc: "Prefix of the names of streams." },
  blockGasLimit: {
    type: count,
    default: 1_500_000_000,
    unit: "gas",
    doc: "Gas limit of a block: no transaction may ask for more.",
  },
  acceptVerified: {
    type: z.boolean(),
    default: false,
    doc: "Take records whose signatures an upstream has checked. Only behind a trusted network.",
  },
  acceptBlobs: {
    type: z.boolean(),
    default: false,
    doc: "Take blob transactions without their sidecars, as they stand in blocks (replay).",
  },
  maxBodyBytes: { type: count, default: 5 * 1024 * 1024, unit: "bytes", doc: "Largest JSON-RPC request." },
  maxBatch: { type: count, default: 1000, doc: "Most requests in one JSON-RPC batch." },
  maxConcurrent: { type: count, default: 1024, doc: "JSON-RPC requests worked on at a time." },
  maxIngestBytes: {
    type: count,
    default: 16 * 1024 * 1024,
    unit: "bytes",
    doc: "Bytes accepted and not yet stored, over all ingest streams; batches beyond it are refused.",
  },
  allowOrigin: {
    type: z.string().optional(),
    default: undefined,
    doc: "Access-Control-Allow-Origin of JSON-RPC answers.",
  },
  indexBlocks: { type: count, default: 1024, doc: "Blocks kept for queries." },
  indexBytes: {
    type: count,
    default: 512 * 1024 * 1024,
    unit: "bytes",
    doc: "Memory of the blocks kept for queries.",
  },
  maxLogs: { type: count, default: 10_000, doc: "Most logs of one eth_getLogs." },
  maxLogBlocks: { type: count, default: 2_000, doc: "Most blocks of one eth_getLogs." },
  maxTraceDepth: {
    type: count,
    default: 20_000,
    unit: "transactions",
    doc: "Most transactions before the one that debug_traceTransaction asks for, in its block: each is run again.",
  },
  maxTraceBytes: {
    type: count,
    default: 64 * 1024 * 1024,
    unit: "bytes",
    doc: "Longest answer of debug_traceTransaction and debug_traceCall.",
  },
  pendingTransactions: {
    type: count,
    default: 100_000,
    doc: "Transactions sent here and not yet in a block that are remembered.",
  },
});
