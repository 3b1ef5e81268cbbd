/** Door to pool: gateway, `tx` stream, analyzer, framer. */
import { defineSchema } from "@velarium/columns";

/** Transactions as admitted. One message of the `tx` stream, and one message of `Ingest.Submit`. */
export const TxBatch = defineSchema({
  id: 1,
  version: 1,
  name: "TxBatch",
  doc: "Client to gateway (Ingest.Submit) and gateway to the tx stream.",
  /** `batch`: the client's number for the acknowledgement. `receivedMs`: wall clock at the door. */
  scalars: ["batch", "receivedMs"],
  columns: {
    /** 1: a verified record, whose sender and hash are taken as given. */
    verified: "u8",
    raw: "bytes",
    /** Zero where not verified. */
    senders: "fixed20",
    hashes: "fixed32",
  },
});

export const IngestAck = defineSchema({
  id: 2,
  version: 1,
  name: "IngestAck",
  doc: "Gateway to client: the batch is stored in the tx stream at `streamSeq` (0 when nothing of it was admitted).",
  scalars: ["batch", "streamSeq"],
  columns: {
    /** Per transaction of the batch: 0 admitted, else a Reason. Admitted ones have consecutive indexes in the stream message. */
    verdicts: "u8",
  },
});

export const Assignment = defineSchema({
  id: 3,
  version: 1,
  name: "Assignment",
  doc: "Framer to analyzer: analyse tx messages with seq ≥ fromStreamSeq and seq mod modulus = remainder, and send none past throughStreamSeq. A later message replaces an earlier one; only a change of term, modulus, remainder or from restarts the reading.",
  scalars: ["term", "modulus", "remainder", "fromStreamSeq", "throughStreamSeq"],
  columns: {},
});

/** One tx message, analysed. Bodies and accesses in separate columns. */
export const Analyzed = defineSchema({
  id: 4,
  version: 1,
  name: "Analyzed",
  doc: "Analyzer to framer, exactly one per tx message.",
  scalars: ["term", "streamSeq"],
  columns: {
    /** Index within the tx message. */
    indexes: "u32",
    /** 0 or a Reason: not executable (bad signature, for example). The row still has sender (zero) and raw. */
    verdicts: "u8",
    shapes: "u8",
    verified: "u8",
    types: "u8",
    nonces: "f64",
    gasLimits: "f64",
    /** Wei, saturated at 2^53: for ordering only. */
    feeCaps: "f64",
    tipCaps: "f64",
    senders: "fixed20",
    hashes: "fixed32",
    raw: "bytes",
    accessEnds: "u32",
    accessHi: "u32",
    accessLo: "u32",
    accessKinds: "u8",
    /** Keys of the accesses of all rows whose shape is not `transfer`, in order. */
    keys: "fixed56",
  },
});
