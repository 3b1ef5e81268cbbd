/** Random cases: accounts with programs or altered real contracts, and transactions that run them. */
import { EXECUTION_FORKS, type Fork, isAtLeast } from "@velarium/chain-rules";
import { keccak256 } from "@velarium/engine";
import { opcodeTableOf } from "@velarium/evm-opcodes";
import {
  type CaseAccount,
  type CaseAuthorization,
  type CaseTransaction,
  type FuzzCase,
  type Hex,
  hexOf,
} from "./fuzz-case.ts";
import { callDataFor, mutateCode } from "./mutation.ts";
import { initcode, randomProgram, type Surroundings } from "./program.ts";
import { Random } from "./random.ts";

const isLater = (fork: Fork): boolean => isAtLeast(fork, "berlin");
/** Forks that the cases are spread over. */
export const FUZZED_FORKS: readonly Fork[] = [
  ...EXECUTION_FORKS.filter(isLater),
  ...EXECUTION_FORKS.filter((fork) => !isLater(fork)),
];
/** The first ones of the list get most of the cases. */
const LATER_FORKS = EXECUTION_FORKS.filter(isLater).length;
const LATER_PERCENT = 80;

const CONTRACTS = 4;
const MAX_GAS = 400_000;
const PRICE = 10;
const KEYS = [0n, 1n, 2n, 3n, 2n ** 255n, 0xdeadn];
const RICH = `0x${(10n ** 20n).toString(16)}`;

const addressAt = (index: number): Hex => hexOf(keccak256(Uint8Array.of(0xf0, index)).subarray(12));
const SENDER = addressAt(0);
const OTHER_OWNER = addressAt(1);
const BENEFICIARY = addressAt(2);
const NOBODY = addressAt(3);
const contractAt = (index: number): Hex => addressAt(10 + index);

function surroundingsOf(fork: Fork): Surroundings {
  const precompiles = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n, 0x100n];
  const accounts = [SENDER, OTHER_OWNER, BENEFICIARY, NOBODY].map(BigInt);
  const contracts = Array.from({ length: CONTRACTS }, (_, i) => BigInt(contractAt(i)));
  return {
    table: opcodeTableOf(fork),
    addresses: [...contracts, ...contracts, ...contracts, ...accounts, ...precompiles, 0n],
    keys: KEYS,
  };
}

class CaseMaker {
  private readonly random: Random;
  private readonly fork: Fork;
  private readonly around: Surroundings;
  private readonly realCodes: readonly Uint8Array[];

  constructor(random: Random, fork: Fork, realCodes: readonly Uint8Array[]) {
    this.random = random;
    this.fork = fork;
    this.around = surroundingsOf(fork);
    this.realCodes = realCodes;
  }

  private from(fork: Fork): boolean {
    return isAtLeast(this.fork, fork);
  }

  private storage(): Record<Hex, Hex> {
    const { random } = this;
    const storage: Record<Hex, Hex> = {};
    for (const key of KEYS)
      if (random.chance(30)) {
        const word = random.word();
        if (word !== 0n) storage[`0x${key.toString(16)}`] = `0x${word.toString(16)}`;
      }
    return storage;
  }

  private contract(index: number, real: boolean): CaseAccount {
    const { random } = this;
    const code = real ? mutateCode(random.pick(this.realCodes), random) : randomProgram(random, this.around);
    // EIP-7702: an account that runs another's code.
    const delegates = this.from("prague") && random.chance(15);
    const target = contractAt((index + 1) % CONTRACTS);
    return {
      address: contractAt(index),
      balance: `0x${random.below(10).toString(16)}`,
      nonce: 1,
      code: delegates ? `0xef0100${target.slice(2)}` : hexOf(code),
      storage: this.storage(),
    };
  }

  private accounts(real: boolean): CaseAccount[] {
    const { random } = this;
    const owner = (address: Hex, balance: Hex): CaseAccount => ({
      address,
      balance,
      nonce: 0,
      code: "0x",
      storage: {},
    });
    return [
      owner(SENDER, RICH),
      owner(OTHER_OWNER, random.chance(50) ? RICH : "0x1"),
      ...(random.chance(50) ? [owner(BENEFICIARY, "0x1")] : []),
      ...Array.from({ length: CONTRACTS }, (_, i) => this.contract(i, real && i < 2)),
    ];
  }

