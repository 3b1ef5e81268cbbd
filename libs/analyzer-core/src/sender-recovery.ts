/** Recovery of senders, by far the dearest part of an analysis (some 50 µs each): behind a function, so that a service can spread it over threads. */
import type { BytesColumn } from "@velarium/columns";
import { type RecoveredColumn, recoverSenders } from "@velarium/tx-codec";

/**
 * Hashes and senders of the rows that are not `verified`; what stands in the others does not matter. Rejects when
 * nobody can do it now: then the whole message is to be analysed again.
 */
export type SenderRecovery = (
  raw: BytesColumn,
  verified: Uint8Array,
) => RecoveredColumn | Promise<RecoveredColumn>;

/** On the calling thread. */
export const recoverHere: SenderRecovery = (raw, verified) => recoverSenders(raw, { skip: verified });
