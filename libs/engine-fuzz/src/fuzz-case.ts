/** A case: a state, a block and transactions, complete in itself, as it is written to a file and read back. */
import { createBlockRules, type Fork, isAtLeast } from "@velarium/chain-rules";
import {
  type BlockContext,
  bigIntToWord,
  codeHash,
  type ExecutableTransaction,
  keccak256,
  MemoryState,
} from "@velarium/engine";
import { blockHashKey, CodeFlag, Domain, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";

/** Hexadecimal with the prefix 0x. */
export type Hex = string;

export interface CaseAccount {
  readonly address: Hex;
  readonly balance: Hex;
  readonly nonce: number;
  readonly code: Hex;
  /** Words by key. */
  readonly storage: Readonly<Record<Hex, Hex>>;
}

export interface CaseAuthorization {
  readonly chainId: number;
  readonly address: Hex;
  readonly nonce: number;
  /** Absent: the signature is nobody's. */
  readonly authority?: Hex;
}

export interface CaseTransaction {
  readonly type: number;
  readonly sender: Hex;
  readonly nonce: number;
  readonly gasLimit: number;
  /** Absent: creates a contract. */
  readonly to?: Hex;
  readonly value: Hex;
  readonly data: Hex;
  readonly maxFeePerGas: number;
  readonly maxPriorityFeePerGas: number;
  readonly accessList?: readonly { readonly address: Hex; readonly storageKeys: readonly Hex[] }[];
  readonly authorizations?: readonly CaseAuthorization[];
  readonly blobVersionedHashes?: readonly Hex[];
}

export interface FuzzCase {
  /** Where it came from; of no effect. */
  readonly origin: string;
  readonly fork: Fork;
  readonly block: {
    readonly number: number;
    readonly timestamp: number;
    readonly beneficiary: Hex;
    readonly gasLimit: number;
    readonly baseFee: number;
  };
  readonly accounts: readonly CaseAccount[];
  /** One after the other; each sees what those before it left. */
  readonly transactions: readonly CaseTransaction[];
}

export const bytesOf = (hex: Hex): Uint8Array => Uint8Array.from(Buffer.from(hex.slice(2), "hex"));
export const hexOf = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString("hex")}`;

export const CHAIN_ID = 1;
const BLOB_FEE = 1n;

export function contextOf({ fork, block }: FuzzCase): BlockContext {
  const rules = rulesOf(fork);
  return {
    rules,
    number: block.number,
    timestamp: block.timestamp,
    beneficiary: bytesOf(block.beneficiary),
    gasLimit: block.gasLimit,
    baseFee: rules.eip1559 ? BigInt(block.baseFee) : 0n,
    prevRandao: rules.header.prevRandao ? keccak256(Uint8Array.of(1)) : new Uint8Array(32),
    difficulty: isAtLeast(fork, "paris") ? 0n : 0x20000n,
    blobBaseFee: rules.blobs === undefined ? 0n : BLOB_FEE,
  };
}

const rulesByFork = new Map<Fork, BlockContext["rules"]>();
function rulesOf(fork: Fork): BlockContext["rules"] {
  let rules = rulesByFork.get(fork);
  if (rules === undefined) rulesByFork.set(fork, (rules = createBlockRules(fork, CHAIN_ID)));
  return rules;
}

/** The state before the first transaction, in the encodings of production. */
export function stateOf({ accounts, block }: FuzzCase): MemoryState {
  const state = new MemoryState();
  for (const account of accounts) {
    const address = bytesOf(account.address);
    const code = bytesOf(account.code);
    const balance = BigInt(account.balance);
    const storage = Object.entries(account.storage);
    state.set(fieldKey(Domain.balance, address), bigIntToWord(balance));
    state.set(fieldKey(Domain.nonce, address), bigIntToWord(BigInt(account.nonce)));
    let flags = storage.length > 0 ? CodeFlag.storage : 0;
    if (code.length === 0 && balance === 0n && account.nonce === 0) flags |= CodeFlag.exists;
    const hashPrefix = code.length === 0 ? new Uint8Array(28) : codeHash(code).subarray(0, 28);
    state.set(fieldKey(Domain.code, address), encodeCodeWord({ flags, incarnation: 0, hashPrefix }));
    if (code.length > 0) state.addCode(code);
    for (const [key, word] of storage)
      state.set(storageKey(address, bigIntToWord(BigInt(key))), bigIntToWord(BigInt(word)));
  }
  for (let back = 1; back <= Math.min(256, block.number); back++) {
    const number = block.number - back;
    state.set(blockHashKey(number), keccak256(bigIntToWord(BigInt(number))));
  }
  return state;
}

export function executableOf(tx: CaseTransaction): ExecutableTransaction {
  return {
    type: tx.type,
    sender: bytesOf(tx.sender),
    chainId: tx.type === 0 ? undefined : CHAIN_ID,
    nonce: BigInt(tx.nonce),
    gasLimit: tx.gasLimit,
    to: tx.to === undefined ? undefined : bytesOf(tx.to),
    value: BigInt(tx.value),
    data: bytesOf(tx.data),
    maxFeePerGas: BigInt(tx.maxFeePerGas),
    maxPriorityFeePerGas: BigInt(tx.maxPriorityFeePerGas),
    accessList: tx.accessList?.map(({ address, storageKeys }) => ({
      address: bytesOf(address),
      storageKeys: storageKeys.map((key) => bigIntToWord(BigInt(key))),
    })),
    maxFeePerBlobGas: tx.type === 3 ? BLOB_FEE : undefined,
    blobVersionedHashes: tx.type === 3 ? (tx.blobVersionedHashes ?? []).map(bytesOf) : undefined,
    authorizations:
      tx.type === 4
        ? (tx.authorizations ?? []).map(({ chainId, address, nonce, authority }) => ({
            chainId: BigInt(chainId),
            address: bytesOf(address),
            nonce: BigInt(nonce),
            authority: authority === undefined ? undefined : bytesOf(authority),
          }))
        : undefined,
  };
}
