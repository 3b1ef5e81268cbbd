/** A scanned transaction in the kernel's own form (`TX_*` of the layout). Types 0 to 2 without access list, to somebody. */
import { layout } from "@velarium/evm-kernel";
import type { TxScan } from "@velarium/tx-codec";

const {
  TX_ACCESS_ADDRESSES,
  TX_AUTHORIZATIONS,
  TX_BLOB_HASHES,
  TX_BYTES,
  TX_CHAIN_ID,
  TX_DATA_BYTES,
  TX_FLAGS,
  TX_GAS_LIMIT,
  TX_MAX_BLOB_FEE,
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

export class TransactionPacker {
  private bytes = new Uint8Array(TX_BYTES + 1024);
  private view = new DataView(this.bytes.buffer);

  /** The packed transaction, borrowed until the next one. `flags`: what is set beside the chain id. */
  pack(raw: Uint8Array, scan: TxScan, senders: Uint8Array, senderAt: number, flags: number): Uint8Array {
    const size = TX_BYTES + ((scan.dataSize + 7) & ~7);
    if (this.bytes.length < size) this.grow(size);
    const { bytes } = this;
    bytes.fill(0, 0, TX_BYTES);
    const hasChain = scan.chainId >= 0;
    this.word32(TX_TYPE, scan.type);
    this.word32(TX_FLAGS, hasChain ? flags | TXFLAG_CHAIN_ID : flags);
    this.word64(TX_GAS_LIMIT, scan.gasLimit);
    this.word64(TX_NONCE, scan.nonce);
    if (hasChain) this.word64(TX_CHAIN_ID, scan.chainId);
    for (let i = 0; i < 20; i++) {
      bytes[TX_SENDER + i] = senders[senderAt + i]!;
      bytes[TX_TO + i] = raw[scan.toOffset + i]!;
    }
    this.word32(TX_DATA_BYTES, scan.dataSize);
    this.word32(TX_ACCESS_ADDRESSES, 0);
    this.word32(TX_BLOB_HASHES, 0);
    this.word32(TX_AUTHORIZATIONS, 0);
    this.integer(TX_VALUE, raw, scan.valueOffset, scan.valueSize);
    this.integer(TX_MAX_FEE, raw, scan.feeOffset, scan.feeSize);
    this.integer(TX_MAX_PRIORITY_FEE, raw, scan.tipOffset, scan.tipSize);
    this.integer(TX_MAX_BLOB_FEE, raw, 0, 0);
    bytes.set(raw.subarray(scan.dataOffset, scan.dataOffset + scan.dataSize), TX_BYTES);
    bytes.fill(0, TX_BYTES + scan.dataSize, size);
    return bytes.subarray(0, size);
  }

  private word32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }
  private word64(at: number, value: number): void {
    this.view.setUint32(at, value % TWO_32, true);
    this.view.setUint32(at + 4, Math.floor(value / TWO_32), true);
  }
  /** A big-endian integer of `size` bytes as a word of 32; what stands before it is zero already. */
  private integer(at: number, raw: Uint8Array, offset: number, size: number): void {
    for (let i = 0, to = at + 32 - size; i < size; i++) this.bytes[to + i] = raw[offset + i]!;
  }

  private grow(size: number): void {
    this.bytes = new Uint8Array(size * 2);
    this.view = new DataView(this.bytes.buffer);
  }
}
