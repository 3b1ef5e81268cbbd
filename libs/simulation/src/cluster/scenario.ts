/** A chain's genesis and what clients submit to it: few accounts, so that most transactions meet. */
import { encodeCall, pair, token } from "@velarium/contracts";
import { createDevGenesis, type Genesis, type GenesisAccount } from "@velarium/genesis";
import { keccak256 } from "@velarium/hash-kernel";
import {
  encodeTransaction,
  placeholderSignature,
  rlpEncode,
  signAuthorization,
  addressOf as signerOf,
  type TxFields,
} from "@velarium/tx-codec";
import { makeGenesis, workloadOptions } from "@velarium/workloads";
import { Random } from "../network.ts";
import {
  CHASER,
  deploying,
  FAILING_CREATION,
  HASH_READER,
  PAYER,
  SELF_DESTROYING_CREATION,
  TREASURER,
  WAVERER,
} from "./programs.ts";

export const CHAIN_ID = 8317;
const GWEI = 1_000_000_000n;
const ACCOUNTS = 10;
/** Pays for a transfer or two, so that whether it may send depends on what it has received. */
const POOR_WEI = 4_000_000n * GWEI;
const POOR_FROM = 7;

const address = (name: string): Uint8Array => keccak256(new TextEncoder().encode(name)).slice(12);
const account = (n: number): Uint8Array => address(`account ${n}`);
const accounts = Array.from({ length: ACCOUNTS }, (_, n) => account(n));
export const BENEFICIARY = address("beneficiary");
const market = { pair: address("pair"), tokens: [address("token 0"), address("token 1")] as const };
const programs = {
  hashReader: address("hash reader"),
  chaser: address("chaser"),
  payer: address("payer"),
  treasurer: address("treasurer"),
  waverer: address("waverer"),
};
/** Keys of accounts that only authorize (EIP-7702). */
const AUTHORITY_KEYS = [1, 2, 3].map((n) => keccak256(Uint8Array.of(n)));

/** One transaction as submitted: a row of the `tx` stream. */
export interface Submitted {
  readonly raw: Uint8Array;
  readonly sender: Uint8Array;
  readonly nonce: number;
  /** The analysis is to find nothing but the sender's own slots. */
  readonly isUnderdeclared: boolean;
}

export interface Scenario {
  readonly genesis: Genesis;
  readonly transactions: readonly Submitted[];
}

/** Shares of what is submitted, in any unit. */
export interface Mix {
  readonly transfer: number;
  readonly token: number;
  readonly swap: number;
  readonly chaser: number;
  readonly payer: number;
  readonly hash: number;
  readonly beneficiary: number;
  readonly waverer: number;
  readonly creation: number;
  readonly authorization: number;
}
export const PLAIN: Mix = {
  transfer: 80,
  token: 8,
  swap: 0,
  chaser: 4,
  payer: 2,
  hash: 2,
  beneficiary: 2,
  waverer: 1,
  creation: 1,
  authorization: 0,
};
export const WILD: Mix = {
  transfer: 30,
  token: 10,
  swap: 6,
  chaser: 14,
  payer: 10,
  hash: 8,
  beneficiary: 8,
  waverer: 5,
  creation: 6,
  authorization: 3,
};

function genesisAccounts(): GenesisAccount[] {
  const options = workloadOptions({ kind: "mixed", accounts: ACCOUNTS, hot: 2, pairs: 1, chainId: CHAIN_ID });
  const made = makeGenesis(options, new Uint8Array(Buffer.concat(accounts)), [market]);
  const out: GenesisAccount[] = accounts.map((each, n) => ({
    address: each,
    balance: n < POOR_FROM ? made.balance : POOR_WEI,
    nonce: 0n,
    storage: [],
  }));
  out.push({ address: BENEFICIARY, balance: 10n ** 20n, nonce: 0n, storage: [] });
  for (const { address: at, code, storageKeys, storageValues } of made.contracts) {
    const storage = Array.from(
      { length: storageKeys.length / 32 },
      (_, i) => [storageKeys.slice(i * 32, i * 32 + 32), storageValues.slice(i * 32, i * 32 + 32)] as const,
    );
    out.push({ address: at, balance: 0n, nonce: 1n, code, storage });
  }
  const codes = {
    hashReader: HASH_READER,
    chaser: CHASER,
    payer: PAYER,
    treasurer: TREASURER,
    waverer: WAVERER,
  };
  for (const name of Object.keys(codes) as (keyof typeof codes)[])
    out.push({ address: programs[name], balance: 10n ** 18n, nonce: 1n, code: codes[name], storage: [] });
  return out;
}

/** The same for every scenario. */
export const GENESIS: Genesis = createDevGenesis({
  chainId: CHAIN_ID,
  gasLimit: 2_000_000,
  baseFee: GWEI,
  timestamp: 1000,
  beneficiary: BENEFICIARY,
  accounts: genesisAccounts(),
});

const word = (value: bigint | number): Uint8Array =>
  Uint8Array.from(Buffer.from(BigInt(value).toString(16).padStart(64, "0"), "hex"));
const words = (...parts: readonly (Uint8Array | number | bigint)[]): Uint8Array => {
  const out = new Uint8Array(32 * parts.length);
  parts.forEach((part, i) => {
    if (part instanceof Uint8Array) out.set(part, i * 32 + 32 - part.length);
    else out.set(word(part), i * 32);
  });
  return out;
};

