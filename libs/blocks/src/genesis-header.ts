/** The header of the block that a genesis describes: what the first block names as its parent. */
import { type BlockHeader, EMPTY_ROOT, NO_OMMERS_HASH } from "./header.ts";

/** Facts of a genesis file. Amounts in wei. */
export interface GenesisFacts {
  readonly number: number;
  readonly timestamp: number;
  readonly gasLimit: number;
  readonly gasUsed: number;
  readonly baseFee: bigint | undefined;
  readonly beneficiary: Uint8Array;
  readonly difficulty: bigint;
  readonly mixHash: Uint8Array;
  readonly nonce: bigint;
  readonly extraData: Uint8Array;
  readonly parentHash: Uint8Array;
  readonly excessBlobGas: bigint | undefined;
  readonly blobGasUsed: bigint | undefined;
}

/** Which fields the fork of that block has (`BlockRules.header`). */
export interface HeaderFieldRules {
  readonly withdrawalsRoot: boolean;
  readonly blobGas: boolean;
  readonly parentBeaconBlockRoot: boolean;
  readonly requestsHash: boolean;
}

/** SHA-256 of nothing: no requests (EIP-7685). */
export const NO_REQUESTS_HASH: Uint8Array = new Uint8Array(
  Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex"),
);

export function genesisBlockHeader(
  facts: GenesisFacts,
  rules: HeaderFieldRules,
  stateRoot: Uint8Array,
): BlockHeader {
  const nonce = new Uint8Array(8);
  new DataView(nonce.buffer).setBigUint64(0, facts.nonce);
  return {
    parentHash: facts.parentHash,
    ommersHash: NO_OMMERS_HASH,
    beneficiary: facts.beneficiary,
    stateRoot,
    transactionsRoot: EMPTY_ROOT,
    receiptsRoot: EMPTY_ROOT,
    logsBloom: new Uint8Array(256),
    difficulty: facts.difficulty,
    number: facts.number,
    gasLimit: facts.gasLimit,
    gasUsed: facts.gasUsed,
    timestamp: facts.timestamp,
    extraData: facts.extraData,
    mixHash: facts.mixHash,
    nonce,
    baseFeePerGas: facts.baseFee,
    withdrawalsRoot: rules.withdrawalsRoot ? EMPTY_ROOT : undefined,
    blobGasUsed: rules.blobGas ? Number(facts.blobGasUsed ?? 0n) : undefined,
    excessBlobGas: rules.blobGas ? Number(facts.excessBlobGas ?? 0n) : undefined,
    parentBeaconBlockRoot: rules.parentBeaconBlockRoot ? new Uint8Array(32) : undefined,
    requestsHash: rules.requestsHash ? NO_REQUESTS_HASH : undefined,
  };
}
