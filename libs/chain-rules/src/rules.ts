import { type Fork, isAtLeast } from "./fork.ts";

/** What of a block header exists from a fork on. */
export interface HeaderRules {
  readonly baseFee: boolean;
  readonly prevRandao: boolean;
  readonly withdrawalsRoot: boolean;
  readonly blobGas: boolean;
  readonly parentBeaconBlockRoot: boolean;
  readonly requestsHash: boolean;
}

/** Sizes in bytes, gas in gas; `undefined` means no limit. */
export interface LimitRules {
  readonly codeBytes: number | undefined;
  readonly initcodeBytes: number | undefined;
  /** Gas limit of one transaction (EIP-7825). */
  readonly transactionGas: number | undefined;
  readonly blobsPerTransaction: number;
}

/** EIP-4844 parameters of a fork, as `blobSchedule` in a geth genesis file gives them. */
export interface BlobRules {
  readonly target: number;
  readonly max: number;
  readonly baseFeeUpdateFraction: number;
}

/** The rules of one block. Shared by all blocks of a fork: compare by reference. */
export interface BlockRules {
  readonly fork: Fork;
  readonly chainId: number;
  /** Highest transaction type accepted (0-4). */
  readonly maxTransactionType: number;
  readonly header: HeaderRules;
  readonly limits: LimitRules;
  readonly blobs: BlobRules | undefined;
  /** Byzantium (EIP-658): receipts hold a status; before it, an intermediate state root. */
  readonly receiptStatus: boolean;
  readonly homestead: boolean;
  /** EIP-155 replay protection may be used. */
  readonly eip155: boolean;
  /** EIP-158/161: empty accounts do not exist. */
  readonly eip158: boolean;
  /** EIP-2028 calldata price. */
  readonly eip2028: boolean;
  /** EIP-2929 warm and cold accesses, EIP-2930 lists. */
  readonly eip2929: boolean;
  /** EIP-1559 base fee; EIP-3529 refunds. */
  readonly eip1559: boolean;
  /** EIP-3651: warm beneficiary; EIP-3860: initcode is metered. */
  readonly shanghai: boolean;
  /** EIP-6780: SELFDESTRUCT deletes only what the transaction created. */
  readonly eip6780: boolean;
  readonly eip7623: boolean;
  readonly eip7702: boolean;
  readonly osaka: boolean;
  /** Per-block reward before the Merge, in wei. */
  readonly blockReward: bigint;
}

const BLOBS: Partial<Record<Fork, BlobRules>> = {
  cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3338477 },
  prague: { target: 6, max: 9, baseFeeUpdateFraction: 5007716 },
  osaka: { target: 6, max: 9, baseFeeUpdateFraction: 5007716 },
  bpo1: { target: 10, max: 15, baseFeeUpdateFraction: 8346193 },
  bpo2: { target: 14, max: 21, baseFeeUpdateFraction: 11684671 },
};

const ETHER = 10n ** 18n;

function maxTransactionType(fork: Fork): number {
  if (isAtLeast(fork, "prague")) return 4;
  if (isAtLeast(fork, "cancun")) return 3;
  if (isAtLeast(fork, "london")) return 2;
  return isAtLeast(fork, "berlin") ? 1 : 0;
}

function blockReward(fork: Fork): bigint {
  if (isAtLeast(fork, "paris")) return 0n;
  if (isAtLeast(fork, "constantinople")) return 2n * ETHER;
  return isAtLeast(fork, "byzantium") ? 3n * ETHER : 5n * ETHER;
}

/** Builds the rules of `fork`; `blobs` overrides the fork's own blob parameters. */
export function createBlockRules(fork: Fork, chainId: number, blobs?: BlobRules): BlockRules {
  const from = (other: Fork) => isAtLeast(fork, other);
  const blobRules = from("cancun") ? (blobs ?? BLOBS[fork]) : undefined;
  return {
    fork,
    chainId,
    maxTransactionType: maxTransactionType(fork),
    header: {
      baseFee: from("london"),
      prevRandao: from("paris"),
      withdrawalsRoot: from("shanghai"),
      blobGas: from("cancun"),
      parentBeaconBlockRoot: from("cancun"),
      requestsHash: from("prague"),
    },
    limits: {
      codeBytes: from("spuriousDragon") ? 24576 : undefined,
      initcodeBytes: from("shanghai") ? 49152 : undefined,
      transactionGas: from("osaka") ? 2 ** 24 : undefined,
      // EIP-7594 bounds a transaction to six blobs; before it only the block's maximum holds.
      blobsPerTransaction: from("osaka") ? Math.min(6, blobRules?.max ?? 0) : (blobRules?.max ?? 0),
    },
    blobs: blobRules,
    receiptStatus: from("byzantium"),
    homestead: from("homestead"),
    eip155: from("spuriousDragon"),
    eip158: from("spuriousDragon"),
    eip2028: from("istanbul"),
    eip2929: from("berlin"),
    eip1559: from("london"),
    shanghai: from("shanghai"),
    eip6780: from("cancun"),
    eip7623: from("prague"),
    eip7702: from("prague"),
    osaka: from("osaka"),
    blockReward: blockReward(fork),
  };
}
