/** Talk with the state shards. */
import { defineSchema } from "@velarium/columns";

export const SlotReads = defineSchema({
  id: 40,
  version: 1,
  name: "SlotReads",
  doc: "Executor to shard (StateShard.Slots). Modes are those of GrantMode that ask the home shard (local is sent as wait).",
  scalars: ["epoch", "executor"],
  columns: {
    tokens: "u32",
    hi: "u32",
    lo: "u32",
    modes: "u8",
    versions: "f64",
    keys: "fixed56",
    /** For deltaFloor and deltaWait, in order. */
    genSeqs: "f64",
    genCounts: "u32",
    genLasts: "f64",
  },
});

export const SlotValues = defineSchema({
  id: 41,
  version: 1,
  name: "SlotValues",
  doc: "Shard to executor: answers, in any order; a read that has to wait does not delay the others of its batch.",
  scalars: ["epoch"],
  columns: { tokens: "u32", values: "fixed32" },
});

export const Publish = defineSchema({
  id: 42,
  version: 1,
  name: "Publish",
  doc: "Executor to shard: one version for every declared W (changed or not), cumulative delta contributions, new code.",
  scalars: ["epoch", "executor", "batch"],
  columns: {
    hi: "u32",
    lo: "u32",
    seqs: "f64",
    keys: "fixed56",
    values: "fixed32",
    deltaHi: "u32",
    deltaLo: "u32",
    deltaGens: "f64",
    /** Cumulative per (generation, executor, epoch), as are the amounts: a later message replaces an earlier one. */
    deltaCounts: "u32",
    deltaKeys: "fixed56",
    deltaAmounts: "fixed32",
    /** Code goes to the shard that holds partition (first hash byte × partitions) >> 8. */
    codeSeqs: "f64",
    codeHashes: "fixed32",
    codes: "bytes",
  },
});

export const PublishAck = defineSchema({
  id: 43,
  version: 1,
  name: "PublishAck",
  doc: "Shard to executor.",
  scalars: ["epoch", "batch"],
  columns: {},
});

export const CodeReads = defineSchema({
  id: 44,
  version: 1,
  name: "CodeReads",
  doc: "Executor to shard (Slots stream): code by the first 28 bytes of its hash.",
  scalars: ["epoch"],
  columns: { tokens: "u32", prefixes: "fixed28" },
});

export const CodeValues = defineSchema({
  id: 45,
  version: 1,
  name: "CodeValues",
  doc: "Shard to executor. found = 0: no such code.",
  scalars: ["epoch"],
  columns: { tokens: "u32", found: "u8", codes: "bytes" },
});

export const CodeFilter = defineSchema({
  id: 46,
  version: 1,
  name: "CodeFilter",
  doc: "Shard to executor (Slots stream): the filter of all code slots that were written here up to a seq, so that reads of others need not be asked. Whole at an epoch's beginning, then what each block adds.",
  /** sinceSeq = -1: whole; else what was added after that seq. */
  scalars: ["epoch", "sinceSeq", "throughSeq"],
  /** `words`: the whole filter's (libs/slots), or none. `added`: hashes of keys beside those. */
  columns: { words: "u32", added: "u32" },
});

export const EpochBegin = defineSchema({
  id: 50,
  version: 1,
  name: "EpochBegin",
  doc: "Scheduler to shard (StateShard.Control): make this greater epoch durable, roll back to the height, forget all versions. rollbackTo = -1 asks for ShardState only.",
  scalars: ["epoch", "rollbackTo"],
  columns: {},
});

export const ShardState = defineSchema({
  id: 51,
  version: 1,
  name: "ShardState",
  doc: "Shard to scheduler and framer: answer to EpochBegin, and its first message on every stream.",
  /** `closeSeq`: last seq of the block at durableHeight. */
  scalars: ["epoch", "durableHeight", "closeSeq", "shard", "shards", "partitions"],
  columns: { owned: "u8", genesisHash: "fixed32" },
});

export const CloseBlock = defineSchema({
  id: 52,
  version: 1,
  name: "CloseBlock",
  doc: "Scheduler to shard: the block is complete; commit it when this many versions and contributions per partition are here.",
  scalars: ["epoch", "number", "firstSeq", "closeSeq"],
  columns: { versionCounts: "u32", deltaCounts: "u32" },
});

export const Seals = defineSchema({
  id: 53,
  version: 1,
  name: "Seals",
  doc: "Scheduler to shard: these delta generations are closed without a reader; their sum becomes version genLast.",
  scalars: ["epoch"],
  columns: {
    hi: "u32",
    lo: "u32",
    /** GrantMode.deltaFloor or deltaWait, for the base. */
    modes: "u8",
    versions: "f64",
    genSeqs: "f64",
    genCounts: "u32",
    genLasts: "f64",
  },
});

export const Stripe = defineSchema({
  id: 60,
  version: 1,
  name: "Stripe",
  doc: "Framer to shard (StateShard.Commit): this shard's part of the block record, appended with the block's state.",
  scalars: ["epoch", "number"],
  columns: { stripe: "u8" },
});

