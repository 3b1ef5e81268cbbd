/** A transaction as an object, for everything that is not the hot path. */
import { keccak256 } from "@velarium/hash-kernel";
import type { AccessListEntry, Authorization } from "./encode.ts";
import { type RecoverOptions, recoverSenderInto } from "./recover.ts";
import { type RlpItem, rlpDecode } from "./rlp.ts";
import { MAX_TRANSACTION_BYTES, scanTransaction, TxScan } from "./scan.ts";
import { signingHashInto } from "./signing-hash.ts";

/** Byte fields are views into `raw`. Amounts in wei. Also fits TxFields, to be encoded again. */
export interface DecodedTransaction {
  readonly raw: Uint8Array;
  readonly scan: TxScan;
  readonly type: number;
  readonly chainId: number | null;
  readonly nonce: number;
  readonly gasLimit: number;
  /** The gas price of types 0 and 1, maxFeePerGas in the others. */
  readonly gasPrice: bigint;
  /** In types 0 and 1 both of these are the gas price. */
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly to: Uint8Array | null;
  readonly value: bigint;
  readonly data: Uint8Array;
  readonly accessList: readonly AccessListEntry[];
  readonly authorizationList: readonly Authorization[];
  readonly maxFeePerBlobGas: bigint;
  readonly blobHashes: readonly Uint8Array[];
  readonly yParity: number;
  readonly r: bigint;
  readonly s: bigint;
  hash(): Uint8Array;
  signingHash(): Uint8Array;
}

/** Big-endian integer of any size. */
export function integerAt(raw: Uint8Array, offset: number, size: number): bigint {
  if (size <= 6) {
    let small = 0;
    for (let i = 0; i < size; i++) small = small * 256 + raw[offset + i]!;
    return BigInt(small);
  }
  return BigInt(`0x${Buffer.from(raw.buffer, raw.byteOffset + offset, size).toString("hex")}`);
}

const integerOf = (item: RlpItem): bigint => integerAt(item as Uint8Array, 0, (item as Uint8Array).length);

/** Decodes one raw transaction. Throws TxError. */
export function decodeTransaction(
  raw: Uint8Array,
  options: { readonly maxBytes?: number } = {},
): DecodedTransaction {
  const scan = new TxScan();
  scanTransaction(raw, 0, raw.length, scan, options.maxBytes ?? MAX_TRANSACTION_BYTES);
  const view = (offset: number, size: number): Uint8Array => raw.subarray(offset, offset + size);
  const fee = integerAt(raw, scan.feeOffset, scan.feeSize);
  const blobHashes: Uint8Array[] = [];
  for (let i = 0; i < scan.blobs; i++) blobHashes.push(view(scan.blobHashesOffset + 33 * i + 1, 32));
  return {
    raw,
    scan,
    type: scan.type,
    chainId: scan.chainId < 0 ? null : scan.chainId,
    nonce: scan.nonce,
    gasLimit: scan.gasLimit,
    gasPrice: fee,
    maxFeePerGas: fee,
    maxPriorityFeePerGas: integerAt(raw, scan.tipOffset, scan.tipSize),
    to: scan.toOffset < 0 ? null : view(scan.toOffset, 20),
    value: integerAt(raw, scan.valueOffset, scan.valueSize),
    data: view(scan.dataOffset, scan.dataSize),
    accessList:
      scan.accessListSize === 0 ? [] : accessListOf(view(scan.accessListOffset, scan.accessListSize)),
    authorizationList:
      scan.authorizations === 0
        ? []
        : authorizationsOf(view(scan.authorizationListOffset, scan.authorizationListSize)),
    maxFeePerBlobGas: integerAt(raw, scan.blobFeeOffset, scan.blobFeeSize),
    blobHashes,
    yParity: scan.yParity,
    r: integerAt(raw, scan.rOffset, scan.rSize),
    s: integerAt(raw, scan.sOffset, scan.sSize),
    hash: () => keccak256(raw),
    signingHash: () => {
      const out = new Uint8Array(32);
      signingHashInto(raw, scan, out, 0);
      return out;
    },
  };
}

/** Items of a list payload that stands without its header. */
function itemsOf(payload: Uint8Array): readonly RlpItem[] {
  const items: RlpItem[] = [];
  for (let at = 0; at < payload.length; ) {
    const size = encodedSize(payload, at);
    items.push(rlpDecode(payload.subarray(at, at + size)));
    at += size;
  }
  return items;
}

/** Size of the encoded list at `at`, which the scan has found well-formed. */
function encodedSize(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0xf8) return 1 + first - 0xc0;
  let size = 0;
  for (let i = 1; i <= first - 0xf7; i++) size = size * 256 + bytes[at + i]!;
  return 1 + first - 0xf7 + size;
}

function accessListOf(payload: Uint8Array): AccessListEntry[] {
  return itemsOf(payload).map((item) => {
    const [address, storageKeys] = item as [Uint8Array, Uint8Array[]];
    return { address, storageKeys };
  });
}

function authorizationsOf(payload: Uint8Array): Authorization[] {
  return itemsOf(payload).map((item) => {
    const [chainId, address, nonce, yParity, r, s] = item as Uint8Array[] as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    return {
      chainId: integerOf(chainId),
      address,
      nonce: integerOf(nonce),
      yParity: Number(integerOf(yParity)),
      r: integerOf(r),
      s: integerOf(s),
    };
  });
}

/** Sender of a decoded transaction. Throws TxError `signature`. */
export function recoverSender(tx: DecodedTransaction, options: RecoverOptions = {}): Uint8Array {
  const out = new Uint8Array(20);
  recoverSenderInto(tx.raw, tx.scan, out, 0, options);
  return out;
}
