/**
 * What is wrong with a transaction.
 * - `rlp` not canonical RLP, or bytes after the end
 * - `type` a transaction type that is unknown or not active
 * - `sidecar` a blob transaction in network form; this layer takes the form that goes into blocks
 * - `size` longer than allowed (whole transaction, or init code)
 * - `field` a field of the wrong length, range or shape
 * - `chain-id` for another chain, or replay protection not active
 * - `signature` signature values out of range, or no key can have made it
 * - `gas` gas limit below the intrinsic gas, or above the cap of one transaction
 * - `fee` the tip is above the fee cap
 */
export const TX_ERROR_CODES = [
  "rlp",
  "type",
  "sidecar",
  "size",
  "field",
  "chain-id",
  "signature",
  "gas",
  "fee",
] as const;
export type TxErrorCode = (typeof TX_ERROR_CODES)[number];

export class TxError extends Error {
  readonly code: TxErrorCode;
  constructor(code: TxErrorCode, message: string) {
    super(message);
    this.name = "TxError";
    this.code = code;
  }
}

/** Status of a transaction in packed results: 0 is good, else 1 + the place of the code in TX_ERROR_CODES. */
export function txStatusOf(error: unknown): number {
  if (error instanceof TxError) return 1 + TX_ERROR_CODES.indexOf(error.code);
  throw error;
}
