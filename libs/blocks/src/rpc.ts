/** Blocks, transactions, receipts and logs in the JSON shapes of Ethereum's execution API. */
import { bytesAt, fixedAt } from "@velarium/columns";
import { keccak256 } from "@velarium/hash-kernel";
import { type DecodedTransaction, decodeTransaction, rlpDecode, rlpEncode } from "@velarium/tx-codec";
import { BLOOM_BYTES, BloomBits } from "./bloom.ts";
import { type BlockHeader, decodeHeader, headerHash } from "./header.ts";
import type { BlockRecord } from "./record.ts";

export type Hex = `0x${string}`;
export const toHex = (bytes: Uint8Array): Hex =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;
export const toQuantity = (value: number | bigint): Hex => `0x${value.toString(16)}`;
type Json = Record<string, unknown>;

/** A sealed record with what its answers share. Transactions of blocks have no limit of size here. */
export class RpcBlock {
  readonly record: BlockRecord;
  readonly header: BlockHeader;
  readonly hash: Hex;
  readonly transactions: number;
  private logStarts: Uint32Array | undefined;
  private cumulative: Float64Array | undefined;

  constructor(record: BlockRecord) {
    this.record = record;
    this.header = decodeHeader(record.header);
    this.hash = toHex(headerHash(record.header));
    this.transactions = record.raw.ends.length;
  }

  transaction(index: number): DecodedTransaction {
    return decodeTransaction(bytesAt(this.record.raw, index), { maxBytes: Number.POSITIVE_INFINITY });
  }

  sender(index: number): Hex {
    return toHex(fixedAt(this.record.senders, 20, index));
  }

  transactionHash(index: number): Hex {
    return toHex(fixedAt(this.record.hashes, 32, index));
  }

  cumulativeGas(index: number): number {
    if (!this.cumulative) {
      this.cumulative = new Float64Array(this.transactions);
      let sum = 0;
      for (let i = 0; i < this.transactions; i++) this.cumulative[i] = sum += this.record.gasUsed[i]!;
    }
    return this.cumulative[index]!;
  }

  /** Logs of one transaction, decoded. */
  rawLogs(index: number): readonly (readonly [Uint8Array, readonly Uint8Array[], Uint8Array])[] {
    const bytes = bytesAt(this.record.logs, index);
    return bytes.length === 0 ? [] : (rlpDecode(bytes) as never);
  }

  /** Number of the block's first log that is this transaction's. */
  firstLog(index: number): number {
    if (!this.logStarts) {
      this.logStarts = new Uint32Array(this.transactions);
      let count = 0;
      for (let i = 0; i < this.transactions; i++) {
        this.logStarts[i] = count;
        count += this.rawLogs(i).length;
      }
    }
    return this.logStarts[index]!;
  }
}

/** eth_getBlockBy*: with transaction hashes, or with whole transactions. */
export function blockToRpc(block: RpcBlock, full = false): Json {
  const { header, record } = block;
  const transactions = Array.from({ length: block.transactions }, (_, i) =>
    full ? transactionToRpc(block, i) : block.transactionHash(i),
  );
  const out: Json = {
    hash: block.hash,
    parentHash: toHex(header.parentHash),
    sha3Uncles: toHex(header.ommersHash),
    miner: toHex(header.beneficiary),
    stateRoot: toHex(header.stateRoot),
    transactionsRoot: toHex(header.transactionsRoot),
    receiptsRoot: toHex(header.receiptsRoot),
    logsBloom: toHex(header.logsBloom),
    difficulty: toQuantity(header.difficulty),
    number: toQuantity(header.number),
    gasLimit: toQuantity(header.gasLimit),
    gasUsed: toQuantity(header.gasUsed),
    timestamp: toQuantity(header.timestamp),
    extraData: toHex(header.extraData),
    mixHash: toHex(header.mixHash),
    nonce: toHex(header.nonce),
    size: toQuantity(record.header.length + record.raw.blob.length),
    uncles: [],
    transactions,
  };
  if (header.baseFeePerGas !== undefined) out["baseFeePerGas"] = toQuantity(header.baseFeePerGas);
  if (header.withdrawalsRoot) {
    out["withdrawalsRoot"] = toHex(header.withdrawalsRoot);
    out["withdrawals"] = [];
  }
  if (header.blobGasUsed !== undefined) out["blobGasUsed"] = toQuantity(header.blobGasUsed);
  if (header.excessBlobGas !== undefined) out["excessBlobGas"] = toQuantity(header.excessBlobGas);
  if (header.parentBeaconBlockRoot) out["parentBeaconBlockRoot"] = toHex(header.parentBeaconBlockRoot);
  if (header.requestsHash) out["requestsHash"] = toHex(header.requestsHash);
  return out;
}

/** Price per gas that a transaction pays at a base fee (EIP-1559). */
export function effectiveGasPrice(tx: DecodedTransaction, baseFee: bigint | undefined): bigint {
  if (baseFee === undefined || tx.type < 2) return tx.maxFeePerGas;
  const price = baseFee + tx.maxPriorityFeePerGas;
  if (price > tx.maxFeePerGas) return tx.maxFeePerGas;
  return price;
}

