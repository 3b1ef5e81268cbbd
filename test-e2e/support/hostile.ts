/** A chain for bad input: many funded senders, contracts made to be unpleasant, and transactions signed at will. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDevGenesis, type GenesisAccount, writeGenesis } from "@velarium/genesis";
import { keccak256 } from "@velarium/hash-kernel";
import { type AccessListEntry, addressOf, signTransaction, type TxFields } from "@velarium/tx-codec";
import { CHAIN_ID, type Hex } from "./cluster.ts";

const bytes = (hex: string): Uint8Array =>
  new Uint8Array(Buffer.from(hex.replace(/^0x/, "").replaceAll(" ", ""), "hex"));

/** Runtime code, by what it does. */
const CODE = {
  /** n = slot 0; slot 0 = n + 1; slot (n + 1000) = 1: whoever runs after another caller touches an unforeseen slot. */
  counter: "6000 54 80 6001 01 6000 55 6103e8 01 6001 90 55 00",
  /** h = hash of the parent block; slot h += 1: touches another slot in every block. */
  parentHash: "6001 43 03 40 80 54 6001 01 90 55 00",
  /** Jumps back until the gas is gone. */
  endless: "5b 6000 56",
  /** Logs 64 KiB of nothing while a million gas are left. */
  logger: "5b 62010000 6000 a0 5a 620f4240 10 6000 57 00",
  /** Reads slots 0, 1, 2 ... while 10,000 gas are left. */
  reader: "6000 5b 80 54 50 6001 01 5a 612710 10 6002 57 00",
} as const;
export type Contract = keyof typeof CODE;

const contractNames = Object.keys(CODE) as Contract[];
export const contractAt = (name: Contract): Hex =>
  `0x${(0xc0de00 + contractNames.indexOf(name)).toString(16).padStart(40, "0")}`;

const keyOf = (i: number): Uint8Array => keccak256(new TextEncoder().encode(`hostile account ${i}`));
/** Accounts from this number on own nothing. */
export const FUNDED = 80;

export interface Call {
  readonly nonce?: number;
  /** null: contract creation. */
  readonly to?: Hex | null;
  readonly value?: bigint;
  readonly gas?: number;
  readonly data?: Uint8Array;
  readonly maxFeePerGas?: bigint;
  readonly maxPriorityFeePerGas?: bigint;
  readonly chainId?: number;
  readonly type?: number;
  readonly accessList?: readonly AccessListEntry[];
}

const ANYONE: Hex = "0x00000000000000000000000000000000000a11ce";

/** Signed whatever it says: wallets would refuse most of what is needed here. */
export function signed(account: number, call: Call = {}): Uint8Array {
  const { to = ANYONE, gas = 21_000, type = 2, ...rest } = call;
  const fields: TxFields = {
    type,
    chainId: CHAIN_ID,
    nonce: 0,
    maxFeePerGas: 10n ** 11n,
    maxPriorityFeePerGas: 10n ** 9n,
    gasPrice: 10n ** 11n,
    gasLimit: gas,
    to: to === null ? null : bytes(to),
    ...rest,
  };
  return signTransaction(fields, keyOf(account));
}

/** A data directory with the genesis in it. Before Osaka, so that one transaction may take a whole block's gas. */
export function hostileDataDirectory(): string {
  const data = mkdtempSync(join(tmpdir(), "velarium-test-"));
  const people: GenesisAccount[] = Array.from({ length: FUNDED }, (_, i) => ({
    address: addressOf(keyOf(i)),
    balance: 1000n * 10n ** 18n,
    nonce: 0n,
    code: undefined,
    storage: [],
  }));
  const contracts: GenesisAccount[] = contractNames.map((name) => ({
    address: bytes(contractAt(name)),
    balance: 0n,
    nonce: 1n,
    code: bytes(CODE[name]),
    storage: [],
  }));
  writeGenesis(
    join(data, "genesis.json"),
    createDevGenesis({ chainId: CHAIN_ID, fork: "prague", accounts: [...people, ...contracts] }),
  );
  return data;
}
