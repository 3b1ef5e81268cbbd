/**
 * The part of an analysis that needs no state: one pass over the raw transactions of a message fills the columns and
 * sorts rows into transfer candidates (whose five ids are computed together) and the rest.
 */
import type { BytesColumn, Message } from "@velarium/columns";
import { Domain, SLOT_KEY_BYTES, type SlotIds, writeFieldKey } from "@velarium/slots";
import {
  type RecoveredColumn,
  scanTransaction,
  TX_ERROR_CODES,
  TxError,
  type TxErrorCode,
  TxScan,
} from "@velarium/tx-codec";
import { Reason, Shape, TRANSFER_ACCESSES, type TxBatch } from "@velarium/wire";

/** Place of an access within a transfer: the order is part of the protocol. */
export const TransferAccess = {
  senderBalance: 0,
  senderNonce: 1,
  senderCode: 2,
  recipientCode: 3,
  recipientBalance: 4,
} as const;

const REASON_OF: Readonly<Record<TxErrorCode, Reason>> = {
  rlp: Reason.malformed,
  type: Reason.unsupportedType,
  sidecar: Reason.unsupportedType,
  size: Reason.oversized,
  field: Reason.malformed,
  "chain-id": Reason.wrongChain,
  signature: Reason.badSignature,
  gas: Reason.intrinsicGas,
  fee: Reason.feeCapBelowTip,
};

const MAX_EXACT = 2 ** 53;
const scan = new TxScan();

/** Big-endian integer, saturated at 2^53. */
function saturated(raw: Uint8Array, offset: number, size: number): number {
  if (size > 7) return MAX_EXACT;
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + raw[offset + i]!;
  return Math.min(value, MAX_EXACT);
}

/** Room for the keys of one draft after another: 280 bytes a transaction that nobody needs once the ids are known. */
export class KeyScratch {
  private bytes = new Uint8Array(0);
  take(size: number): Uint8Array {
    if (this.bytes.length < size) this.bytes = new Uint8Array(size);
    return this.bytes;
  }
}

export class BatchDraft {
  readonly rows: number;
  readonly raw: BytesColumn;
  readonly verified: Uint8Array;
  readonly verdicts: Uint8Array;
  /** Shape.transfer for candidates, until their recipients turn out to have code. */
  readonly shapes: Uint8Array;
  readonly types: Uint8Array;
  readonly nonces: Float64Array;
  readonly gasLimits: Float64Array;
  readonly feeCaps: Float64Array;
  readonly tipCaps: Float64Array;
  readonly senders: Uint8Array;
  readonly hashes: Uint8Array;
  /** Rows of the transfer candidates, and five keys and ids for each of them. */
  readonly candidates: Uint32Array;
  candidateCount = 0;
  /** Borrowed: valid until another draft is made with the same scratch, so not across a wait. */
  readonly keys: Uint8Array;
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;

  constructor(batch: Message<typeof TxBatch>, scratch: KeyScratch) {
    const n = batch.raw.ends.length;
    this.rows = n;
    this.raw = batch.raw;
    this.verified = batch.verified;
    this.verdicts = new Uint8Array(n);
    this.shapes = new Uint8Array(n);
    this.types = new Uint8Array(n);
    this.nonces = new Float64Array(n);
    this.gasLimits = new Float64Array(n);
    this.feeCaps = new Float64Array(n);
    this.tipCaps = new Float64Array(n);
    this.senders = new Uint8Array(20 * n);
    this.hashes = new Uint8Array(32 * n);
    this.candidates = new Uint32Array(n);
    this.keys = scratch.take(n * TRANSFER_ACCESSES * SLOT_KEY_BYTES);
    this.hi = new Uint32Array(n * TRANSFER_ACCESSES);
    this.lo = new Uint32Array(n * TRANSFER_ACCESSES);
  }

