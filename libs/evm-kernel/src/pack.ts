/** Packs transactions and calls as the kernel reads them (TX_* of the layout). */
import type { ExecutableTransaction } from "@velarium/engine";
import * as L from "../assembly/layout.ts";
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
  for (const { storageKeys } of tx.accessList ?? []) bytes += 24 + 32 * storageKeys.length;
  return bytes + 32 * (tx.blobVersionedHashes?.length ?? 0) + L.AUTH_BYTES * (tx.authorizations?.length ?? 0);
}

type Parts = Pick<ExecutableTransaction, "data" | "accessList" | "blobVersionedHashes" | "authorizations">;

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

function writeParts(heap: Uint8Array, view: DataView, at: number, tx: Parts): void {
  const { data, accessList = [], blobVersionedHashes = [], authorizations = [] } = tx;
  view.setUint32(at + L.TX_DATA_BYTES, data.length, true);
  view.setUint32(at + L.TX_ACCESS_ADDRESSES, accessList.length, true);
  view.setUint32(at + L.TX_BLOB_HASHES, blobVersionedHashes.length, true);
  view.setUint32(at + L.TX_AUTHORIZATIONS, authorizations.length, true);
  let to = at + L.TX_BYTES;
  heap.set(data, to);
  to += data.length;
  const end = at + L.TX_BYTES + align8(data.length);
  while (to < end) heap[to++] = 0;
  for (const { address, storageKeys } of accessList) {
    heap.set(address, to);
    view.setUint32(to + 20, storageKeys.length, true);
    to += 24;
    for (const key of storageKeys) {
      heap.set(key, to);
      to += 32;
    }
  }
  for (const hash of blobVersionedHashes) {
    heap.set(hash, to);
    to += 32;
  }
  for (const { chainId, address, nonce, authority } of authorizations) {
    // Numbers wider than their field match nothing.
    const isWide = nonce >= U64 || chainId >= 2n ** 256n;
    putWord(view, to + L.AUTH_CHAIN_ID, BigInt.asUintN(256, chainId));
    heap.set(address, to + L.AUTH_ADDRESS);
    if (authority !== undefined) heap.set(authority, to + L.AUTH_AUTHORITY);
    view.setBigUint64(to + L.AUTH_NONCE, BigInt.asUintN(64, nonce), true);
    view.setUint32(to + L.AUTH_FLAGS, (authority === undefined ? 0 : 1) | (isWide ? 2 : 0), true);
    view.setUint32(to + L.AUTH_FLAGS + 4, 0, true);
    to += L.AUTH_BYTES;
  }
}

/** Writes a transaction at `at`, which must have room for `packedBytes`. */
export function writeTransaction(
  heap: Uint8Array,
  view: DataView,
  at: number,
  tx: ExecutableTransaction,
  options: BeginOptions,
): void {
  heap.fill(0, at, at + L.TX_BYTES);
  view.setUint32(at + L.TX_TYPE, tx.type, true);
  view.setUint32(
    at + L.TX_FLAGS,
    optionFlags(options) |
      (tx.to === undefined ? L.TXFLAG_CREATE : 0) |
      (tx.chainId === undefined ? 0 : L.TXFLAG_CHAIN_ID),
    true,
  );
  view.setBigUint64(at + L.TX_GAS_LIMIT, tx.exactGasLimit ?? BigInt(tx.gasLimit), true);
  view.setBigUint64(at + L.TX_NONCE, tx.nonce, true);
  view.setBigUint64(at + L.TX_CHAIN_ID, BigInt(tx.chainId ?? 0), true);
  heap.set(tx.sender, at + L.TX_SENDER);
  if (tx.to !== undefined) heap.set(tx.to, at + L.TX_TO);
  putWord(view, at + L.TX_VALUE, tx.value);
  putWord(view, at + L.TX_MAX_FEE, tx.maxFeePerGas);
  putWord(view, at + L.TX_MAX_PRIORITY_FEE, tx.maxPriorityFeePerGas);
  putWord(view, at + L.TX_MAX_BLOB_FEE, tx.maxFeePerBlobGas ?? 0n);
  writeParts(heap, view, at, tx);
}

/** Writes a call without a transaction around it. */
export function writeCall(
  heap: Uint8Array,
  view: DataView,
  at: number,
  call: KernelCall,
  system: boolean,
): void {
  heap.fill(0, at, at + L.TX_BYTES);
  view.setUint32(
    at + L.TX_FLAGS,
    (system ? L.TXFLAG_SYSTEM : L.TXFLAG_CALL) |
      (call.to === undefined ? L.TXFLAG_CREATE : 0) |
      (call.isStatic ? L.TXFLAG_STATIC : 0),
    true,
  );
  view.setBigUint64(at + L.TX_GAS_LIMIT, BigInt(call.gasLimit), true);
  heap.set(call.caller, at + L.TX_SENDER);
  if (call.to !== undefined) heap.set(call.to, at + L.TX_TO);
  putWord(view, at + L.TX_VALUE, call.value ?? 0n);
  putWord(view, at + L.TX_MAX_FEE, call.gasPrice ?? 0n);
  const { accessList } = call;
  writeParts(heap, view, at, { data: call.data, ...(accessList === undefined ? {} : { accessList }) });
}

/** A transaction as `beginPacked` takes it. */
export function packTransaction(tx: ExecutableTransaction, options: BeginOptions = {}): Uint8Array {
  const bytes = new Uint8Array(packedBytes(tx));
  writeTransaction(bytes, new DataView(bytes.buffer), 0, tx, options);
  return bytes;
}