  private authorizations(): CaseAuthorization[] {
    const { random } = this;
    return Array.from({ length: random.between(1, 3) }, () => {
      const authority = random.pick([SENDER, OTHER_OWNER, NOBODY, contractAt(0)]);
      return {
        chainId: random.pick([0, 1, 2]),
        address: random.chance(15) ? `0x${"00".repeat(20)}` : contractAt(random.below(CONTRACTS)),
        nonce: random.below(3),
        ...(random.chance(90) ? { authority } : {}),
      };
    });
  }

  private typeOf(): number {
    const highest = this.from("prague")
      ? 4
      : this.from("cancun")
        ? 3
        : this.from("london")
          ? 2
          : this.from("berlin")
            ? 1
            : 0;
    return this.random.chance(3) ? this.random.below(5) : this.random.below(highest + 1);
  }

  private data(to: Hex | undefined, accounts: readonly CaseAccount[]): Uint8Array {
    const { random } = this;
    if (to === undefined) return initcode(random, this.around);
    const code = accounts.find(({ address }) => address === to)?.code ?? "0x";
    if (code.length > 2_000)
      return callDataFor(Uint8Array.from(Buffer.from(code.slice(2), "hex")), random, this.around.addresses);
    return random.bytes(random.pick([0, 0, 4, 32, 36, 68, 100, random.below(300)]));
  }

  private gas(): number {
    const { random } = this;
    const roll = random.below(100);
    if (roll < 4) return random.below(22_000);
    if (roll < 40) return random.between(21_000, 60_000);
    if (roll < 70) return random.between(50_000, 150_000);
    return random.between(100_000, MAX_GAS);
  }

  private transaction(nonce: number, accounts: readonly CaseAccount[]): CaseTransaction {
    const { random } = this;
    const type = this.typeOf();
    const creates = type < 3 && random.chance(12);
    const to = creates
      ? undefined
      : random.chance(90)
        ? contractAt(random.below(CONTRACTS))
        : `0x${random.pick(this.around.addresses).toString(16).padStart(40, "0")}`;
    const tip = type < 2 ? PRICE : random.below(PRICE + 1);
    const listed = type > 0 && random.chance(60);
    return {
      type,
      sender: SENDER,
      nonce: random.chance(97) ? nonce : Math.max(0, nonce + random.between(-1, 1)),
      gasLimit: this.gas(),
      ...(to === undefined ? {} : { to }),
      value: random.chance(60) ? "0x0" : random.chance(90) ? `0x${random.below(6).toString(16)}` : RICH,
      data: hexOf(this.data(to, accounts)),
      maxFeePerGas: PRICE,
      maxPriorityFeePerGas: tip,
      ...(listed
        ? {
            accessList: Array.from({ length: random.below(3) }, () => ({
              address: `0x${random.pick(this.around.addresses).toString(16).padStart(40, "0")}`,
              storageKeys: Array.from(
                { length: random.below(3) },
                () => `0x${random.pick(KEYS).toString(16)}`,
              ),
            })),
          }
        : {}),
      ...(type === 4 ? { authorizations: this.authorizations() } : {}),
      ...(type === 3 ? { blobVersionedHashes: [hexOf(Uint8Array.of(1, ...random.bytes(31)))] } : {}),
    };
  }

  make(origin: string): FuzzCase {
    const { random } = this;
    const accounts = this.accounts(this.realCodes.length > 0 && random.chance(15));
    const count = random.chance(75) ? 1 : random.between(2, 3);
    return {
      origin,
      fork: this.fork,
      block: {
        number: random.pick([1, 5, 1000]),
        timestamp: 1000 + random.below(1000),
        beneficiary: random.chance(80) ? BENEFICIARY : random.pick([SENDER, contractAt(0), NOBODY]),
        gasLimit: 30_000_000,
        baseFee: random.pick([0, 1, 7, 10]),
      },
      accounts,
      transactions: Array.from({ length: count }, (_, i) => this.transaction(i, accounts)),
    };
  }
}

/** Case `index` of `seed`. `realCodes`: deployed code of real contracts, none where there are no fixtures. */
export function makeCase(seed: number, index: number, realCodes: readonly Uint8Array[]): FuzzCase {
  const random = new Random(seed, index);
  const fork = random.chance(LATER_PERCENT)
    ? FUZZED_FORKS[random.below(LATER_FORKS)]!
    : FUZZED_FORKS[LATER_FORKS + random.below(FUZZED_FORKS.length - LATER_FORKS)]!;
  return new CaseMaker(random, fork, realCodes).make(`seed ${seed}, case ${index}`);
}