/** Shape of a transaction that is not in a block yet. */
export function pendingTransactionToRpc(tx: DecodedTransaction, hash: Hex, from: Hex): Json {
  const out: Json = {
    hash,
    from,
    type: toQuantity(tx.type),
    nonce: toQuantity(tx.nonce),
    gas: toQuantity(tx.gasLimit),
    gasPrice: toQuantity(tx.maxFeePerGas),
    to: tx.to && toHex(tx.to),
    value: toQuantity(tx.value),
    input: toHex(tx.data),
    r: toQuantity(tx.r),
    s: toQuantity(tx.s),
    v: toQuantity(
      tx.type > 0 ? tx.yParity : tx.chainId === null ? 27 + tx.yParity : 35 + 2 * tx.chainId + tx.yParity,
    ),
    blockHash: null,
    blockNumber: null,
    transactionIndex: null,
  };
  if (tx.chainId !== null) out["chainId"] = toQuantity(tx.chainId);
  if (tx.type === 0) return out;
  out["yParity"] = toQuantity(tx.yParity);
  out["accessList"] = tx.accessList.map((entry) => ({
    address: toHex(entry.address),
    storageKeys: entry.storageKeys.map(toHex),
  }));
  if (tx.type === 1) return out;
  out["maxFeePerGas"] = toQuantity(tx.maxFeePerGas);
  out["maxPriorityFeePerGas"] = toQuantity(tx.maxPriorityFeePerGas);
  if (tx.type === 3) {
    out["maxFeePerBlobGas"] = toQuantity(tx.maxFeePerBlobGas);
    out["blobVersionedHashes"] = tx.blobHashes.map(toHex);
  } else if (tx.type === 4) {
    out["authorizationList"] = tx.authorizationList.map((a) => ({
      chainId: toQuantity(a.chainId),
      address: toHex(a.address),
      nonce: toQuantity(a.nonce),
      yParity: toQuantity(a.yParity),
      r: toQuantity(a.r),
      s: toQuantity(a.s),
    }));
  }
  return out;
}

/** eth_getTransactionBy*. */
export function transactionToRpc(block: RpcBlock, index: number): Json {
  const tx = block.transaction(index);
  const out = pendingTransactionToRpc(tx, block.transactionHash(index), block.sender(index));
  out["gasPrice"] = toQuantity(effectiveGasPrice(tx, block.header.baseFeePerGas));
  out["blockHash"] = block.hash;
  out["blockNumber"] = toQuantity(block.header.number);
  out["transactionIndex"] = toQuantity(index);
  return out;
}

/** Logs of one transaction, as in receipts and eth_getLogs. */
export function logsToRpc(block: RpcBlock, index: number): Json[] {
  const first = block.firstLog(index);
  return block.rawLogs(index).map(([address, topics, data], i) => ({
    address: toHex(address),
    topics: topics.map(toHex),
    data: toHex(data),
    blockHash: block.hash,
    blockNumber: toQuantity(block.header.number),
    blockTimestamp: toQuantity(block.header.timestamp),
    transactionHash: block.transactionHash(index),
    transactionIndex: toQuantity(index),
    logIndex: toQuantity(first + i),
    removed: false,
  }));
}

const bits = new BloomBits();
/** EIP-4844. */
const GAS_PER_BLOB = 131_072;

/** eth_getTransactionReceipt. `blobGasPrice`: of the block, by the chain's rules; needed for type 3 only. */
export function receiptToRpc(block: RpcBlock, index: number, blobGasPrice?: bigint): Json {
  const { record, header } = block;
  const tx = block.transaction(index);
  const logsBloom = new Uint8Array(BLOOM_BYTES);
  const packed = bytesAt(record.logs, index);
  if (packed.length > 0) bits.addLogs(packed, 0, packed.length, logsBloom, 0);
  const out: Json = {
    transactionHash: block.transactionHash(index),
    transactionIndex: toQuantity(index),
    blockHash: block.hash,
    blockNumber: toQuantity(header.number),
    from: block.sender(index),
    to: tx.to && toHex(tx.to),
    cumulativeGasUsed: toQuantity(block.cumulativeGas(index)),
    gasUsed: toQuantity(record.gasUsed[index]!),
    effectiveGasPrice: toQuantity(effectiveGasPrice(tx, header.baseFeePerGas)),
    contractAddress:
      tx.to === null ? toHex(createAddress(fixedAt(record.senders, 20, index), tx.nonce)) : null,
    logs: logsToRpc(block, index),
    logsBloom: toHex(logsBloom),
    status: record.statuses[index] === 1 ? "0x1" : "0x0",
    type: toQuantity(tx.type),
  };
  if (tx.type === 3) {
    out["blobGasUsed"] = toQuantity(GAS_PER_BLOB * tx.blobHashes.length);
    if (blobGasPrice !== undefined) out["blobGasPrice"] = toQuantity(blobGasPrice);
  }
  return out;
}

/** Address of a contract that `sender` creates with `nonce`. */
export function createAddress(sender: Uint8Array, nonce: number): Uint8Array {
  return keccak256(rlpEncode([sender, nonce])).slice(12);
}
