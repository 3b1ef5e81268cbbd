/** Gas that a transaction costs before it runs, by flags of the fork in force. */
import type { TxScan } from "./scan.ts";

export interface IntrinsicGasRules {
  /** EIP-2: creation costs 53,000, not 21,000. */
  readonly homestead: boolean;
  /** Istanbul: 16 per non-zero byte, not 68. */
  readonly eip2028: boolean;
  /** Shanghai: 2 per word of init code. */
  readonly eip3860: boolean;
  /** Prague: floor of 10 per token of calldata. */
  readonly eip7623: boolean;
}

const TX = 21_000;
const CREATE = 32_000;
const ACCESS_ADDRESS = 2_400; // EIP-2930
const ACCESS_KEY = 1_900;
const AUTHORIZATION = 25_000; // EIP-7702, PER_EMPTY_ACCOUNT_COST
const FLOOR_PER_TOKEN = 10; // EIP-7623

function zeroBytes(raw: Uint8Array, from: number, size: number): number {
  let zeros = 0;
  for (let i = from; i < from + size; i++) if (raw[i] === 0) zeros++;
  return zeros;
}

export function intrinsicGas(raw: Uint8Array, scan: TxScan, rules: IntrinsicGasRules): number {
  const size = scan.dataSize;
  let gas = TX;
  if (size !== 0) {
    const zeros = zeroBytes(raw, scan.dataOffset, size);
    gas += zeros * 4 + (size - zeros) * (rules.eip2028 ? 16 : 68);
  }
  if (scan.toOffset < 0) {
    if (rules.homestead) gas += CREATE;
    if (rules.eip3860) gas += 2 * Math.ceil(size / 32);
  }
  return (
    gas +
    scan.accessListAddresses * ACCESS_ADDRESS +
    scan.accessListKeys * ACCESS_KEY +
    scan.authorizations * AUTHORIZATION
  );
}

/** Least gas that a transaction is charged for its calldata (EIP-7623); 0 where that is not in force. */
export function floorGas(raw: Uint8Array, scan: TxScan, rules: IntrinsicGasRules): number {
  if (!rules.eip7623) return 0;
  const zeros = scan.dataSize === 0 ? 0 : zeroBytes(raw, scan.dataOffset, scan.dataSize);
  return TX + FLOOR_PER_TOKEN * (zeros + (scan.dataSize - zeros) * 4);
}
