import { type Common, type CustomCrypto, createCustomCommon, Mainnet } from "@ethereumjs/common";
import { type Activation, forkAt, type GethChainConfig, readSchedule } from "./config.ts";
import { blobBaseFee, type FeeParent, INITIAL_BASE_FEE, nextBaseFee, nextExcessBlobGas } from "./fees.ts";
import { type Fork, isAtLeast } from "./fork.ts";
import { type BlobRules, type BlockRules, createBlockRules } from "./rules.ts";
import { type BlockOpening, type SystemCall, systemCallsAtClose, systemCallsAtOpen } from "./system-work.ts";

/** Facts of a parent block from which the fees of its child follow. */
export interface ParentFacts extends FeeParent {
  readonly number: number;
  readonly time: number;
  readonly excessBlobGas?: bigint;
  readonly blobGasUsed?: bigint;
}

/**
 * What distinguishes one chain from another. Services ask this interface only; a chain with other fees, transaction
 * types or precompiles is another implementation of it.
 */
export interface ChainRules {
  readonly name: string;
  readonly chainId: number;
  readonly config: GethChainConfig;
  rulesAt(number: number, time: number): BlockRules;
  /** Base fee in wei of the block at (number, time); undefined before EIP-1559. */
  nextBaseFee(parent: ParentFacts, rules: BlockRules, grandparent?: ParentFacts): bigint | undefined;
  /** True when the base fee needs no fact of the parent itself, so that a block may execute before its parent is done. */
  readonly baseFeeKnownEarly: boolean;
  nextExcessBlobGas(parent: ParentFacts, rules: BlockRules): bigint | undefined;
  /** Price of one blob gas in wei; 0 where blobs do not exist. */
  blobBaseFee(excessBlobGas: bigint, rules: BlockRules): bigint;
  systemCallsAtOpen(rules: BlockRules, block: BlockOpening): SystemCall[];
  systemCallsAtClose(rules: BlockRules): SystemCall[];
}

const BLOB_FORKS: readonly Fork[] = ["cancun", "prague", "osaka", "bpo1", "bpo2"];

/** Blob parameters that the configuration gives for `fork` or the nearest fork before it that has some. */
function scheduledBlobs(config: GethChainConfig, fork: Fork): BlobRules | undefined {
  const schedule = config.blobSchedule;
  if (schedule === undefined) return undefined;
  let found: BlobRules | undefined;
  for (const candidate of BLOB_FORKS) if (isAtLeast(fork, candidate)) found = schedule[candidate] ?? found;
  return found;
}

export function createEthereumRules(config: GethChainConfig): ChainRules {
  const schedule: readonly Activation[] = readSchedule(config);
  const byFork = new Map<Fork, BlockRules>();
  const policy = config.baseFeePolicy ?? { kind: "eip1559" };
  return {
    name: "ethereum",
    chainId: config.chainId,
    config,
    baseFeeKnownEarly: policy.kind !== "eip1559",
    rulesAt(number, time) {
      const fork = forkAt(schedule, number, time);
      let rules = byFork.get(fork);
      if (rules === undefined)
        byFork.set(fork, (rules = createBlockRules(fork, config.chainId, scheduledBlobs(config, fork))));
      return rules;
    },
    nextBaseFee(parent, rules, grandparent) {
      if (!rules.eip1559) return undefined;
      const parentHadFee = isAtLeast(forkAt(schedule, parent.number, parent.time), "london");
      if (!parentHadFee && policy.kind !== "fixed") return INITIAL_BASE_FEE;
      return nextBaseFee(policy, parent, grandparent);
    },
    nextExcessBlobGas(parent, rules) {
      if (rules.blobs === undefined) return undefined;
      const { excessBlobGas = 0n, blobGasUsed = 0n, baseFee } = parent;
      return nextExcessBlobGas({ excessBlobGas, blobGasUsed, baseFee }, rules.blobs, rules.osaka);
    },
    blobBaseFee: (excessBlobGas, rules) =>
      rules.blobs === undefined ? 0n : blobBaseFee(excessBlobGas, rules.blobs),
    systemCallsAtOpen,
    systemCallsAtClose,
  };
}

/** The `Common` that `@ethereumjs` packages want for these rules; `crypto` replaces their slow default functions. */
export function createCommon(rules: BlockRules, crypto: CustomCrypto = {}): Common {
  // Blob parameters of forks after Cancun reach the reference through block contexts, so only the fork matters here.
  return createCustomCommon({ chainId: rules.chainId, name: "velarium" }, Mainnet, {
    hardfork: rules.fork,
    customCrypto: crypto,
  });
}
