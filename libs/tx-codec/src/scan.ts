/**
 * The hot path: where each field of a raw transaction is, without an object, a BigInt or a copy. Types 0
 * (legacy, EIP-155), 1 (EIP-2930), 2 (EIP-1559), 3 (EIP-4844), 4 (EIP-7702). Structure and ranges are checked
 * here; what depends on the fork is in check.ts, what needs the curve in recover.ts.
 */
import { TxError } from "./error.ts";
import { itemSize, itemStart, readList, readString } from "./rlp.ts";

/** Default limit of a whole transaction, as the public network's nodes use it. */
export const MAX_TRANSACTION_BYTES = 131_072;

/** Filled by scanTransaction. Offsets are into the scanned array; integers are big-endian of the given size. */
export class TxScan {
  /** Of the raw transaction. */
  start = 0;
  size = 0;
  type = 0;
  /** −1: a legacy transaction without replay protection. */
  chainId = 0;
  nonce = 0;
  gasLimit = 0;
  /** −1: contract creation. */
  toOffset = -1;
  valueOffset = 0;
  valueSize = 0;
  dataOffset = 0;
  dataSize = 0;
  /** maxFeePerGas; the gas price of types 0 and 1. */
  feeOffset = 0;
  feeSize = 0;
  /** maxPriorityFeePerGas; the gas price of types 0 and 1. */
  tipOffset = 0;
  tipSize = 0;
  /** Payload of the access list (no header) and what is in it. */
  accessListOffset = 0;
  accessListSize = 0;
  accessListAddresses = 0;
  accessListKeys = 0;
  authorizationListOffset = 0;
  authorizationListSize = 0;
  authorizations = 0;
  /** maxFeePerBlobGas. */
  blobFeeOffset = 0;
  blobFeeSize = 0;
  /** Payload of the list of versioned hashes: 33 bytes each, the first 0xa0. */
  blobHashesOffset = 0;
  blobs = 0;
  yParity = 0;
  rOffset = 0;
  rSize = 0;
  sOffset = 0;
  sSize = 0;
  /** The signed fields, without list header. */
  fieldsOffset = 0;
  fieldsEnd = 0;
}

/** Scans `size` bytes of `raw` from `start`. Throws TxError; `out` is then undefined. */
export function scanTransaction(
  raw: Uint8Array,
  start: number,
  size: number,
  out: TxScan,
  maxBytes = MAX_TRANSACTION_BYTES,
): void {
  if (size === 0) throw new TxError("rlp", "an empty transaction");
  if (size > maxBytes)
    throw new TxError("size", `a transaction of ${size} bytes, at most ${maxBytes} are accepted`);
  const end = start + size;
  const first = raw[start]!;
  out.start = start;
  out.size = size;
  out.accessListSize = out.accessListAddresses = out.accessListKeys = 0;
  out.authorizationListSize = out.authorizations = 0;
  out.blobFeeSize = out.blobs = 0;
  if (first >= 0xc0) {
    out.type = 0;
    const next = readList(raw, start, end);
    if (next !== end) throw new TxError("rlp", `${end - next} bytes after the transaction`);
    scanLegacy(raw, itemStart, end, out);
  } else {
    if (first === 0 || first > 4)
      throw new TxError("type", `transaction type ${first} is not supported, expected 0 to 4`);
    out.type = first;
    const next = readList(raw, start + 1, end);
    if (next !== end) throw new TxError("rlp", `${end - next} bytes after the transaction`);
    scanTyped(raw, itemStart, end, out);
  }
}

/** A canonical integer of at most `limit` bytes; its place is left in itemStart and itemSize. */
function readInteger(raw: Uint8Array, at: number, end: number, limit: number, name: string): number {
  const next = readString(raw, at, end);
  if (itemSize > limit)
    throw new TxError("field", `${name} has ${itemSize} bytes, at most ${limit} are allowed`);
  if (itemSize > 0 && raw[itemStart] === 0) throw new TxError("rlp", `${name} has leading zeros`);
  return next;
}

