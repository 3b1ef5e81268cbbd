/** A scanned transaction in the kernel's own form (`TX_*` of the layout). Types 0 to 2 without access list, to somebody. */
import { layout } from "@velarium/evm-kernel";
import type { TxScan } from "@velarium/tx-codec";

const {
  TX_BYTES,
  TX_CHAIN_ID,
  TX_DATA_BYTES,
  TX_FLAGS,
  TX_GAS_LIMIT,
  TX_MAX_FEE,
  TX_MAX_PRIORITY_FEE,
  TX_NONCE,
  TX_SENDER,
  TX_TO,
  TX_TYPE,
  TX_VALUE,
  TXFLAG_CHAIN_ID,
} = layout;

const TWO_32 = 2 ** 32;

/** Whether this form has room for the transaction. */
export const isPackable = (scan: TxScan): boolean =>
  scan.type <= 2 && scan.toOffset >= 0 && scan.accessListAddresses === 0 && scan.accessListSize === 0;

/** Bytes of its packed form. */
export const packedSize = (scan: TxScan): number => TX_BYTES + ((scan.dataSize + 7) & ~7);

/** Below this, a loop is faster than a view and TypedArray.set. */
const LOOP_BYTES = 128;

/**
 * Writes the packed transaction from `at` of a memory, a multiple of 8, seen as bytes and as words of 32 bits. `flags`:
 * what is set beside the chain id.
 */
export function putPacked(
  bytes: Uint8Array,
  words: Uint32Array,
  at: number,
  raw: Uint8Array,
  scan: TxScan,
  senders: Uint8Array,
  senderAt: number,
  flags: number,
): void {
  const { dataOffset, dataSize } = scan;
  const first = at >> 2;
  for (let i = first, end = (at + TX_BYTES) >> 2; i < end; i++) words[i] = 0;
  const hasChain = scan.chainId >= 0;
  words[first + (TX_TYPE >> 2)] = scan.type;
  words[first + (TX_FLAGS >> 2)] = hasChain ? flags | TXFLAG_CHAIN_ID : flags;
  putNumber(words, first + (TX_GAS_LIMIT >> 2), scan.gasLimit);
  putNumber(words, first + (TX_NONCE >> 2), scan.nonce);
  if (hasChain) putNumber(words, first + (TX_CHAIN_ID >> 2), scan.chainId);
  for (let i = 0; i < 20; i++) {
    bytes[at + TX_SENDER + i] = senders[senderAt + i]!;
    bytes[at + TX_TO + i] = raw[scan.toOffset + i]!;
  }
  words[first + (TX_DATA_BYTES >> 2)] = dataSize;
  putInteger(bytes, at + TX_VALUE, raw, scan.valueOffset, scan.valueSize);
  putInteger(bytes, at + TX_MAX_FEE, raw, scan.feeOffset, scan.feeSize);
  putInteger(bytes, at + TX_MAX_PRIORITY_FEE, raw, scan.tipOffset, scan.tipSize);
  if (dataSize === 0) return;
  // Zeros up to a multiple of 8: the last two words, before the data goes over them.
  const end = (at + packedSize(scan)) >> 2;
  words[end - 2] = 0;
  words[end - 1] = 0;
  const to = at + TX_BYTES;
  if (dataSize > LOOP_BYTES) bytes.set(raw.subarray(dataOffset, dataOffset + dataSize), to);
  else for (let i = 0; i < dataSize; i++) bytes[to + i] = raw[dataOffset + i]!;
}

/** A whole number below 2^53, little-endian, at a word. */
function putNumber(words: Uint32Array, word: number, value: number): void {
  words[word] = value;
  words[word + 1] = value / TWO_32;
}

/** A big-endian integer of `size` bytes as a word of 32; what stands before it is zero already. */
function putInteger(bytes: Uint8Array, at: number, raw: Uint8Array, offset: number, size: number): void {
  for (let i = 0, to = at + 32 - size; i < size; i++) bytes[to + i] = raw[offset + i]!;
}
