/** From executed transactions to a header, in one pass over columns: no object per transaction or log. */
import type { BytesColumn } from "@velarium/columns";
import { orderedTrieRoot, receiptsRoot } from "@velarium/hash-kernel";
import { BLOOM_BYTES, BloomBits } from "./bloom.ts";
import { BlockError } from "./error.ts";
import { type BlockHeader, encodeHeader, NO_OMMERS_HASH } from "./header.ts";

/** What executors report of the included transactions, in block order. */
export interface PackedReceipts {
  /** 1 success, 0 failure. */
  readonly statuses: Uint8Array;
  readonly gasUsed: Float64Array;
  /** RLP list of logs [address, topics, data]; empty when there are none. */
  readonly logs: BytesColumn;
  /** Before Byzantium: the intermediate state root (32 bytes each) in the place of the status. */
  readonly postStates?: Uint8Array;
}

/** Header fields that do not follow from the transactions. What is not given stays out or is 0. */
export interface BlockContext {
  readonly number: number;
  readonly timestamp: number;
  readonly gasLimit: number;
  readonly beneficiary: Uint8Array;
  readonly prevRandao: Uint8Array;
  readonly extraData?: Uint8Array;
  /** Zero until sealHeader when the parent is not sealed yet. */
  readonly parentHash?: Uint8Array;
  readonly ommersHash?: Uint8Array;
  readonly difficulty?: bigint;
  readonly nonce?: Uint8Array;
  readonly baseFeePerGas?: bigint | undefined;
  readonly withdrawalsRoot?: Uint8Array | undefined;
  readonly blobGasUsed?: number | undefined;
  readonly excessBlobGas?: number | undefined;
  readonly parentBeaconBlockRoot?: Uint8Array | undefined;
  readonly requestsHash?: Uint8Array | undefined;
}

export interface AssembledBlock {
  /** State root zero: see sealHeader. */
  readonly header: BlockHeader;
  readonly headerRlp: Uint8Array;
  readonly gasUsed: number;
}

const ZERO_WORD = new Uint8Array(32);
const ZERO_NONCE = new Uint8Array(8);

/** One per process that assembles blocks: keeps its buffers and the bits of frequent addresses and topics. */
export class BlockAssembler {
  readonly bits = new BloomBits();
  private blob = new Uint8Array(1 << 16);
  private ends = new Uint32Array(1024);

  /**
   * Receipts as they go into the receipts trie (EIP-2718), and the block's bloom. The column is borrowed until
   * the next call. Throws BlockError `columns` or `logs`.
   */
  encodeReceipts(
    transactions: BytesColumn,
    receipts: PackedReceipts,
  ): { receipts: BytesColumn; logsBloom: Uint8Array; gasUsed: number } {
    const n = transactions.ends.length;
    const { statuses, gasUsed, logs, postStates } = receipts;
    if (statuses.length !== n || gasUsed.length !== n || logs.ends.length !== n) {
      throw new BlockError(
        "columns",
        `${n} transactions, but ${statuses.length} statuses, ${gasUsed.length} gas amounts, ${logs.ends.length} logs`,
      );
    }
    // Per receipt without logs: type, list header, status or root, gas, bloom.
    const worst = n * (1 + 4 + 33 + 9 + 3 + BLOOM_BYTES + 1) + logs.blob.length;
    if (this.blob.length < worst) this.blob = new Uint8Array(Math.ceil(worst * 1.25));
    if (this.ends.length < n) this.ends = new Uint32Array(Math.ceil(n * 1.25));
    const { blob, ends, bits } = this;
    const logsBloom = new Uint8Array(BLOOM_BYTES);
    let at = 0;
    let cumulative = 0;
    let txStart = 0;
    let logStart = 0;
    for (let i = 0; i < n; i++) {
      const type = transactions.blob[txStart]!;
      txStart = transactions.ends[i]!;
      const logEnd = logs.ends[i]!;
      const logSize = logEnd - logStart;
      cumulative += gasUsed[i]!;
      const gasSize = integerBytes(cumulative);
      const payload = (postStates ? 33 : 1) + gasSize + 3 + BLOOM_BYTES + (logSize === 0 ? 1 : logSize);
      if (type < 0xc0) blob[at++] = type;
      at = putListHeader(blob, at, payload);
      if (postStates) {
        blob[at++] = 0xa0;
        for (let k = 0; k < 32; k++) blob[at++] = postStates[32 * i + k]!;
      } else blob[at++] = statuses[i] === 1 ? 1 : 0x80;
      at = putInteger(blob, at, cumulative, gasSize);
      blob[at] = 0xb9;
      blob[at + 1] = 1;
      blob[at + 2] = 0;
      at += 3;
      blob.fill(0, at, at + BLOOM_BYTES);
      if (logSize > 0) {
        bits.addLogs(logs.blob, logStart, logSize, blob, at);
        for (let k = 0; k < BLOOM_BYTES; k++) logsBloom[k] = logsBloom[k]! | blob[at + k]!;
        blob.set(logs.blob.subarray(logStart, logEnd), at + BLOOM_BYTES);
        at += BLOOM_BYTES + logSize;
      } else {
        at += BLOOM_BYTES;
        blob[at++] = 0xc0;
      }
      logStart = logEnd;
      ends[i] = at;
    }
    return {
      receipts: { ends: ends.subarray(0, n), blob: blob.subarray(0, at) },
      logsBloom,
      gasUsed: cumulative,
    };
  }

