/** A genesis as slots: three per account (balance, nonce, code word) and its storage under incarnation 0. */
import { createHash, hash as hashOnce } from "node:crypto";
import { createEthereumRules } from "@velarium/chain-rules";
import { keccak256 } from "@velarium/hash-kernel";
import {
  CodeFlag,
  Domain,
  encodeCodeWord,
  SLOT_KEY_BYTES,
  WORD_BYTES,
  writeFieldKey,
  writeStorageKey,
} from "@velarium/slots";
import type { GenesisAccount } from "./account.ts";
import { Digests } from "./digests.ts";
import { bigIntToWord } from "./fields.ts";
import type { Genesis, GenesisHead } from "./genesis.ts";
import { headerFields } from "./write.ts";

/** Consecutive slots: `count` keys of 56 bytes and as many words of 32. No word is zero. */
export interface SlotBatch {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly words: Uint8Array;
}

const NO_CODE = new Uint8Array(28);
const ZERO_WORD = new Uint8Array(WORD_BYTES);
const FIELDS = [Domain.balance, Domain.nonce, Domain.code] as const;
const wordOfAmount = (amount: bigint): Uint8Array => (amount === 0n ? ZERO_WORD : bigIntToWord(amount));

/** Code word of an account; the zero word where there is nothing to say. `keepsEmpty`: before EIP-158. */
function codeWordOf(account: GenesisAccount, keepsEmpty: boolean): Uint8Array {
  const { code, balance, nonce, storage } = account;
  const withCode = code !== undefined && code.length > 0;
  let flags = storage.length > 0 ? CodeFlag.storage : 0;
  if (keepsEmpty && !withCode && balance === 0n && nonce === 0n) flags |= CodeFlag.exists;
  if (flags === 0 && !withCode) return ZERO_WORD;
  return encodeCodeWord({
    flags,
    incarnation: 0,
    hashPrefix: withCode ? keccak256(code).subarray(0, 28) : NO_CODE,
  });
}

/** True when the first block's rules know accounts that exist although they are empty. */
export const keepsEmptyAccounts = ({ config, header }: GenesisHead): boolean =>
  !createEthereumRules(config).rulesAt(header.number, header.timestamp).eip158;

/**
 * All slots of the genesis that are not zero, in batches of `batchSlots` (the last one smaller). The arrays of a batch
 * are used again for the next one. Slots come in the order of the accounts; the tree sorts.
 */
export function* genesisSlots(genesis: Genesis, batchSlots = 8192): Generator<SlotBatch> {
  const keys = new Uint8Array(batchSlots * SLOT_KEY_BYTES);
  const words = new Uint8Array(batchSlots * WORD_BYTES);
  const keepsEmpty = keepsEmptyAccounts(genesis);
  let count = 0;
  const batch = (): SlotBatch => {
    const full = {
      count,
      keys: keys.subarray(0, count * SLOT_KEY_BYTES),
      words: words.subarray(0, count * WORD_BYTES),
    };
    count = 0;
    return full;
  };
  for (const account of genesis.accounts) {
    const { address, balance, nonce, storage } = account;
    for (const domain of FIELDS) {
      const word =
        domain === Domain.code
          ? codeWordOf(account, keepsEmpty)
          : wordOfAmount(domain === Domain.balance ? balance : nonce);
      if (word === ZERO_WORD) continue;
      if (count === batchSlots) yield batch();
      writeFieldKey(keys, count * SLOT_KEY_BYTES, domain, address);
      words.set(word, count++ * WORD_BYTES);
    }
    for (const [slot, value] of storage) {
      if (count === batchSlots) yield batch();
      writeStorageKey(keys, count * SLOT_KEY_BYTES, address, slot);
      words.set(value, count++ * WORD_BYTES);
    }
  }
  if (count > 0) yield batch();
}

/** Every code of the genesis once, with its keccak256 hash. */
export function* genesisCodes(
  genesis: Genesis,
): Generator<{ readonly hash: Uint8Array; readonly bytes: Uint8Array }> {
  const seen = new Set<string>();
  for (const { code } of genesis.accounts) {
    if (code === undefined || code.length === 0) continue;
    const hash = keccak256(code);
    const name = Buffer.from(hash).toString("latin1");
    if (seen.has(name)) continue;
    seen.add(name);
    yield { hash, bytes: code };
  }
}

/** JSON with the names of every object in order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(",")}}`;
}

/**
 * SHA-256 that binds the whole content: configuration, header facts, and every slot, whatever their order in the file.
 * Two nodes with the same hash start from the same chain.
 */
export function genesisHash(genesis: Genesis): Uint8Array {
  const hash = createHash("sha256");
  hash.update("velarium genesis 1\n");
  hash.update(`${canonical(genesis.config)}\n${canonical(headerFields(genesis.header))}\n`);
  const digests = new Digests();
  const slot = new Uint8Array(SLOT_KEY_BYTES + WORD_BYTES);
  for (const { count, keys, words } of genesisSlots(genesis)) {
    for (let i = 0; i < count; i++) {
      slot.set(keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES));
      slot.set(words.subarray(i * WORD_BYTES, (i + 1) * WORD_BYTES), SLOT_KEY_BYTES);
      digests.add(hashOnce("sha256", slot, "buffer"));
    }
  }
  digests.sortInto(hash);
  return new Uint8Array(hash.digest());
}