/** Value of the integer read last. Above 2^53 − 1 no nonce, gas limit or chain id is usable here, so it is refused. */
function safeNumber(raw: Uint8Array, name: string): number {
  let value = 0;
  for (let i = 0; i < itemSize; i++) value = value * 256 + raw[itemStart + i]!;
  if (value > Number.MAX_SAFE_INTEGER) throw new TxError("field", `${name} is above 2^53 - 1`);
  return value;
}

/** Recipient, value and data, the same in all types. */
function scanCall(raw: Uint8Array, start: number, end: number, out: TxScan): number {
  let at = readString(raw, start, end);
  if (itemSize === 20) out.toOffset = itemStart;
  else if (itemSize === 0 && out.type < 3) out.toOffset = -1;
  else throw new TxError("field", `to has ${itemSize} bytes, expected 20${out.type < 3 ? " or none" : ""}`);
  at = readInteger(raw, at, end, 32, "value");
  out.valueOffset = itemStart;
  out.valueSize = itemSize;
  at = readString(raw, at, end);
  out.dataOffset = itemStart;
  out.dataSize = itemSize;
  return at;
}

function scanSignature(raw: Uint8Array, start: number, end: number, out: TxScan): void {
  let at = readInteger(raw, start, end, 32, "r");
  out.rOffset = itemStart;
  out.rSize = itemSize;
  at = readInteger(raw, at, end, 32, "s");
  out.sOffset = itemStart;
  out.sSize = itemSize;
  if (at !== end) throw new TxError("rlp", "the transaction has more fields than its type");
}

function scanLegacy(raw: Uint8Array, start: number, end: number, out: TxScan): void {
  out.fieldsOffset = start;
  let at = readInteger(raw, start, end, 8, "nonce");
  out.nonce = safeNumber(raw, "nonce");
  at = readInteger(raw, at, end, 32, "gasPrice");
  out.feeOffset = out.tipOffset = itemStart;
  out.feeSize = out.tipSize = itemSize;
  at = readInteger(raw, at, end, 8, "gasLimit");
  out.gasLimit = safeNumber(raw, "gasLimit");
  at = scanCall(raw, at, end, out);
  out.fieldsEnd = at;
  at = readInteger(raw, at, end, 8, "v");
  const v = safeNumber(raw, "v");
  if (v === 27 || v === 28) {
    out.chainId = -1;
    out.yParity = v - 27;
  } else if (v >= 35) {
    out.yParity = (v - 35) % 2;
    out.chainId = (v - 35 - out.yParity) / 2;
  } else throw new TxError("signature", `v is ${v}, expected 27, 28 or at least 35`);
  scanSignature(raw, at, end, out);
  checkCost(raw, out);
}

function scanTyped(raw: Uint8Array, start: number, end: number, out: TxScan): void {
  const type = out.type;
  if (type === 3 && start < end && raw[start]! >= 0xc0) {
    throw new TxError("sidecar", "a blob transaction with its sidecar (network form); send it without blobs");
  }
  out.fieldsOffset = start;
  let at = readInteger(raw, start, end, 32, "chainId");
  out.chainId = safeNumber(raw, "chainId");
  at = readInteger(raw, at, end, 8, "nonce");
  out.nonce = safeNumber(raw, "nonce");
  at = readInteger(raw, at, end, 32, type === 1 ? "gasPrice" : "maxPriorityFeePerGas");
  out.tipOffset = out.feeOffset = itemStart;
  out.tipSize = out.feeSize = itemSize;
  if (type !== 1) {
    at = readInteger(raw, at, end, 32, "maxFeePerGas");
    out.feeOffset = itemStart;
    out.feeSize = itemSize;
    if (compareIntegers(raw, out.tipOffset, out.tipSize, out.feeOffset, out.feeSize) > 0) {
      throw new TxError("fee", "maxPriorityFeePerGas is above maxFeePerGas");
    }
  }
  at = readInteger(raw, at, end, 8, "gasLimit");
  out.gasLimit = safeNumber(raw, "gasLimit");
  at = scanCall(raw, at, end, out);
  at = readList(raw, at, end);
  if (itemSize > 0) scanAccessList(raw, itemStart, at, out);
  else out.accessListOffset = itemStart;
  if (type === 3) at = scanBlobFields(raw, at, end, out);
  else if (type === 4) {
    at = readList(raw, at, end);
    scanAuthorizations(raw, itemStart, at, out);
  }
  out.fieldsEnd = at;
  at = readInteger(raw, at, end, 32, "yParity");
  if (itemSize > 1 || (itemSize === 1 && raw[itemStart] !== 1))
    throw new TxError("signature", "yParity must be 0 or 1");
  out.yParity = itemSize;
  scanSignature(raw, at, end, out);
  checkCost(raw, out);
}

