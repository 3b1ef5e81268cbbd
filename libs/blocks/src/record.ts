/** The block record: what shards store, what the `blocks` stream and exports carry. */
import { ColumnError, decode, defineSchema, encode, type Message, scalarsOf } from "@velarium/columns";
import { BlockError } from "./error.ts";

export const BLOCK_RECORD_VERSION = 1;

export const BlockRecordSchema = defineSchema({
  id: 100,
  version: BLOCK_RECORD_VERSION,
  name: "BlockRecord",
  doc: "A block with its outcomes. State root and parent hash of the header are zero in stripes, final once `sealed` is 1.",
  /**
   * `firstSeq`..`lastSeq`: its part of the total order. `watermark`: see BlockOpen of the wire. `frames`, `returned`:
   * how many frames it had and how many transactions went back to the pool.
   */
  scalars: ["number", "firstSeq", "lastSeq", "watermark", "frames", "returned", "sealed"],
  columns: {
    /** RLP. */
    header: "u8",
    // One item per included transaction, in block order.
    raw: "bytes",
    senders: "fixed20",
    hashes: "fixed32",
    /** 1: sender and hash were taken as given. */
    verified: "u8",
    arrivals: "f64",
    statuses: "u8",
    gasUsed: "f64",
    /** RLP list of logs, empty bytes when there are none. */
    logs: "bytes",
    // One item per rejected transaction.
    rejectedArrivals: "f64",
    rejectedHashes: "fixed32",
    rejectedSenders: "fixed20",
    rejectedReasons: "u8",
    /** Hashes of the blocks before it, up to 256, the parent last: what recovery needs from one record. */
    ancestors: "fixed32",
    /** Arrivals at or above the watermark that have their outcome in this or an earlier record: [from, to) pairs. */
    resolved: "f64",
  },
});

export type BlockRecord = Message<typeof BlockRecordSchema>;
type Recovery = "ancestors" | "resolved";
/** What only recovery needs may be left out where a record does not come from a framer. */
export type NewBlockRecord = Omit<BlockRecord, Recovery> & Partial<Pick<BlockRecord, Recovery>>;

/** Throws BlockError `columns` when the columns have different lengths. */
function checkRecord(record: NewBlockRecord): void {
  const n = record.raw.ends.length;
  const lengths = {
    senders: record.senders.length / 20,
    hashes: record.hashes.length / 32,
    verified: record.verified.length,
    arrivals: record.arrivals.length,
    statuses: record.statuses.length,
    gasUsed: record.gasUsed.length,
    logs: record.logs.ends.length,
  };
  for (const [name, length] of Object.entries(lengths)) {
    if (length !== n)
      throw new BlockError("columns", `block ${record.number}: ${n} transactions, but ${length} ${name}`);
  }
  const rejected = record.rejectedArrivals.length;
  if (
    record.rejectedHashes.length !== 32 * rejected ||
    record.rejectedSenders.length !== 20 * rejected ||
    record.rejectedReasons.length !== rejected
  ) {
    throw new BlockError(
      "columns",
      `block ${record.number}: columns of rejected transactions differ in length`,
    );
  }
}

export function encodeBlockRecord(record: NewBlockRecord): Uint8Array {
  checkRecord(record);
  return encode(BlockRecordSchema, {
    ...record,
    ancestors: record.ancestors ?? new Uint8Array(0),
    resolved: record.resolved ?? new Float64Array(0),
  });
}

/** Makes an encoded record (8-aligned) a sealed one, in place: a sealed header is as long as it was before. */
export function sealBlockRecord(bytes: Uint8Array, header: Uint8Array): void {
  const record = decode(BlockRecordSchema, bytes);
  if (record.header.buffer !== bytes.buffer || record.header.length !== header.length)
    throw new BlockError("header", `expected ${record.header.length} bytes in place, got ${header.length}`);
  record.header.set(header);
  scalarsOf(BlockRecordSchema, bytes)[BlockRecordSchema.scalars.indexOf("sealed")] = 1;
}

/** Columns borrow from `bytes`. Throws BlockError `columns` or `version`. */
export function decodeBlockRecord(bytes: Uint8Array): BlockRecord {
  try {
    const record = decode(BlockRecordSchema, bytes);
    checkRecord(record);
    return record;
  } catch (error) {
    if (!(error instanceof ColumnError)) throw error;
    throw new BlockError(error.code === "version" ? "version" : "columns", error.message);
  }
}
