/** Packs transactions and calls as the kernel reads them (TX_* of the layout). */
import type { ExecutableTransaction } from "@velarium/engine";
import * as L from "../assembly/layout.ts";
import { type Heap, heapOf } from "./linear-memory.ts";
import type { BeginOptions, KernelCall } from "./types.ts";

const U64 = 2n ** 64n;

/** Writes `value`, which must fit 256 bits, as 32 big-endian bytes. */
export function putWord(view: DataView, at: number, value: bigint): void {
  if (value < U64) {
    view.setBigUint64(at, 0n);
    view.setBigUint64(at + 8, 0n);
    view.setBigUint64(at + 16, 0n);
    view.setBigUint64(at + 24, value);
    return;
  }
  view.setBigUint64(at, BigInt.asUintN(64, value >> 192n));
  view.setBigUint64(at + 8, BigInt.asUintN(64, value >> 128n));
  view.setBigUint64(at + 16, BigInt.asUintN(64, value >> 64n));
  view.setBigUint64(at + 24, BigInt.asUintN(64, value));
}

const align8 = (n: number): number => (n + 7) & ~7;

/** Bytes that a transaction takes when packed. */
export function packedBytes(tx: Parts): number {
  let bytes = L.TX_BYTES + align8(tx.data.length);
  if (tx.accessList === undefined && tx.authorizations === undefined && tx.blobVersionedHashes === undefined)
    return bytes;
  for (const { storageKeys } of tx.accessList ?? []) bytes += 24 + 32 * storageKeys.length;
  return bytes + 32 * (tx.blobVersionedHashes?.length ?? 0) + L.AUTH_BYTES * (tx.authorizations?.length ?? 0);
}

type Parts = Pick<ExecutableTransaction, "data"> &
  Partial<Pick<ExecutableTransaction, "accessList" | "blobVersionedHashes" | "authorizations">>;

/** Bits for the options of `begin`. */
export function optionFlags(options: BeginOptions): number {
  return (
    (options.skipNonceCheck ? L.TXFLAG_SKIP_NONCE : 0) |
    (options.skipFundsCheck ? L.TXFLAG_SKIP_FUNDS : 0) |
    (options.skipFeeCheck ? L.TXFLAG_SKIP_FEE : 0) |
    (options.skipSenderCodeCheck ? L.TXFLAG_SKIP_SENDER_CODE : 0) |
    (options.reportAttemptedWrites ? L.TXFLAG_REPORT_ATTEMPTS : 0) |
    (options.keepsEmptyAccounts ? L.TXFLAG_KEEPS_EMPTY : 0) |
    (options.watched ? L.TXFLAG_WATCHED : 0)
  );
}

/** Below this, a loop is faster than TypedArray.set. */
const LOOP_BYTES = 96;

function putBytes(heap: Uint8Array, at: number, bytes: Uint8Array): void {
  if (bytes.length > LOOP_BYTES) heap.set(bytes, at);
  else for (let i = 0; i < bytes.length; i++) heap[at + i] = bytes[i]!;
}

/** A whole number below 2^64, little-endian. */
function putNumber(words: Uint32Array, at: number, value: number): void {
  words[at >> 2] = value;
  words[(at >> 2) + 1] = value / 2 ** 32;
}

function writeLists(heap: Heap, at: number, tx: Parts): void {
  const { accessList = [], blobVersionedHashes = [], authorizations = [] } = tx;
  const { bytes, view } = heap;
  view.setUint32(at + L.TX_ACCESS_ADDRESSES, accessList.length, true);
  view.setUint32(at + L.TX_BLOB_HASHES, blobVersionedHashes.length, true);
  view.setUint32(at + L.TX_AUTHORIZATIONS, authorizations.length, true);
  let to = at + L.TX_BYTES + align8(tx.data.length);
  for (const { address, storageKeys } of accessList) {
    bytes.set(address, to);
    view.setUint32(to + 20, storageKeys.length, true);
    to += 24;
    for (const key of storageKeys) {
      bytes.set(key, to);
      to += 32;
    }
  }
  for (const hash of blobVersionedHashes) {
    bytes.set(hash, to);
    to += 32;
  }
  for (const { chainId, address, nonce, authority } of authorizations) {
    // Numbers wider than their field match nothing.
    const isWide = nonce >= U64 || chainId >= 2n ** 256n;
    putWord(view, to + L.AUTH_CHAIN_ID, BigInt.asUintN(256, chainId));
    bytes.set(address, to + L.AUTH_ADDRESS);
    if (authority !== undefined) bytes.set(authority, to + L.AUTH_AUTHORITY);
    view.setBigUint64(to + L.AUTH_NONCE, BigInt.asUintN(64, nonce), true);
    view.setUint32(to + L.AUTH_FLAGS, (authority === undefined ? 0 : 1) | (isWide ? 2 : 0), true);
    view.setUint32(to + L.AUTH_FLAGS + 4, 0, true);
    to += L.AUTH_BYTES;
  }
}