/** What a transaction does: it says nothing about fees and nonces. */
type Body = Partial<Pick<TxFields, "type" | "to" | "value" | "data" | "authorizationList" | "gasLimit">>;

class Author {
  readonly transactions: Submitted[] = [];
  private readonly random: Random;
  private readonly mix: Mix;
  private readonly nonces = new Map<Uint8Array, number>();
  private readonly created: Uint8Array[] = [];
  private readonly hot: number;
  private authorizations = 0;

  constructor(seed: number, mix: Mix) {
    this.random = new Random(seed);
    this.mix = mix;
    this.hot = 1 + this.random.below(3);
  }

  private chance(oneIn: number): boolean {
    return this.random.below(oneIn) === 0;
  }
  private pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)]!;
  }
  private anyone(): Uint8Array {
    return this.chance(2) ? accounts[this.random.below(this.hot)]! : this.pick(accounts);
  }

  write(): void {
    const { random } = this;
    let from = this.anyone();
    let kind = this.kind();
    if (kind === "transfer" && this.chance(12)) from = BENEFICIARY;
    if (from === BENEFICIARY) kind = "transfer";
    const next = this.nonces.get(from) ?? 0;
    // Mostly the next one; sometimes one that was, sometimes one ahead, whose gap the next ones may close or not.
    let nonce = next;
    if (next > 0 && this.chance(25)) nonce = random.below(next);
    else if (this.chance(25)) nonce = next + 1 + random.below(3);
    else this.nonces.set(from, next + 1);
    const cap = this.chance(30) ? GWEI : GWEI * BigInt(20 + random.below(80));
    const type = this.pick([0, 1, 2, 2, 2]);
    const made = this.body(kind, from, nonce);
    const fields: TxFields = {
      type,
      gasLimit: 21_000,
      chainId: CHAIN_ID,
      nonce,
      gasPrice: cap,
      maxFeePerGas: cap,
      maxPriorityFeePerGas: cap < 2n * GWEI ? 0n : BigInt(random.below(1_000_000_000)),
      ...made,
    };
    const raw = encodeTransaction(fields, placeholderSignature(from)).slice();
    this.transactions.push({ raw, sender: from, nonce, isUnderdeclared: this.chance(6) });
  }

  private kind(): keyof Mix {
    const entries = Object.entries(this.mix) as [keyof Mix, number][];
    let chosen = this.random.below(entries.reduce((n, [, share]) => n + share, 0));
    for (const [name, share] of entries) if ((chosen -= share) < 0) return name;
    return "transfer";
  }

  private body(kind: keyof Mix, from: Uint8Array, nonce: number): Body {
    const { random } = this;
    const call = (to: Uint8Array, data: Uint8Array, gasLimit = 120_000) => ({ to, data, gasLimit });
    switch (kind) {
      case "token": {
        const data = encodeCall(token, "transfer(address,uint256)", [this.anyone(), random.below(1000)]);
        return call(this.pick(market.tokens), data);
      }
      case "swap": {
        const args = [this.pick(market.tokens), 1 + random.below(1_000_000), 0, from];
        return call(
          market.pair,
          encodeCall(pair, "swapExactIn(address,uint256,uint256,address)", args),
          150_000,
        );
      }
      case "chaser":
        return call(programs.chaser, words(random.below(100)));
      case "payer": {
        const to = this.chance(4)
          ? BENEFICIARY
          : this.chance(4)
            ? address(`new ${random.below(50)}`)
            : this.anyone();
        return call(programs.payer, words(to, random.below(10_000)));
      }
      case "hash":
        return call(programs.hashReader, words(random.below(5)));
      case "beneficiary":
        if (this.chance(2)) return call(programs.treasurer, new Uint8Array(0));
        return { to: BENEFICIARY, value: BigInt(random.below(1000)), gasLimit: 21_000 };
      case "waverer":
        return call(programs.waverer, words(random.below(4)));
      case "creation": {
        const at = keccak256(rlpEncode([from, nonce === 0 ? new Uint8Array(0) : Uint8Array.of(nonce)])).slice(
          12,
        );
        this.created.push(at);
        const data = this.pick([
          deploying(CHASER),
          deploying(WAVERER),
          deploying(PAYER),
          FAILING_CREATION,
          SELF_DESTROYING_CREATION,
        ]);
        return { to: null, data, value: BigInt(random.below(3)), gasLimit: 150_000 };
      }
      case "authorization": {
        const key = this.pick(AUTHORITY_KEYS);
        const signed = signAuthorization(
          BigInt(CHAIN_ID),
          this.pick([programs.chaser, programs.waverer, new Uint8Array(20)]),
          BigInt(this.authorizations++ % 4),
          key,
        );
        return { type: 4, to: signerOf(key), data: words(1), gasLimit: 150_000, authorizationList: [signed] };
      }
      default:
        return { gasLimit: this.chance(5) ? 60_000 : 21_000, ...this.recipient(from) };
    }
  }

  private recipient(from: Uint8Array): Body {
    const { random } = this;
    const to = this.chance(20)
      ? from
      : this.chance(15) && this.created.length > 0
        ? this.pick(this.created)
        : this.chance(10)
          ? address(`new ${random.below(50)}`)
          : this.anyone();
    const value = this.chance(10) ? 0n : BigInt(1 + random.below(1_000_000)) * GWEI;
    return { to, value };
  }
}

export function makeScenario(seed: number, count: number, mix: Mix): Scenario {
  const author = new Author(seed, mix);
  while (author.transactions.length < count) author.write();
  return { genesis: GENESIS, transactions: author.transactions };
}
