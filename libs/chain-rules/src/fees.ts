import type { BaseFeePolicy } from "./config.ts";
import type { BlobRules } from "./rules.ts";

/** What the fee of a block needs of a block before it. Gas in gas, fees in wei. */
export interface FeeParent {
  readonly baseFee: bigint;
  readonly gasUsed: number;
  readonly gasLimit: number;
}

/** Base fee of the first block that has one. */
export const INITIAL_BASE_FEE = 1_000_000_000n;
const ELASTICITY = 2n;
const CHANGE_DENOMINATOR = 8n;
export const BLOB_GAS = 131_072;
/** EIP-7918: gas that a blob is priced as in execution. */
const BLOB_BASE_COST = 8_192n;

/** EIP-1559. */
export function eip1559BaseFee(parent: FeeParent): bigint {
  const target = BigInt(parent.gasLimit) / ELASTICITY;
  const used = BigInt(parent.gasUsed);
  if (used === target || target === 0n) return parent.baseFee;
  if (used > target) {
    const up = (parent.baseFee * (used - target)) / target / CHANGE_DENOMINATOR;
    return parent.baseFee + (up > 1n ? up : 1n);
  }
  return parent.baseFee - (parent.baseFee * (target - used)) / target / CHANGE_DENOMINATOR;
}

/**
 * Base fee of the block after `parent`. `grandparent` is what the delayed policy looks at; a chain of one block has none
 * and keeps its fee.
 */
export function nextBaseFee(policy: BaseFeePolicy, parent: FeeParent, grandparent?: FeeParent): bigint {
  if (policy.kind === "fixed") return BigInt(policy.wei);
  if (policy.kind === "eip1559") return eip1559BaseFee(parent);
  if (grandparent === undefined) return parent.baseFee;
  return eip1559BaseFee({
    baseFee: parent.baseFee,
    gasUsed: grandparent.gasUsed,
    gasLimit: grandparent.gasLimit,
  });
}

/** `fake_exponential` of EIP-4844. */
function fakeExponential(factor: bigint, numerator: bigint, denominator: bigint): bigint {
  let output = 0n;
  let accumulator = factor * denominator;
  for (let i = 1n; accumulator > 0n; i++) {
    output += accumulator;
    accumulator = (accumulator * numerator) / (denominator * i);
  }
  return output / denominator;
}

/** Price of one blob gas in wei (EIP-4844). */
export function blobBaseFee(excessBlobGas: bigint, blobs: BlobRules): bigint {
  return fakeExponential(1n, excessBlobGas, BigInt(blobs.baseFeeUpdateFraction));
}

/** Excess blob gas of the block after `parent` (EIP-4844; EIP-7918's reserve price when `osaka`). */
export function nextExcessBlobGas(
  parent: { readonly excessBlobGas: bigint; readonly blobGasUsed: bigint; readonly baseFee: bigint },
  blobs: BlobRules,
  osaka: boolean,
): bigint {
  const target = BigInt(blobs.target * BLOB_GAS);
  const sum = parent.excessBlobGas + parent.blobGasUsed;
  if (sum < target) return 0n;
  if (osaka && BLOB_BASE_COST * parent.baseFee > BigInt(BLOB_GAS) * blobBaseFee(parent.excessBlobGas, blobs))
    return parent.excessBlobGas + (parent.blobGasUsed * BigInt(blobs.max - blobs.target)) / BigInt(blobs.max);
  return sum - target;
}
