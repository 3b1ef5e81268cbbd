/**
 * The state a workload starts from: funded accounts, tokens and markets deployed, balances, allowances and liquidity
 * written straight into storage, so that no transaction is spent on setting up.
 */
import { pair, token } from "@velarium/contracts";
import { keccak256, keccakBatch } from "@velarium/hash-kernel";
import { ADDRESS_BYTES } from "./accounts.ts";
import type { WorkloadOptions } from "./options.ts";

/** Wei of every account: 10^27, which no run can use up. */
export const ACCOUNT_WEI = 10n ** 27n;
/** Smallest token units of every account, of each of its two tokens. */
export const ACCOUNT_TOKENS = 10n ** 24n;
/** Of each token in each market: below the 2^112 of a packed reserve, and deep enough that prices hardly move. */
export const RESERVE_TOKENS = 10n ** 30n;

export interface GenesisContract {
  readonly address: Uint8Array;
  readonly name: "Token" | "Pair";
  readonly code: Uint8Array;
  /** Contracts start at nonce 1 (EIP-161). */
  readonly nonce: 1;
  /** 32 bytes each, in one order; no value is zero. */
  readonly storageKeys: Uint8Array;
  readonly storageValues: Uint8Array;
}

export interface WorkloadGenesis {
  readonly chainId: number;
  /** 20 bytes per account. */
  readonly addresses: Uint8Array;
  /** Wei, the same for each. */
  readonly balance: bigint;
  readonly contracts: readonly GenesisContract[];
}

export interface Market {
  readonly pair: Uint8Array;
  readonly tokens: readonly [Uint8Array, Uint8Array];
}

const WORD = 32;

const wordOf = (value: bigint): Uint8Array =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));

function addressWord(address: Uint8Array): Uint8Array {
  const word = new Uint8Array(WORD);
  word.set(address, WORD - ADDRESS_BYTES);
  return word;
}

/** Keys of `mapping(key => ...)` at the given slots: keccak256(key . slot) (Solidity, "Layout of state variables in storage"). */
function mappingSlots(keys: Uint8Array, slots: Uint8Array | number): Uint8Array {
  const n = keys.length / WORD;
  const fixed = typeof slots === "number" ? wordOf(BigInt(slots)) : undefined;
  const blob = new Uint8Array(n * WORD * 2);
  const ends = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    blob.set(keys.subarray(i * WORD, (i + 1) * WORD), i * WORD * 2);
    blob.set(fixed ?? (slots as Uint8Array).subarray(i * WORD, (i + 1) * WORD), i * WORD * 2 + WORD);
    ends[i] = (i + 1) * WORD * 2;
  }
  return keccakBatch({ ends, blob });
}

const repeat = (word: Uint8Array, n: number): Uint8Array => {
  const out = new Uint8Array(word.length * n);
  for (let i = 0; i < n; i++) out.set(word, i * word.length);
  return out;
};
const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

function tokenStorage(
  owners: Uint8Array,
  market: Uint8Array,
): Pick<GenesisContract, "storageKeys" | "storageValues"> {
  const n = owners.length / WORD;
  const slot = (name: string): number => token.storage[name]!.slot;
  const pairWord = addressWord(market);
  const inner = mappingSlots(owners, slot("allowance"));
  return {
    storageKeys: concat([
      wordOf(BigInt(slot("totalSupply"))),
      mappingSlots(pairWord, slot("balanceOf")),
      mappingSlots(owners, slot("balanceOf")),
      mappingSlots(repeat(pairWord, n), inner),
    ]),
    storageValues: concat([
      wordOf(RESERVE_TOKENS + BigInt(n) * ACCOUNT_TOKENS),
      wordOf(RESERVE_TOKENS),
      repeat(wordOf(ACCOUNT_TOKENS), n),
      // An allowance without end: the token does not count it down.
      repeat(new Uint8Array(WORD).fill(0xff), n),
    ]),
  };
}

function pairStorage(market: Market): Pick<GenesisContract, "storageKeys" | "storageValues"> {
  const { token0, token1, reserve0, reserve1, totalShares, sharesOf } = pair.storage;
  const provider = addressWord(market.pair);
  const reserves =
    (RESERVE_TOKENS << BigInt(reserve0!.offset * 8)) | (RESERVE_TOKENS << BigInt(reserve1!.offset * 8));
  return {
    storageKeys: concat([
      wordOf(BigInt(token0!.slot)),
      wordOf(BigInt(token1!.slot)),
      wordOf(BigInt(reserve0!.slot)),
      wordOf(BigInt(totalShares!.slot)),
      mappingSlots(provider, sharesOf!.slot),
    ]),
    storageValues: concat([
      addressWord(market.tokens[0]),
      addressWord(market.tokens[1]),
      wordOf(reserves),
      wordOf(RESERVE_TOKENS),
      wordOf(RESERVE_TOKENS),
    ]),
  };
}

/** Account i holds and trades the tokens of market i mod `markets.length`. Native workloads have no contracts. */
export function makeGenesis(
  o: WorkloadOptions,
  addresses: Uint8Array,
  markets: readonly Market[],
): WorkloadGenesis {
  const contracts: GenesisContract[] = [];
  if (o.kind !== "native") {
    for (let m = 0; m < markets.length; m++) {
      const market = markets[m]!;
      const owners = ownersOf(addresses, m, markets.length);
      contracts.push({
        address: market.pair,
        name: "Pair",
        code: pair.runtime,
        nonce: 1,
        ...pairStorage(market),
      });
      const storage = tokenStorage(owners, market.pair);
      for (const address of market.tokens)
        contracts.push({ address, name: "Token", code: token.runtime, nonce: 1, ...storage });
    }
  }
  return { chainId: o.chainId, addresses, balance: ACCOUNT_WEI, contracts };
}

function ownersOf(addresses: Uint8Array, first: number, step: number): Uint8Array {
  const accounts = addresses.length / ADDRESS_BYTES;
  const n = first < accounts ? Math.ceil((accounts - first) / step) : 0;
  const out = new Uint8Array(n * WORD);
  for (let i = 0; i < n; i++) {
    const at = (first + i * step) * ADDRESS_BYTES;
    out.set(addresses.subarray(at, at + ADDRESS_BYTES), i * WORD + WORD - ADDRESS_BYTES);
  }
  return out;
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;

export interface GethAccount {
  readonly balance: string;
  readonly nonce?: string;
  readonly code?: string;
  readonly storage?: Record<string, string>;
}

/** The same as the `alloc` of a genesis file in geth's format. For small workloads: one object per account. */
export function gethAlloc(genesis: WorkloadGenesis): Record<string, GethAccount> {
  const alloc: Record<string, GethAccount> = {};
  const balance = `0x${genesis.balance.toString(16)}`;
  for (let i = 0; i < genesis.addresses.length; i += ADDRESS_BYTES)
    alloc[hex(genesis.addresses.subarray(i, i + ADDRESS_BYTES))] = { balance };
  for (const c of genesis.contracts) {
    const storage: Record<string, string> = {};
    for (let i = 0; i < c.storageKeys.length; i += WORD)
      storage[hex(c.storageKeys.subarray(i, i + WORD))] = hex(c.storageValues.subarray(i, i + WORD));
    alloc[hex(c.address)] = { balance: "0x0", nonce: "0x1", code: hex(c.code), storage };
  }
  return alloc;
}

/** Storage slot of an account's token balance, for tests and examples. */
export function tokenBalanceSlot(owner: Uint8Array): Uint8Array {
  return keccak256(concat([addressWord(owner), wordOf(BigInt(token.storage["balanceOf"]!.slot))]));
}
