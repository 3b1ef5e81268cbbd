/** The state and header from which a chain starts. */
import { configOfFork, createEthereumRules, type Fork, type GethChainConfig } from "@velarium/chain-rules";
import type { GenesisAccount } from "./account.ts";
import { SYSTEM_CONTRACTS } from "./system-contracts.ts";

/** Header facts of block `number` (0 unless the chain continues another). Amounts in wei, time in Unix seconds. */
export interface GenesisHeader {
  readonly number: number;
  readonly timestamp: number;
  readonly gasLimit: number;
  readonly gasUsed: number;
  readonly baseFee: bigint | undefined;
  readonly beneficiary: Uint8Array;
  readonly difficulty: bigint;
  /** prevRandao from the Merge on; 32 bytes. */
  readonly mixHash: Uint8Array;
  readonly nonce: bigint;
  readonly extraData: Uint8Array;
  readonly parentHash: Uint8Array;
  readonly excessBlobGas: bigint | undefined;
  readonly blobGasUsed: bigint | undefined;
}

/** A genesis without its accounts. */
export interface GenesisHead {
  readonly config: GethChainConfig;
  readonly header: GenesisHeader;
}

export interface Genesis extends GenesisHead {
  /** Each address once, in any order; may be iterated again and again. */
  readonly accounts: Iterable<GenesisAccount>;
}

export const DEFAULT_GAS_LIMIT = 1_500_000_000;
export const DEFAULT_CHAIN_ID = 8_317;
export const DEFAULT_BASE_FEE = 1_000_000_000n;

export interface DevGenesisOptions {
  /** Default 8317. */
  readonly chainId?: number | undefined;
  /** Default `osaka`, from block 0. */
  readonly fork?: Fork | undefined;
  /** Gas; default 1.5 G. */
  readonly gasLimit?: number | undefined;
  /** Wei; default 1 gwei. */
  readonly baseFee?: bigint | undefined;
  readonly timestamp?: number | undefined;
  readonly beneficiary?: Uint8Array | undefined;
  readonly config?: Partial<GethChainConfig> | undefined;
  /** Accounts beside the system contracts. */
  readonly accounts?: Iterable<GenesisAccount> | undefined;
}

export function defaultHeader(config: GethChainConfig, header: Partial<GenesisHeader> = {}): GenesisHeader {
  const number = header.number ?? 0;
  const timestamp = header.timestamp ?? 0;
  const rules = createEthereumRules(config).rulesAt(number, timestamp);
  return {
    number,
    timestamp,
    gasLimit: header.gasLimit ?? DEFAULT_GAS_LIMIT,
    gasUsed: header.gasUsed ?? 0,
    baseFee: rules.eip1559 ? (header.baseFee ?? DEFAULT_BASE_FEE) : undefined,
    beneficiary: header.beneficiary ?? new Uint8Array(20),
    difficulty: header.difficulty ?? 0n,
    mixHash: header.mixHash ?? new Uint8Array(32),
    nonce: header.nonce ?? 0n,
    extraData: header.extraData ?? new Uint8Array(0),
    parentHash: header.parentHash ?? new Uint8Array(32),
    excessBlobGas: rules.header.blobGas ? (header.excessBlobGas ?? 0n) : undefined,
    blobGasUsed: rules.header.blobGas ? (header.blobGasUsed ?? 0n) : undefined,
  };
}

/** Iterates `first`, then `second`, every time anew. */
function chain(first: Iterable<GenesisAccount>, second: Iterable<GenesisAccount>): Iterable<GenesisAccount> {
  return {
    *[Symbol.iterator]() {
      yield* first;
      yield* second;
    },
  };
}

/** A genesis for development and benchmarks: all forks from block 0, system contracts in place. */
export function createDevGenesis(options: DevGenesisOptions = {}): Genesis {
  const base = configOfFork(options.fork ?? "osaka", options.chainId ?? DEFAULT_CHAIN_ID);
  const config: GethChainConfig = { ...base, ...options.config };
  const header = defaultHeader(config, {
    gasLimit: options.gasLimit ?? DEFAULT_GAS_LIMIT,
    baseFee: options.baseFee ?? DEFAULT_BASE_FEE,
    timestamp: options.timestamp ?? 0,
    beneficiary: options.beneficiary ?? new Uint8Array(20),
  });
  return { config, header, accounts: chain(SYSTEM_CONTRACTS, options.accounts ?? []) };
}