  /** Scans every row, and computes the ids of all candidates at once. `recovered`: rows that are not verified. */
  fill(
    batch: Message<typeof TxBatch>,
    recovered: RecoveredColumn | undefined,
    chainId: number,
    beneficiary: Uint8Array,
    slotIds: SlotIds,
  ): void {
    const { ends, blob } = this.raw;
    // For verified rows; the others get theirs below.
    this.senders.set(batch.senders.subarray(0, this.senders.length));
    this.hashes.set(batch.hashes.subarray(0, this.hashes.length));
    let start = 0;
    for (let row = 0; row < this.rows; row++) {
      const end = ends[row]!;
      try {
        this.scanRow(batch, recovered, row, blob, start, end, chainId, beneficiary);
      } catch (error) {
        if (!(error instanceof TxError)) throw error;
        this.refuse(row, REASON_OF[error.code]);
      }
      start = end;
    }
    slotIds.idsOf(this.keys, this.candidateCount * TRANSFER_ACCESSES, this.hi, this.lo);
  }

  private refuse(row: number, reason: Reason): void {
    this.verdicts[row] = reason;
    this.senders.fill(0, row * 20, row * 20 + 20);
  }

  private scanRow(
    batch: Message<typeof TxBatch>,
    recovered: RecoveredColumn | undefined,
    row: number,
    blob: Uint8Array,
    start: number,
    end: number,
    chainId: number,
    beneficiary: Uint8Array,
  ): void {
    const { senders, hashes } = this;
    const isVerified = batch.verified[row] === 1;
    if (!isVerified) hashes.set(recovered!.hashes.subarray(row * 32, row * 32 + 32), row * 32);
    scanTransaction(blob, start, end - start, scan);
    this.types[row] = scan.type;
    this.nonces[row] = scan.nonce;
    this.gasLimits[row] = scan.gasLimit;
    this.feeCaps[row] = saturated(blob, scan.feeOffset, scan.feeSize);
    this.tipCaps[row] = saturated(blob, scan.tipOffset, scan.tipSize);
    if (scan.chainId >= 0 && scan.chainId !== chainId) {
      this.refuse(row, Reason.wrongChain);
      return;
    }
    if (!isVerified) {
      const status = recovered!.statuses[row]!;
      if (status !== 0) {
        this.refuse(row, REASON_OF[TX_ERROR_CODES[status - 1]!]);
        return;
      }
      senders.set(recovered!.senders.subarray(row * 20, row * 20 + 20), row * 20);
    }
    if (isTransfer(blob, senders, row * 20, beneficiary)) this.addCandidate(row, blob, scan.toOffset);
  }

  private addCandidate(row: number, blob: Uint8Array, to: number): void {
    const { keys, senders } = this;
    const at = this.candidateCount * TRANSFER_ACCESSES * SLOT_KEY_BYTES;
    const sender = row * 20;
    this.shapes[row] = Shape.transfer;
    this.candidates[this.candidateCount++] = row;
    writeFieldKey(keys, at + TransferAccess.senderBalance * SLOT_KEY_BYTES, Domain.balance, senders, sender);
    writeFieldKey(keys, at + TransferAccess.senderNonce * SLOT_KEY_BYTES, Domain.nonce, senders, sender);
    writeFieldKey(keys, at + TransferAccess.senderCode * SLOT_KEY_BYTES, Domain.code, senders, sender);
    writeFieldKey(keys, at + TransferAccess.recipientCode * SLOT_KEY_BYTES, Domain.code, blob, to);
    writeFieldKey(keys, at + TransferAccess.recipientBalance * SLOT_KEY_BYTES, Domain.balance, blob, to);
  }
}

/** The scanned row is a plain transfer, as far as can be told without state. */
function isTransfer(raw: Uint8Array, senders: Uint8Array, sender: number, beneficiary: Uint8Array): boolean {
  const to = scan.toOffset;
  if (scan.type > 2 || to < 0 || scan.dataSize > 0 || scan.accessListSize > 0) return false;
  let low = true;
  let toSelf = true;
  let fromBeneficiary = true;
  for (let i = 0; i < 20; i++) {
    const byte = raw[to + i]!;
    const from = senders[sender + i]!;
    // Precompiles lie below 2^16.
    if (i < 18 && byte !== 0) low = false;
    if (byte !== from) toSelf = false;
    if (from !== beneficiary[i]) fromBeneficiary = false;
  }
  return !low && !toSelf && !fromBeneficiary;
}
