import { availableParallelism } from "node:os";
import { DEFAULT_ENGINE, ENGINE_KINDS } from "@velarium/engine-wasm";
import { defineOptions, type OptionValues, serviceOptions } from "@velarium/service-kit";
import { z } from "zod";

const count = z.number().int().min(1);

export const analyzerOptions = defineOptions({
  ...serviceOptions,
  genesis: {
    type: z.string(),
    doc: "Genesis file in geth's format: chain id, forks, gas limit, beneficiary.",
  },
  framer: { type: z.string(), doc: "Address of the framer." },
  shards: {
    type: z.array(z.string()).min(1),
    doc: "Addresses of all state shards, in shard order.",
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
  redisUrl: {
    type: z.string().optional(),
    default: undefined,
    doc: "Shared cache of the cluster, where analyzers find the profiles of contracts that others have analysed.",
  },
  streamPrefix: { type: z.string(), default: "velarium", doc: "Goes before the names of all streams." },
  chainSecret: {
    type: z.string().regex(/^(0x)?[0-9a-fA-F]{64}$/, "expected 32 bytes in hexadecimal"),
    doc: "Secret of the chain that slot ids are salted with, 32 bytes in hexadecimal; give it in the environment.",
  },
  partitions: {
    type: z.number().int().min(1).max(256),
    default: 64,
    doc: "Partitions of the state (a constant of the chain).",
  },
  beneficiary: {
    type: z
      .string()
      .regex(/^0x[0-9a-fA-F]{40}$/, "expected an address")
      .optional(),
    default: undefined,
    doc: "Beneficiary of the blocks; the genesis header's when left out.",
  },
  engine: {
    type: z.enum(ENGINE_KINDS),
    default: DEFAULT_ENGINE,
    doc: "What runs simulations and calls: wasm is the engine in WebAssembly, reference is @ethereumjs/evm.",
  },
  evaluationSteps: {
    type: z.number().int().min(0).max(1_000_000),
    default: 20_000,
    unit: "instructions",
    doc: "Longest evaluation of a call that no profile covers, some 20 instructions a microsecond; longer ones are simulated. 0: profiles only. Metric velarium_analyzer_profile_unknown_steps_total.",
  },
  inFlight: {
    type: count,
    default: 8,
    unit: "messages",
    doc: "Messages analysed at a time. Metric velarium_analyzer_in_flight_messages.",
  },
  recoveryThreads: {
    type: z.number().int().min(0).max(256).optional(),
    default: undefined,
    unit: "threads",
    doc: "Threads that recover senders; one per core up to 16 when left out, 0 to recover beside everything else. They start with the first signed transaction. Metric velarium_analyzer_recovery_threads.",
  },
  knownRecipients: {
    type: count,
    default: 2_097_152,
    unit: "accounts",
    doc: "Recipients remembered as having no code, 16 bytes each.",
  },
  knownRecipientsMaxAgeMs: {
    type: count,
    default: 120_000,
    unit: "ms",
    doc: "How long recipients are remembered as having no code.",
  },
  maxCalls: {
    type: count,
    default: 16,
    doc: "Calls and gas estimates of clients worked on at a time; more are refused as overloaded.",
  },
  maxTraceBytes: {
    type: count,
    default: 256 * 1024 * 1024,
    unit: "bytes",
    doc: "Longest packed trace of a transaction; longer ones are refused.",
  },
  dialTimeoutMs: {
    type: count,
    default: 30_000,
    unit: "ms",
    doc: "How long to wait at the start for the shards and the streams.",
  },
});

export type AnalyzerServiceOptions = OptionValues<typeof analyzerOptions.definitions>;

/** 16 threads recover some 300,000 senders a second, more than one analyzer can read. */
const MOST_THREADS = 16;

export const recoveryThreadsOf = (options: AnalyzerServiceOptions): number =>
  options.recoveryThreads ?? Math.min(MOST_THREADS, availableParallelism());
