/** Reads geth's genesis format. */
import { readFileSync } from "node:fs";
import { ChainConfigError, createEthereumRules, type GethChainConfig } from "@velarium/chain-rules";
import type { GenesisAccount } from "./account.ts";
import { GenesisError, invalid } from "./error.ts";
import { addressOf, bytesOf, integerOf, numberOf, wordOf } from "./fields.ts";
import { defaultHeader, type Genesis, type GenesisHeader } from "./genesis.ts";

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isZero = (word: Uint8Array): boolean => word.every((byte) => byte === 0);

function accountOf(name: string, value: unknown): GenesisAccount {
  const field = `alloc.${name}`;
  if (!isObject(value)) throw invalid(field, "an account", value);
  const storage: [Uint8Array, Uint8Array][] = [];
  if (value["storage"] !== undefined) {
    if (!isObject(value["storage"])) throw invalid(`${field}.storage`, "an object", value["storage"]);
    for (const [slot, word] of Object.entries(value["storage"])) {
      const bytes = wordOf(word, `${field}.storage.${slot}`);
      if (!isZero(bytes)) storage.push([wordOf(slot, `${field}.storage`), bytes]);
    }
  }
  const nonce = integerOf(value["nonce"] ?? 0, `${field}.nonce`);
  if (nonce >= 2n ** 64n) throw invalid(`${field}.nonce`, "an integer below 2^64", value["nonce"]);
  return {
    address: addressOf(name, field),
    balance: integerOf(value["balance"] ?? 0, `${field}.balance`),
    nonce,
    code: value["code"] === undefined ? undefined : bytesOf(value["code"], `${field}.code`),
    storage,
  };
}

/** Accounts made anew at each iteration, so that a million of them need only the memory of the parsed file. */
class ParsedAccounts implements Iterable<GenesisAccount> {
  private readonly alloc: Fields;
  constructor(alloc: Fields) {
    this.alloc = alloc;
  }
  *[Symbol.iterator](): Generator<GenesisAccount> {
    for (const name in this.alloc) yield accountOf(name, this.alloc[name]);
  }
}

function headerOf(config: GethChainConfig, file: Fields): GenesisHeader {
  const optional = <T>(name: string, read: (value: unknown, field: string) => T): T | undefined =>
    file[name] === undefined || file[name] === null ? undefined : read(file[name], name);
  const given: { -readonly [K in keyof GenesisHeader]?: GenesisHeader[K] } = {
    gasLimit: numberOf(file["gasLimit"], "gasLimit"),
  };
  const set = <K extends keyof GenesisHeader>(key: K, value: GenesisHeader[K] | undefined): void => {
    if (value !== undefined) given[key] = value;
  };
  set("number", optional("number", numberOf));
  set("timestamp", optional("timestamp", numberOf));
  set("gasUsed", optional("gasUsed", numberOf));
  set("baseFee", optional("baseFeePerGas", integerOf));
  set("beneficiary", optional("coinbase", addressOf));
  set("difficulty", optional("difficulty", integerOf));
  set("mixHash", optional("mixHash", wordOf));
  set("nonce", optional("nonce", integerOf));
  set("extraData", optional("extraData", bytesOf));
  set("parentHash", optional("parentHash", wordOf));
  set("excessBlobGas", optional("excessBlobGas", integerOf));
  set("blobGasUsed", optional("blobGasUsed", integerOf));
  return defaultHeader(config, given);
}

/** Checks a parsed genesis file, every account of it. Throws GenesisError. */
export function parseGenesis(file: unknown): Genesis {
  if (!isObject(file)) throw invalid("", "an object", file);
  const { config, alloc } = file;
  if (!isObject(config)) throw invalid("config", "an object", config);
  if (!isObject(alloc)) throw invalid("alloc", "an object", alloc);
  const chain = config as unknown as GethChainConfig;
  try {
    createEthereumRules(chain);
  } catch (cause) {
    if (!(cause instanceof ChainConfigError)) throw cause;
    throw new GenesisError("invalid", `config.${cause.field}`, cause.message, cause);
  }
  const header = headerOf(chain, file);
  const accounts = new ParsedAccounts(alloc);
  const seen = new Set<string>();
  for (const { address } of accounts) {
    const name = Buffer.from(address).toString("latin1");
    if (seen.has(name))
      throw new GenesisError(
        "invalid",
        "alloc",
        `account ${Buffer.from(address).toString("hex")} stands twice`,
      );
    seen.add(name);
  }
  return { config: chain, header, accounts };
}

/** Reads a genesis file of geth's. Throws GenesisError: `unreadable` or `invalid`. */
export function readGenesis(path: string): Genesis {
  let file: unknown;
  try {
    file = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const what = cause instanceof SyntaxError ? "is not JSON" : "cannot be read";
    throw new GenesisError("unreadable", "", `${path} ${what}: ${(cause as Error).message}`, cause);
  }
  return parseGenesis(file);
}