  /** Roots, bloom and gas of a block, and its header without state root. Throws BlockError. */
  assemble(context: BlockContext, transactions: BytesColumn, packed: PackedReceipts): AssembledBlock {
    const { receiptsRoot, logsBloom, gasUsed } = this.receiptFields(transactions, packed);
    const header = headerOf(context, gasUsed, {
      transactionsRoot: orderedTrieRoot(transactions),
      receiptsRoot,
      logsBloom,
    });
    return { header, headerRlp: encodeHeader(header), gasUsed };
  }

  /** In the kernel, unless something is wrong with them: then the other way says what. */
  private receiptFields(
    transactions: BytesColumn,
    packed: PackedReceipts,
  ): { receiptsRoot: Uint8Array; logsBloom: Uint8Array; gasUsed: number } {
    const { statuses, gasUsed, logs, postStates } = packed;
    const n = transactions.ends.length;
    if (!postStates && statuses.length === n && gasUsed.length === n && logs.ends.length === n) {
      const types = new Uint8Array(n);
      const cumulativeGas = new Float64Array(n);
      let sum = 0;
      for (let i = 0, start = 0; i < n; i++) {
        types[i] = transactions.blob[start]!;
        start = transactions.ends[i]!;
        sum += gasUsed[i]!;
        cumulativeGas[i] = sum;
      }
      const logsBloom = new Uint8Array(BLOOM_BYTES);
      const root = receiptsRoot({ types, statuses, cumulativeGas, logs }, logsBloom);
      if (root) return { receiptsRoot: root, logsBloom, gasUsed: sum };
    }
    const encoded = this.encodeReceipts(transactions, packed);
    return { ...encoded, receiptsRoot: orderedTrieRoot(encoded.receipts) };
  }
}

type ListFields = Pick<BlockHeader, "transactionsRoot" | "receiptsRoot" | "logsBloom">;
const NO_LISTS: ListFields = {
  transactionsRoot: ZERO_WORD,
  receiptsRoot: ZERO_WORD,
  logsBloom: new Uint8Array(BLOOM_BYTES),
};

/** Bytes of a block's encoded header, before its roots are known. */
export function headerSize(context: BlockContext, gasUsed: number): number {
  return encodeHeader(headerOf(context, gasUsed, NO_LISTS)).length;
}

function headerOf(context: BlockContext, gasUsed: number, lists: ListFields): BlockHeader {
  return {
    ...lists,
    parentHash: context.parentHash ?? ZERO_WORD,
    ommersHash: context.ommersHash ?? NO_OMMERS_HASH,
    beneficiary: context.beneficiary,
    stateRoot: ZERO_WORD,
    difficulty: context.difficulty ?? 0n,
    number: context.number,
    gasLimit: context.gasLimit,
    gasUsed,
    timestamp: context.timestamp,
    extraData: context.extraData ?? new Uint8Array(0),
    mixHash: context.prevRandao,
    nonce: context.nonce ?? ZERO_NONCE,
    baseFeePerGas: context.baseFeePerGas,
    withdrawalsRoot: context.withdrawalsRoot,
    blobGasUsed: context.blobGasUsed,
    excessBlobGas: context.excessBlobGas,
    parentBeaconBlockRoot: context.parentBeaconBlockRoot,
    requestsHash: context.requestsHash,
  };
}

/** Encoded bytes of an integer below 2^53. */
function integerBytes(value: number): number {
  if (value < 0x80) return 1;
  let width = 1;
  for (let limit = 0x100; value >= limit; limit *= 256) width++;
  return 1 + width;
}

function putInteger(out: Uint8Array, at: number, value: number, size: number): number {
  if (size === 1) {
    out[at] = value === 0 ? 0x80 : value;
    return at + 1;
  }
  out[at] = 0x80 + size - 1;
  let rest = value;
  for (let i = at + size - 1; i > at; i--) {
    out[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return at + size;
}

/** A receipt's payload has more than 255 bytes, since its bloom has 256. */
function putListHeader(out: Uint8Array, at: number, size: number): number {
  if (size < 0x10000) {
    out[at] = 0xf9;
    out[at + 1] = size >>> 8;
    out[at + 2] = size;
    return at + 3;
  }
  const wide = size >= 0x1000000;
  out[at++] = wide ? 0xfb : 0xfa;
  if (wide) out[at++] = size >>> 24;
  out[at] = size >>> 16;
  out[at + 1] = size >>> 8;
  out[at + 2] = size;
  return at + 3;
}
