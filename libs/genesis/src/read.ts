/** Reads geth's genesis format. */
import { readFileSync } from "node:fs";
import { ChainConfigError, createEthereumRules, type GethChainConfig } from "@velarium/chain-rules";
import type { GenesisAccount } from "./account.ts";
import { type AllocRange, allocPieces, allocRange } from "./alloc-text.ts";
import { GenesisError, invalid } from "./error.ts";
import { addressOf, bytesOf, integerOf, numberOf, wordOf } from "./fields.ts";
import { defaultHeader, type Genesis, type GenesisHead, type GenesisHeader } from "./genesis.ts";

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function isZero(word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (word[i] !== 0) return false;
  return true;
}

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

/**
 * Accounts made anew at each iteration, so that a million of them need only the memory of the file. The first whole
 * iteration checks that each stands once.
 */
class ParsedAccounts implements Iterable<GenesisAccount> {
  private readonly pieces: () => Iterable<Fields>;
  private isChecked = false;
  constructor(pieces: () => Iterable<Fields>) {
    this.pieces = pieces;
  }
  *[Symbol.iterator](): Generator<GenesisAccount> {
    const seen = this.isChecked ? undefined : new Set<string>();
    for (const piece of this.pieces()) {
      for (const name in piece) {
        if (seen !== undefined) noteOnce(seen, name);
        yield accountOf(name, piece[name]);
      }
    }
    this.isChecked = true;
  }
}

function noteOnce(seen: Set<string>, name: string): void {
  const digits = (name.startsWith("0x") ? name.slice(2) : name).toLowerCase();
  const before = seen.size;
  if (seen.add(digits).size === before)
    throw new GenesisError("invalid", "alloc", `account ${digits} stands twice`);
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

function headOf(file: Fields): GenesisHead {
  const { config } = file;
  if (!isObject(config)) throw invalid("config", "an object", config);
  const chain = config as unknown as GethChainConfig;
  try {
    createEthereumRules(chain);
  } catch (cause) {
    if (!(cause instanceof ChainConfigError)) throw cause;
    throw new GenesisError("invalid", `config.${cause.field}`, cause.message, cause);
  }
  return { config: chain, header: headerOf(chain, file) };
}

/** Checks a parsed genesis file, every account of it. Throws GenesisError. */
export function parseGenesis(file: unknown): Genesis {
  return checked(uncheckedGenesis(file));
}

function uncheckedGenesis(file: unknown, pieces?: () => Iterable<Fields>): Genesis {
  if (!isObject(file)) throw invalid("", "an object", file);
  const { alloc } = file;
  const head = headOf(file);
  if (!isObject(alloc)) throw invalid("alloc", "an object", alloc);
  return { ...head, accounts: new ParsedAccounts(pieces ?? (() => [alloc])) };
}

function checked(genesis: Genesis): Genesis {
  for (const _ of genesis.accounts);
  return genesis;
}

/** Reads a genesis file of geth's and checks all of it. Throws GenesisError: `unreadable` or `invalid`. */
export const readGenesis = (path: string): Genesis => checked(openGenesis(path));

/** `readGenesis` without a look at the accounts: iterating over them throws the GenesisError of what is wrong there. */
export function openGenesis(path: string): Genesis {
  const text = bytesOfFile(path);
  const range = allocRange(text);
  if (range === undefined) return uncheckedGenesis(jsonOf(path, text));
  return uncheckedGenesis(jsonOf(path, text, range), () => allocPieces(text, range));
}

/** What all but the state shards need, in time and memory for the file's bytes alone. Throws GenesisError. */
export function readGenesisHead(path: string): GenesisHead {
  const text = bytesOfFile(path);
  const file = jsonOf(path, text, allocRange(text));
  if (!isObject(file)) throw invalid("", "an object", file);
  return headOf(file);
}

function bytesOfFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw unreadable(path, "cannot be read", cause);
  }
}

/** The file's value; with a range, `alloc` is empty in it. */
function jsonOf(path: string, text: Uint8Array, alloc?: AllocRange): unknown {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
  try {
    if (alloc === undefined) return JSON.parse(bytes.toString("utf8"));
    return JSON.parse(bytes.toString("utf8", 0, alloc.from) + bytes.toString("utf8", alloc.to));
  } catch (cause) {
    throw unreadable(path, "is not JSON", cause);
  }
}

const unreadable = (path: string, what: string, cause: unknown): GenesisError =>
  new GenesisError("unreadable", "", `${path} ${what}: ${(cause as Error).message}`, cause);