function scanAccessList(raw: Uint8Array, start: number, end: number, out: TxScan): void {
  out.accessListOffset = start;
  out.accessListSize = end - start;
  for (let at = start; at < end; ) {
    at = readList(raw, at, end);
    const keysAt = readString(raw, itemStart, at);
    const addressSize = itemSize; // a copy: the reader changes itemSize behind the type checker's back
    if (addressSize !== 20) {
      throw new TxError("field", `an access list address has ${addressSize} bytes, expected 20`);
    }
    out.accessListAddresses++;
    if (readList(raw, keysAt, at) !== at)
      throw new TxError("field", "an access list entry has more than two items");
    for (let key = itemStart; key < at; ) {
      key = readString(raw, key, at);
      const keySize: number = itemSize;
      if (keySize !== 32) throw new TxError("field", `an access list key has ${keySize} bytes, expected 32`);
      out.accessListKeys++;
    }
  }
}

function scanBlobFields(raw: Uint8Array, start: number, end: number, out: TxScan): number {
  let at = readInteger(raw, start, end, 32, "maxFeePerBlobGas");
  out.blobFeeOffset = itemStart;
  out.blobFeeSize = itemSize;
  at = readList(raw, at, end);
  out.blobHashesOffset = itemStart;
  for (let hash = itemStart; hash < at; ) {
    hash = readString(raw, hash, at);
    if (itemSize !== 32) throw new TxError("field", `a blob hash has ${itemSize} bytes, expected 32`);
    if (raw[itemStart] !== 1)
      throw new TxError("field", `a blob hash has version ${raw[itemStart]}, expected 1`);
    out.blobs++;
  }
  if (out.blobs === 0) throw new TxError("field", "a blob transaction names no blob");
  return at;
}

function scanAuthorizations(raw: Uint8Array, start: number, end: number, out: TxScan): void {
  out.authorizationListOffset = start;
  out.authorizationListSize = end - start;
  for (let at = start; at < end; ) {
    at = readList(raw, at, end);
    let p = readInteger(raw, itemStart, at, 32, "authorization chainId");
    p = readString(raw, p, at);
    if (itemSize !== 20)
      throw new TxError("field", `an authorization address has ${itemSize} bytes, expected 20`);
    p = readInteger(raw, p, at, 8, "authorization nonce");
    p = readInteger(raw, p, at, 1, "authorization yParity");
    p = readInteger(raw, p, at, 32, "authorization r");
    p = readInteger(raw, p, at, 32, "authorization s");
    if (p !== at) throw new TxError("field", "an authorization has more than six items");
    out.authorizations++;
  }
  if (out.authorizations === 0) throw new TxError("field", "a type 4 transaction needs an authorization");
}

/** Order of two canonical integers. */
function compareIntegers(raw: Uint8Array, a: number, aSize: number, b: number, bSize: number): number {
  if (aSize !== bSize) return aSize - bSize;
  for (let i = 0; i < aSize; i++) {
    const difference = raw[a + i]! - raw[b + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Gas limit × fee must be a 256-bit number; only fees above 24 bytes need the exact product. */
function checkCost(raw: Uint8Array, out: TxScan): void {
  if (out.feeSize <= 24) return;
  let fee = 0n;
  for (let i = 0; i < out.feeSize; i++) fee = (fee << 8n) | BigInt(raw[out.feeOffset + i]!);
  if ((fee * BigInt(out.gasLimit)) >> 256n)
    throw new TxError("field", "gas limit times fee exceeds 256 bits");
}
