/** Sender recovery, one by one and for a column. */
import type { BytesColumn } from "@velarium/columns";
import { keccak256, keccak256Into } from "@velarium/hash-kernel";
import { type Curve, curve } from "./curve.ts";
import { TxError, txStatusOf } from "./error.ts";
import { MAX_TRANSACTION_BYTES, scanTransaction, TxScan } from "./scan.ts";
import { signingHashInto } from "./signing-hash.ts";

const ORDER = /* n of secp256k1 */ Buffer.from(
  "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
  "hex",
);
const HALF_ORDER = Buffer.from("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", "hex");

const hash = new Uint8Array(32);
const signature = new Uint8Array(64);
const publicKey = new Uint8Array(65);
const digest = new Uint8Array(32);

function isAbove(bytes: Uint8Array, from: number, limit: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) {
    const difference = bytes[from + i]! - limit[i]!;
    if (difference !== 0) return difference > 0;
  }
  return false;
}

export interface RecoverOptions {
  /** Accept the upper half of s: only blocks before Homestead (EIP-2) have such. */
  readonly highS?: boolean;
  readonly curve?: Curve;
}

/** Writes the sender (20 bytes) of a scanned transaction to `out` at `to`. Throws TxError `signature`. */
export function recoverSenderInto(
  raw: Uint8Array,
  scan: TxScan,
  out: Uint8Array,
  to: number,
  options: RecoverOptions = {},
): void {
  if (scan.rSize === 0 || scan.sSize === 0) throw new TxError("signature", "r and s must not be zero");
  signature.fill(0);
  for (let i = 0; i < scan.rSize; i++) signature[32 - scan.rSize + i] = raw[scan.rOffset + i]!;
  for (let i = 0; i < scan.sSize; i++) signature[64 - scan.sSize + i] = raw[scan.sOffset + i]!;
  if (!isAbove(ORDER, 0, signature)) throw new TxError("signature", "r is not below the order of the curve");
  if (isAbove(signature, 32, HALF_ORDER)) {
    if (!options.highS) throw new TxError("signature", "s is in the upper half (EIP-2)");
    if (!isAbove(ORDER, 0, signature.subarray(32)))
      throw new TxError("signature", "s is not below the order of the curve");
  }
  signingHashInto(raw, scan, hash, 0);
  (options.curve ?? curve).recover(signature, scan.yParity, hash, publicKey);
  keccak256Into(publicKey, 1, 64, digest, 0);
  for (let i = 0; i < 20; i++) out[to + i] = digest[12 + i]!;
}

export interface RecoveredColumn {
  /** 20 bytes each; zero where the status is not 0. */
  readonly senders: Uint8Array;
  /** Transaction hashes, 32 bytes each. */
  readonly hashes: Uint8Array;
  /** 0, or 1 + index of the code in TX_ERROR_CODES. */
  readonly statuses: Uint8Array;
}

export interface RecoverColumnOptions extends RecoverOptions {
  readonly maxBytes?: number;
  /** Rows where it is 1 are left out: sender, hash and status stay zero. */
  readonly skip?: Uint8Array | undefined;
}

/** Scans, hashes and recovers every transaction of a column. Nothing is thrown for a bad one: see `statuses`. */
export function recoverSenders(
  transactions: BytesColumn,
  options: RecoverColumnOptions = {},
): RecoveredColumn {
  const n = transactions.ends.length;
  const senders = new Uint8Array(20 * n);
  const hashes = new Uint8Array(32 * n);
  const statuses = new Uint8Array(n);
  const scan = new TxScan();
  const raw = transactions.blob;
  const { skip, maxBytes = MAX_TRANSACTION_BYTES } = options;
  let start = 0;
  for (let i = 0; i < n; i++) {
    const end = transactions.ends[i]!;
    if (skip?.[i] !== 1) {
      try {
        keccak256Into(raw, start, end - start, hashes, 32 * i);
        scanTransaction(raw, start, end - start, scan, maxBytes);
        recoverSenderInto(raw, scan, senders, 20 * i, options);
      } catch (error) {
        statuses[i] = txStatusOf(error);
      }
    }
    start = end;
  }
  return { senders, hashes, statuses };
}

/** Address of a private key. */
export function addressOf(privateKey: Uint8Array): Uint8Array {
  return keccak256(curve.publicKey(privateKey).subarray(1)).slice(12);
}
