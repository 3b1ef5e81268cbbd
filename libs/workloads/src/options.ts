/** What a workload is made of. Field names are the flags of `velarium run`. */
export const WORKLOAD_KINDS = ["native", "erc20", "swap", "mixed"] as const;
export type WorkloadKind = (typeof WORKLOAD_KINDS)[number];

export interface WorkloadOptions {
  readonly kind: WorkloadKind;
  /** Accounts that send and receive, all funded in the genesis. */
  readonly accounts: number;
  /** FAFO's skew: how many of the accounts (the first ones) are hot. */
  readonly hot: number;
  /** FAFO's contention ratio, 0 to 1: probability that an end of a transaction is a hot account. */
  readonly contention: number;
  /** Heats receivers as well as senders. */
  readonly bothEnds: boolean;
  /** Signed by keys derived from the seed; else placeholder signatures, for verified records. */
  readonly signed: boolean;
  /** Same seed and options, same bytes. 32 bits. */
  readonly seed: number;
  readonly chainId: number;
  /** EIP-1559 transactions (2) or legacy ones with EIP-155 signatures (0). */
  readonly type: 0 | 2;
  /** Wei. The default lets the base fee grow by an eighth per full block for 98 blocks from 1 gwei. */
  readonly maxFeePerGas: number;
  /** Wei; not used by legacy transactions. */
  readonly maxPriorityFeePerGas: number;
  /** Markets, each with two tokens of its own. Account i trades in market i mod pairs; swaps of one market are serial. */
  readonly pairs: number;
  /** Percent of transfers of ether and of tokens in `mixed`; the rest are swaps. */
  readonly nativePercent: number;
  readonly erc20Percent: number;
  /** Folder for derived addresses of signed workloads (20 bytes per account); empty for none. */
  readonly cacheFolder: string;
}

export const DEFAULT_WORKLOAD: WorkloadOptions = {
  kind: "mixed",
  accounts: 10_000,
  hot: 100,
  contention: 0,
  bothEnds: false,
  signed: true,
  seed: 1,
  chainId: 1337,
  type: 2,
  maxFeePerGas: 1e14,
  maxPriorityFeePerGas: 1e9,
  pairs: 32,
  nativePercent: 50,
  erc20Percent: 35,
  cacheFolder: "",
};

export class WorkloadError extends Error {
  readonly code: "option";
  /** Name of the option. */
  readonly option: string;
  constructor(option: string, message: string) {
    super(message);
    this.name = "WorkloadError";
    this.code = "option";
    this.option = option;
  }
}

/** 10 M accounts: 200 MB of addresses, above the largest state the benchmarks use. */
export const MAX_ACCOUNTS = 10_000_000;
const MAX_PAIRS = 4096;

/** Fills in defaults and refuses what makes no workload. Throws WorkloadError. */
export function workloadOptions(given: Partial<WorkloadOptions>): WorkloadOptions {
  const o = { ...DEFAULT_WORKLOAD, ...given };
  const whole = (option: keyof WorkloadOptions, low: number, high: number): void => {
    const value = o[option] as number;
    if (!Number.isInteger(value) || value < low || value > high)
      throw new WorkloadError(
        option,
        `${option} must be a whole number from ${low} to ${high}, got ${value}`,
      );
  };
  if (!WORKLOAD_KINDS.includes(o.kind))
    throw new WorkloadError("kind", `workload must be one of ${WORKLOAD_KINDS.join(", ")}, got ${o.kind}`);
  whole("accounts", 2, MAX_ACCOUNTS);
  whole("hot", 0, o.accounts);
  whole("seed", 0, 0xffff_ffff);
  whole("chainId", 1, 0x7fff_ffff);
  whole("pairs", 1, MAX_PAIRS);
  whole("maxFeePerGas", 1, Number.MAX_SAFE_INTEGER);
  whole("maxPriorityFeePerGas", 0, o.maxFeePerGas);
  whole("nativePercent", 0, 100);
  whole("erc20Percent", 0, 100 - o.nativePercent);
  if (o.type !== 0 && o.type !== 2)
    throw new WorkloadError("type", `type must be 0 or 2, got ${String(o.type)}`);
  if (!(o.contention >= 0 && o.contention <= 1))
    throw new WorkloadError("contention", `contention must be from 0 to 1, got ${o.contention}`);
  if (o.contention > 0 && o.hot === 0)
    throw new WorkloadError("hot", "contention above 0 needs at least one hot account");
  return o;
}
