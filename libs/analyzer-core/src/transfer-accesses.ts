/** Access columns of a message in which every row is a transfer: as they stand in the draft, without a copy. */
import type { Message } from "@velarium/columns";
import { AccessKind } from "@velarium/slots";
import { type Analyzed, TRANSFER_ACCESSES } from "@velarium/wire";
import type { BatchDraft } from "./batch-draft.ts";

/** In the order of TransferAccess. */
export const TRANSFER_KINDS = [AccessKind.W, AccessKind.W, AccessKind.R, AccessKind.R, AccessKind.D] as const;

export type AccessColumns = Pick<
  Message<typeof Analyzed>,
  "indexes" | "accessEnds" | "accessHi" | "accessLo" | "accessKinds" | "keys"
>;

const NO_KEYS = new Uint8Array(0);

export class TransferAccesses {
  // The same for every message: as long as the longest one so far, never changed once made.
  private indexes = new Uint32Array(0);
  private ends = new Uint32Array(0);
  private kinds = new Uint8Array(0);

  /** Columns borrow from the draft and from here. */
  of({ rows, hi, lo }: BatchDraft): AccessColumns {
    if (this.indexes.length < rows) this.grow(rows);
    const accesses = rows * TRANSFER_ACCESSES;
    return {
      indexes: this.indexes.subarray(0, rows),
      accessEnds: this.ends.subarray(0, rows),
      accessHi: hi.subarray(0, accesses),
      accessLo: lo.subarray(0, accesses),
      accessKinds: this.kinds.subarray(0, accesses),
      keys: NO_KEYS,
    };
  }

  private grow(rows: number): void {
    this.indexes = Uint32Array.from({ length: rows }, (_, row) => row);
    this.ends = Uint32Array.from({ length: rows }, (_, row) => (row + 1) * TRANSFER_ACCESSES);
    this.kinds = Uint8Array.from(
      { length: rows * TRANSFER_ACCESSES },
      (_, i) => TRANSFER_KINDS[i % TRANSFER_ACCESSES]!,
    );
  }
}
