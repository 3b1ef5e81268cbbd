/** The total order: messages of the `frames` stream, and the framer's talk with the scheduler. */
import { defineSchema } from "@velarium/columns";

export const TermMarker = defineSchema({
  id: 10,
  version: 1,
  name: "TermMarker",
  doc: "frames stream: a framer's term begins. Appended with the expected last sequence; older terms' messages after it are void.",
  scalars: ["term"],
  columns: {},
});

export const BlockOpen = defineSchema({
  id: 11,
  version: 1,
  name: "BlockOpen",
  doc: "frames stream: context of the frames that follow. The base fee is not here: the scheduler derives it from the parent.",
  /** `watermark`: every transaction of the tx stream below this stream seq had its outcome announced. */
  scalars: ["term", "number", "time", "gasLimit", "firstSeq", "watermark"],
  columns: {
    beneficiary: "fixed20",
    /** Slot id of the beneficiary's balance: [hi, lo]. */
    beneficiaryId: "u32",
    prevRandao: "fixed32",
    parentBeaconRoot: "fixed32",
    extraData: "u8",
  },
});

/** Columns that a frame and a dispatch share. */
const transactionColumns = {
  shapes: "u8",
  gasLimits: "f64",
  senders: "fixed20",
  raw: "bytes",
  accessEnds: "u32",
  accessHi: "u32",
  accessLo: "u32",
  accessKinds: "u8",
  keys: "fixed56",
} as const;

export const Frame = defineSchema({
  id: 12,
  version: 1,
  name: "Frame",
  doc: "frames stream: transactions without conflicts, with consecutive seqs from firstSeq. tail = 1: the marked tail, serial.",
  scalars: ["term", "block", "frame", "firstSeq", "tail", "openedMs"],
  columns: {
    ...transactionColumns,
    /** Position in the tx stream (arrivalOf), -1 for chain work. */
    arrivals: "f64",
    /** How often it was returned before. */
    attempts: "u8",
    verified: "u8",
    /** W3C traceparent, empty when not traced. */
    trace: "u8",
  },
});

export const BlockClose = defineSchema({
  id: 13,
  version: 1,
  name: "BlockClose",
  doc: "frames stream: the block's last seq. Seqs firstSeq..lastSeq of the block are all framed.",
  scalars: ["term", "number", "lastSeq", "transactions"],
  columns: {},
});

/** Scheduler to executor: the part of a frame placed there. Column `raw` is passed on untouched. */
export const Dispatch = defineSchema({
  id: 20,
  version: 1,
  name: "Dispatch",
  doc: "Scheduler to executor, in seq order per executor.",
  scalars: ["epoch", "block", "frame", "tail"],
  columns: {
    ...transactionColumns,
    seqs: "f64",
    /** Delta generation that takes the transaction's fee to the beneficiary; -1: it declares W there and adds the fee itself. */
    feeGens: "f64",
    /** Per access: GrantMode and the version it names. */
    modes: "u8",
    versions: "f64",
    /** For every access in mode deltaFloor or deltaWait, in order: first seq of the generation, contributions, last seq. */
    genSeqs: "f64",
    genCounts: "u32",
    genLasts: "f64",
    trace: "u8",
  },
});

export const EpochStart = defineSchema({
  id: 21,
  version: 1,
  name: "EpochStart",
  doc: "Scheduler to executor: forget everything; execution continues above `height`. Hashes of the last blocks up to 256.",
  scalars: ["epoch", "executor", "executors", "height"],
  columns: { numbers: "f64", hashes: "fixed32" },
});

export const BlockContext = defineSchema({
  id: 22,
  version: 1,
  name: "BlockContext",
  doc: "Scheduler to executor, before the first dispatch of a block.",
  scalars: ["epoch", "number", "time", "gasLimit", "firstSeq"],
  columns: {
    beneficiary: "fixed20",
    beneficiaryId: "u32",
    prevRandao: "fixed32",
    parentBeaconRoot: "fixed32",
  },
});

export const BlockFees = defineSchema({
  id: 23,
  version: 1,
  name: "BlockFees",
  doc: "Scheduler to executor: the parent is complete, transactions of this block may run.",
  scalars: ["epoch", "number", "excessBlobGas"],
  columns: { baseFee: "fixed32" },
});

export const BlockHash = defineSchema({
  id: 24,
  version: 1,
  name: "BlockHash",
  doc: "Framer to scheduler, scheduler to executor: the block is durable on every shard and announced.",
  scalars: ["epoch", "number"],
  columns: { hash: "fixed32" },
});

export const Completed = defineSchema({
  id: 25,
  version: 1,
  name: "Completed",
  doc: "Scheduler to executor: everything up to this seq is complete; older versions in flight are never asked again.",
  scalars: ["epoch", "throughSeq"],
  columns: {},
});

export const Ownership = defineSchema({
  id: 26,
  version: 1,
  name: "Ownership",
  doc: "Scheduler to the executor that loses slots, mirrored as a notice for observers: `version` was written, or will be, elsewhere.",
  scalars: ["epoch", "executor"],
  columns: { hi: "u32", lo: "u32", versions: "f64", owners: "u8" },
});

export const ExecutorHello = defineSchema({
  id: 27,
  version: 1,
  name: "ExecutorHello",
  doc: "Executor to scheduler, first message: transactions it takes in flight.",
  scalars: ["capacity"],
  columns: { name: "u8" },
});

export const Results = defineSchema({
  id: 28,
  version: 1,
  name: "Results",
  doc: "Executor to scheduler, after the home shards acknowledged the versions of these seqs.",
  scalars: ["epoch"],
  columns: {
    seqs: "f64",
    outcomes: "u8",
    gasUsed: "f64",
    /** Empty when no transaction of the batch carries blobs. */
    blobGas: "f64",
    /** Marked tail only, else empty: accesses made without declaration, per transaction. */
    extraEnds: "u32",
    extraHi: "u32",
    extraLo: "u32",
    extraKinds: "u8",
  },
});

export const Receipts = defineSchema({
  id: 29,
  version: 1,
  name: "Receipts",
  doc: "Executor to framer, past the scheduler: what goes into the block, and what a returned transaction taught.",
  scalars: ["epoch", "block"],
  columns: {
    seqs: "f64",
    outcomes: "u8",
    reasons: "u8",
    /** Receipt status (1 success), for included ones. */
    statuses: "u8",
    gasUsed: "f64",
    blobGas: "f64",
    /** RLP list of logs; empty bytes when there are none. */
    logs: "bytes",
    /** Accesses learned by returned transactions; all columns empty when none. */
    learnedEnds: "u32",
    learnedHi: "u32",
    learnedLo: "u32",
    learnedKinds: "u8",
    learnedKeys: "fixed56",
  },
});

export const EpochNotice = defineSchema({
  id: 30,
  version: 1,
  name: "EpochNotice",
  doc: "Scheduler to framer: epoch `epoch` repeats the frames above `height`.",
  scalars: ["epoch", "height"],
  columns: {},
});

export const BlockCompleted = defineSchema({
  id: 31,
  version: 1,
  name: "BlockCompleted",
  doc: "Scheduler to framer: all outcomes of the block are in; what its header says about fees. Framer to scheduler, once per epoch: the same of the block at the epoch's height.",
  scalars: ["epoch", "number", "gasUsed", "gasLimit", "blobGasUsed", "excessBlobGas", "executedGas"],
  columns: { baseFee: "fixed32" },
});
