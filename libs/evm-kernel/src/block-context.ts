/** Puts what transactions of a block see of it into the kernel (BLOCK_* of the layout). */
import type { BlockContext } from "@velarium/engine";
import { WORD_BYTES } from "@velarium/slots";
import * as L from "../assembly/layout.ts";
import type { Heap } from "./linear-memory.ts";

/** A number as a word: limbs, low first. */
function putNumber(view: DataView, at: number, value: bigint): void {
  for (let i = 0; i < 4; i++)
    view.setBigUint64(at + 8 * i, BigInt.asUintN(64, value >> BigInt(64 * i)), true);
}

/** Big-endian bytes, at most 32, as a word. */
function putBytes(heap: Uint8Array, at: number, bytes: Uint8Array): void {
  heap.fill(0, at, at + WORD_BYTES);
  for (let i = 0; i < bytes.length; i++) heap[at + i] = bytes[bytes.length - 1 - i]!;
}

export function writeBlockContext({ bytes, view }: Heap, at: number, context: BlockContext): void {
  const { rules } = context;
  putBytes(bytes, at + L.BLOCK_COINBASE, context.beneficiary);
  putNumber(view, at + L.BLOCK_TIMESTAMP, BigInt(context.timestamp));
  putNumber(view, at + L.BLOCK_NUMBER, BigInt(context.number));
  if (rules.header.prevRandao) putBytes(bytes, at + L.BLOCK_RANDAO, context.prevRandao);
  else putNumber(view, at + L.BLOCK_RANDAO, context.difficulty);
  putNumber(view, at + L.BLOCK_GAS_LIMIT, context.exactGasLimit ?? BigInt(context.gasLimit));
  putNumber(view, at + L.BLOCK_CHAIN_ID, BigInt(rules.chainId));
  putNumber(view, at + L.BLOCK_BASE_FEE, context.baseFee);
  putNumber(view, at + L.BLOCK_BLOB_BASE_FEE, context.blobBaseFee);
}