function writeParts(heap: Heap, at: number, tx: Parts): void {
  const { data } = tx;
  const { words } = heap;
  words[(at + L.TX_DATA_BYTES) >> 2] = data.length;
  if (data.length > 0) {
    // Zeros up to a multiple of 8: the last two words, before the data goes over them.
    const end = (at + L.TX_BYTES + align8(data.length)) >> 2;
    words[end - 2] = 0;
    words[end - 1] = 0;
    putBytes(heap.bytes, at + L.TX_BYTES, data);
  }
  if (tx.accessList !== undefined || tx.blobVersionedHashes !== undefined || tx.authorizations !== undefined)
    writeLists(heap, at, tx);
}

function clearHeader(words: Uint32Array, at: number): void {
  for (let i = at >> 2, end = (at + L.TX_BYTES) >> 2; i < end; i++) words[i] = 0;
}

/** Writes a transaction at `at`, a multiple of 8 with room for `packedBytes`. */
export function writeTransaction(
  heap: Heap,
  at: number,
  tx: ExecutableTransaction,
  options: BeginOptions,
): void {
  const { bytes, words, view } = heap;
  clearHeader(words, at);
  words[(at + L.TX_TYPE) >> 2] = tx.type;
  words[(at + L.TX_FLAGS) >> 2] =
    optionFlags(options) |
    (tx.to === undefined ? L.TXFLAG_CREATE : 0) |
    (tx.chainId === undefined ? 0 : L.TXFLAG_CHAIN_ID);
  if (tx.exactGasLimit === undefined) putNumber(words, at + L.TX_GAS_LIMIT, tx.gasLimit);
  else view.setBigUint64(at + L.TX_GAS_LIMIT, tx.exactGasLimit, true);
  view.setBigUint64(at + L.TX_NONCE, tx.nonce, true);
  putNumber(words, at + L.TX_CHAIN_ID, tx.chainId ?? 0);
  putBytes(bytes, at + L.TX_SENDER, tx.sender);
  if (tx.to !== undefined) putBytes(bytes, at + L.TX_TO, tx.to);
  if (tx.value !== 0n) putWord(view, at + L.TX_VALUE, tx.value);
  putWord(view, at + L.TX_MAX_FEE, tx.maxFeePerGas);
  putWord(view, at + L.TX_MAX_PRIORITY_FEE, tx.maxPriorityFeePerGas);
  if (tx.maxFeePerBlobGas !== undefined) putWord(view, at + L.TX_MAX_BLOB_FEE, tx.maxFeePerBlobGas);
  writeParts(heap, at, tx);
}

/** Writes a call without a transaction around it. */
export function writeCall(heap: Heap, at: number, call: KernelCall, system: boolean): void {
  const { bytes, words, view } = heap;
  clearHeader(words, at);
  words[(at + L.TX_FLAGS) >> 2] =
    (system ? L.TXFLAG_SYSTEM : L.TXFLAG_CALL) |
    (call.to === undefined ? L.TXFLAG_CREATE : 0) |
    (call.isStatic ? L.TXFLAG_STATIC : 0);
  putNumber(words, at + L.TX_GAS_LIMIT, call.gasLimit);
  putBytes(bytes, at + L.TX_SENDER, call.caller);
  if (call.to !== undefined) putBytes(bytes, at + L.TX_TO, call.to);
  if (call.value !== undefined && call.value !== 0n) putWord(view, at + L.TX_VALUE, call.value);
  if (call.gasPrice !== undefined) putWord(view, at + L.TX_MAX_FEE, call.gasPrice);
  writeParts(heap, at, call);
}

/** A transaction as `beginPacked` takes it. */
export function packTransaction(tx: ExecutableTransaction, options: BeginOptions = {}): Uint8Array {
  const bytes = new Uint8Array(packedBytes(tx));
  writeTransaction(heapOf(bytes.buffer), 0, tx, options);
  return bytes;
}

/** A call as `beginPacked` takes it. */
export function packCall(call: KernelCall): Uint8Array {
  const bytes = new Uint8Array(packedBytes(call));
  writeCall(heapOf(bytes.buffer), 0, call, false);
  return bytes;
}
