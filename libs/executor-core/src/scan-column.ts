/** What a scan found of each transfer of a dispatch, so that its bytes are scanned once: for its keys, and later to run it. */
import type { TxScan } from "@velarium/tx-codec";

/** Numbers kept per transaction: two cache lines. */
const FIELDS = 16;

export class ScanColumn {
  private numbers = new Float64Array(FIELDS * 256);

  get bytes(): number {
    return this.numbers.byteLength;
  }

  /** Room for so many transactions; what was kept is gone. */
  reserve(count: number): void {
    if (count * FIELDS > this.numbers.length) this.numbers = new Float64Array(count * FIELDS * 2);
  }

  keep(index: number, scan: TxScan): void {
    const { numbers } = this;
    const at = index * FIELDS;
    numbers[at] = scan.type;
    numbers[at + 1] = scan.chainId;
    numbers[at + 2] = scan.nonce;
    numbers[at + 3] = scan.gasLimit;
    numbers[at + 4] = scan.toOffset;
    numbers[at + 5] = scan.valueOffset;
    numbers[at + 6] = scan.valueSize;
    numbers[at + 7] = scan.dataOffset;
    numbers[at + 8] = scan.dataSize;
    numbers[at + 9] = scan.feeOffset;
    numbers[at + 10] = scan.feeSize;
    numbers[at + 11] = scan.tipOffset;
    numbers[at + 12] = scan.tipSize;
    numbers[at + 13] = scan.accessListAddresses;
    numbers[at + 14] = scan.accessListKeys;
    numbers[at + 15] = scan.authorizations;
  }

  /** Into `scan` what a transfer is run by; its other fields are left as they are. */
  recall(index: number, scan: TxScan): void {
    const { numbers } = this;
    const at = index * FIELDS;
    scan.type = numbers[at]!;
    scan.chainId = numbers[at + 1]!;
    scan.nonce = numbers[at + 2]!;
    scan.gasLimit = numbers[at + 3]!;
    scan.toOffset = numbers[at + 4]!;
    scan.valueOffset = numbers[at + 5]!;
    scan.valueSize = numbers[at + 6]!;
    scan.dataOffset = numbers[at + 7]!;
    scan.dataSize = numbers[at + 8]!;
    scan.feeOffset = numbers[at + 9]!;
    scan.feeSize = numbers[at + 10]!;
    scan.tipOffset = numbers[at + 11]!;
    scan.tipSize = numbers[at + 12]!;
    scan.accessListAddresses = numbers[at + 13]!;
    scan.accessListKeys = numbers[at + 14]!;
    scan.authorizations = numbers[at + 15]!;
  }
}