export const Committed = defineSchema({
  id: 61,
  version: 1,
  name: "Committed",
  doc: "Shard to framer: state and stripe of the block are durable here; roots of the partitions it owns.",
  scalars: ["epoch", "number"],
  columns: { partitions: "u8", roots: "fixed32" },
});

export const GetRequest = defineSchema({
  id: 70,
  version: 1,
  name: "GetRequest",
  doc: "Unary StateShard.Read: committed values of keys that live on this shard. height = -1: the newest durable block.",
  scalars: ["height"],
  columns: { keys: "fixed56" },
});
export const GetReply = defineSchema({
  id: 71,
  version: 1,
  name: "GetReply",
  doc: "Answer to GetRequest. status 1: the height is outside the undo window.",
  scalars: ["height", "status"],
  columns: { values: "fixed32" },
});
export const CodeRequest = defineSchema({
  id: 72,
  version: 1,
  name: "CodeRequest",
  doc: "Unary StateShard.Read: code by hash prefix.",
  scalars: [],
  columns: { prefixes: "fixed28" },
});
export const CodeReply = defineSchema({
  id: 73,
  version: 1,
  name: "CodeReply",
  doc: "Answer to CodeRequest.",
  scalars: [],
  columns: { found: "u8", codes: "bytes" },
});
export const ProveRequest = defineSchema({
  id: 74,
  version: 1,
  name: "ProveRequest",
  doc: "Unary StateShard.Read: proof for one key against the partition root at a height (-1: newest).",
  scalars: ["height"],
  columns: { key: "fixed56" },
});
export const ProveReply = defineSchema({
  id: 75,
  version: 1,
  name: "ProveReply",
  doc: "Answer to ProveRequest: the partition's proof as UTF-8 JSON, with all partition roots this shard owns. status 1: height not available.",
  scalars: ["height", "status"],
  columns: { proof: "u8", partitions: "u8", roots: "fixed32" },
});
export const RecordRequest = defineSchema({
  id: 76,
  version: 1,
  name: "RecordRequest",
  doc: "Unary StateShard.Read: this shard's stripe of the record of a block, with its partition roots.",
  scalars: ["height"],
  columns: {},
});
export const RecordReply = defineSchema({
  id: 77,
  version: 1,
  name: "RecordReply",
  doc: "Answer to RecordRequest. status 1: not here.",
  scalars: ["height", "status", "closeSeq"],
  columns: { stripe: "u8", partitions: "u8", roots: "fixed32" },
});

export const SimulateRequest = defineSchema({
  id: 80,
  version: 1,
  name: "SimulateRequest",
  doc: "Unary Analyzer.Simulate: UTF-8 JSON {method: 'call'|'estimateGas'|'createAccessList', tx, block}.",
  scalars: [],
  columns: { json: "u8" },
});
export const SimulateReply = defineSchema({
  id: 81,
  version: 1,
  name: "SimulateReply",
  doc: "Answer to SimulateRequest, UTF-8 JSON: {result} | {error: {code, message, data}}.",
  scalars: [],
  columns: { json: "u8" },
});

export const TraceRequest = defineSchema({
  id: 82,
  version: 1,
  name: "TraceRequest",
  doc: "Unary Analyzer.Trace: the last transaction of `raw`, run in the block of `header` (RLP) after those before it on the state of `height`; or, where `call` (UTF-8 JSON, a call object of JSON-RPC) is not empty, that call on the state of `height`. memory 1: record what is written to memory; prestate 1: add state before (2: what changed).",
  scalars: ["height", "memory", "prestate"],
  columns: {
    header: "u8",
    raw: "bytes",
    senders: "fixed20",
    /** Hashes of the blocks before it, up to 256, the parent last. */
    ancestors: "fixed32",
    call: "u8",
  },
});
export const TraceReply = defineSchema({
  id: 83,
  version: 1,
  name: "TraceReply",
  doc: "Answer to TraceRequest: the packed trace (libs/evm-trace), zstd-compressed. json: {} | {prestate} | {error: {code, message, data}}, UTF-8.",
  scalars: ["status", "gasUsed", "gasLimit"],
  columns: { trace: "u8", output: "u8", json: "u8" },
});
export const EngineReportRequest = defineSchema({
  id: 84,
  version: 1,
  name: "EngineReportRequest",
  doc: "Unary Executor.EngineReport and Analyzer.EngineReport: what the engine has done, with at most `codes` codes.",
  scalars: ["codes"],
  columns: {},
});
export const EngineReportReply = defineSchema({
  id: 85,
  version: 1,
  name: "EngineReportReply",
  doc: "Answer to EngineReportRequest, UTF-8 JSON: {engine, stats, codes}.",
  scalars: [],
  columns: { json: "u8" },
});

export const BlockChunk = defineSchema({
  id: 90,
  version: 1,
  name: "BlockChunk",
  doc: "blocks stream: part `index` of `count` of an announced block's record. announcedMs: wall clock.",
  scalars: ["number", "index", "count", "announcedMs"],
  columns: { bytes: "u8" },
});
