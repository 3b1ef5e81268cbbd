/** Fields to raw transactions, signed or with a placeholder in the signature's place. */
import { keccak256 } from "@velarium/hash-kernel";
import { curve } from "./curve.ts";
import { TxError } from "./error.ts";
import { RlpWriter } from "./rlp.ts";
import type { TxScan } from "./scan.ts";

export interface AccessListEntry {
  readonly address: Uint8Array;
  readonly storageKeys: readonly Uint8Array[];
}

/** EIP-7702; zero chain id means any chain. */
export interface Authorization {
  readonly chainId: bigint;
  readonly address: Uint8Array;
  readonly nonce: bigint;
  readonly yParity: number;
  readonly r: bigint;
  readonly s: bigint;
}

/** What a sender signs. Amounts in wei; absent amounts are 0. */
export interface TxFields {
  readonly type: number;
  /** null or absent: a legacy transaction without replay protection. */
  readonly chainId?: number | null;
  readonly nonce: number;
  readonly gasLimit: number;
  /** Types 0 and 1. */
  readonly gasPrice?: bigint | number;
  /** Types 2 to 4. */
  readonly maxFeePerGas?: bigint | number;
  readonly maxPriorityFeePerGas?: bigint | number;
  /** null or absent: contract creation. */
  readonly to?: Uint8Array | null;
  readonly value?: bigint | number;
  readonly data?: Uint8Array;
  readonly accessList?: readonly AccessListEntry[];
  readonly authorizationList?: readonly Authorization[];
  readonly maxFeePerBlobGas?: bigint | number;
  readonly blobHashes?: readonly Uint8Array[];
}

export interface TxSignature {
  readonly yParity: number;
  /** Big-endian, at most 32 bytes; leading zeros allowed. */
  readonly r: Uint8Array;
  readonly s: Uint8Array;
}

const EMPTY = new Uint8Array(0);
const writer = new RlpWriter(4096);

function putFields(w: RlpWriter, tx: TxFields): void {
  if (tx.type < 0 || tx.type > 4)
    throw new TxError("type", `transaction type ${tx.type} is not supported, expected 0 to 4`);
  if (tx.type !== 0) w.integer(tx.chainId ?? 0);
  w.integer(tx.nonce);
  if (tx.type < 2) w.integer(tx.gasPrice ?? 0);
  else {
    w.integer(tx.maxPriorityFeePerGas ?? 0);
    w.integer(tx.maxFeePerGas ?? 0);
  }
  w.integer(tx.gasLimit);
  w.string(tx.to ?? EMPTY);
  w.integer(tx.value ?? 0);
  w.string(tx.data ?? EMPTY);
  if (tx.type === 0) return;
  const list = w.openList();
  for (const entry of tx.accessList ?? []) {
    const item = w.openList();
    w.string(entry.address);
    const keys = w.openList();
    for (const key of entry.storageKeys) w.string(key);
    w.closeList(keys);
    w.closeList(item);
  }
  w.closeList(list);
  if (tx.type === 3) {
    w.integer(tx.maxFeePerBlobGas ?? 0);
    const hashes = w.openList();
    for (const hash of tx.blobHashes ?? []) w.string(hash);
    w.closeList(hashes);
  } else if (tx.type === 4) {
    const authorizations = w.openList();
    for (const a of tx.authorizationList ?? []) {
      const item = w.openList();
      w.integer(a.chainId);
      w.string(a.address);
      w.integer(a.nonce);
      w.integer(a.yParity);
      w.integer(a.r);
      w.integer(a.s);
      w.closeList(item);
    }
    w.closeList(authorizations);
  }
}

/** The raw transaction. */
export function encodeTransaction(tx: TxFields, signature: TxSignature): Uint8Array {
  const w = writer;
  w.clear();
  if (tx.type !== 0) w.byte(tx.type);
  const list = w.openList();
  putFields(w, tx);
  if (tx.type !== 0) w.integer(signature.yParity);
  else w.integer(tx.chainId == null ? 27 + signature.yParity : 35 + 2 * tx.chainId + signature.yParity);
  w.integerBytes(signature.r);
  w.integerBytes(signature.s);
  w.closeList(list);
  return w.bytes();
}

/** Hash that the sender signs. */
export function signingHash(tx: TxFields): Uint8Array {
  const w = writer;
  w.clear();
  if (tx.type !== 0) w.byte(tx.type);
  const list = w.openList();
  putFields(w, tx);
  if (tx.type === 0 && tx.chainId != null) {
    w.integer(tx.chainId);
    w.integer(0);
    w.integer(0);
  }
  w.closeList(list);
  return keccak256(w.data.subarray(0, w.used));
}

/** Signs (RFC 6979, low s) and encodes. */
export function signTransaction(tx: TxFields, privateKey: Uint8Array): Uint8Array {
  const { signature, yParity } = curve.sign(signingHash(tx), privateKey);
  return encodeTransaction(tx, { yParity, r: signature.subarray(0, 32), s: signature.subarray(32) });
}

/** Signs an EIP-7702 authorization: keccak(0x05 ‖ rlp([chain id, address, nonce])). */
export function signAuthorization(
  chainId: bigint,
  address: Uint8Array,
  nonce: bigint,
  privateKey: Uint8Array,
): Authorization {
  const w = new RlpWriter(64);
  w.byte(5);
  const list = w.openList();
  w.integer(chainId);
  w.string(address);
  w.integer(nonce);
  w.closeList(list);
  const { signature, yParity } = curve.sign(keccak256(w.bytes()), privateKey);
  const word = (from: number): bigint =>
    BigInt(`0x${Buffer.from(signature.subarray(from, from + 32)).toString("hex")}`);
  return { chainId, address, nonce, yParity, r: word(0), s: word(32) };
}

/** First 12 bytes of r in a placeholder. */
const PLACEHOLDER = new TextEncoder().encode("velarium-rec");

/**
 * Signature of a verified record whose sender an upstream has established: r is a mark and the sender, s is 1.
 * It makes hashes of different senders differ. It proves nothing, and recovery from it gives some other address.
 */
export function placeholderSignature(sender: Uint8Array): TxSignature {
  const r = new Uint8Array(32);
  r.set(PLACEHOLDER);
  r.set(sender, 12);
  return { yParity: 0, r, s: Uint8Array.of(1) };
}

/** Offset of the sender in a scanned transaction with a placeholder signature, else −1. */
export function placeholderSenderOffset(raw: Uint8Array, scan: TxScan): number {
  if (scan.rSize !== 32 || scan.sSize !== 1 || raw[scan.sOffset] !== 1) return -1;
  for (let i = 0; i < PLACEHOLDER.length; i++) if (raw[scan.rOffset + i] !== PLACEHOLDER[i]) return -1;
  return scan.rOffset + PLACEHOLDER.length;
}
