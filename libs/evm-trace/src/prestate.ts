/** Accounts and slots as they were before a transaction, and after it, as geth's `prestateTracer` shapes them. */
import {
  addressOf,
  Domain,
  decodeCodeWord,
  domainOf,
  fieldKey,
  hasCode,
  incarnationOf,
  SLOT_KEY_BYTES,
  storageSlotOf,
  WORD_BYTES,
} from "@velarium/slots";
import { bytesHex, quantity } from "./hex.ts";

export interface PrestateOptions {
  /** Show what changed, before and after, in place of all that was looked at. */
  readonly diffMode?: boolean;
}

/** Slots that a transaction looked at or changed: 56-byte keys. */
export interface TouchedSlots {
  readonly count: number;
  readonly keys: Uint8Array;
}
export interface WrittenWords extends TouchedSlots {
  /** 32 bytes each. */
  readonly words: Uint8Array;
}

/** What one transaction did to state. */
export interface StateEffects {
  readonly accesses: TouchedSlots;
  readonly writes: WrittenWords;
  /** Amounts added to balances. */
  readonly deltas: WrittenWords;
  readonly codes: readonly { readonly hash: Uint8Array; readonly bytes: Uint8Array }[];
}

/** State before the transaction. */
export interface StateBefore {
  word(key: Uint8Array): Promise<Uint8Array>;
  /** Code by the first 28 bytes of its hash. */
  code(prefix: Uint8Array): Promise<Uint8Array>;
}

export interface PrestateAccount {
  balance?: string;
  nonce?: number;
  code?: string;
  storage?: Record<string, string>;
}
export type Prestate = Record<string, PrestateAccount>;

interface TouchedAccount {
  readonly address: Uint8Array;
  readonly storageKeys: Map<string, Uint8Array>;
}

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const toBigInt = (word: Uint8Array): bigint => BigInt(bytesHex(word));

export async function prestateOf(
  effects: StateEffects,
  before: StateBefore,
  options: PrestateOptions,
): Promise<Prestate | { pre: Prestate; post: Prestate }> {
  const accounts = touchedAccounts(effects);
  const pre: Prestate = {};
  for (const account of accounts.values())
    pre[bytesHex(account.address)] = await accountBefore(account, before);
  if (options.diffMode !== true) return dropAbsent(pre);
  const post: Prestate = {};
  for (const account of accounts.values()) {
    const name = bytesHex(account.address);
    const changed = await accountChanges(account, effects, before);
    if (Object.keys(changed).length === 0) delete pre[name];
    else {
      post[name] = changed;
      keepChangedSlots(pre[name]!, changed);
    }
  }
  return { pre: dropAbsent(pre), post };
}

function touchedAccounts({ accesses, writes, deltas }: StateEffects): Map<string, TouchedAccount> {
  const accounts = new Map<string, TouchedAccount>();
  for (const { count, keys } of [accesses, writes, deltas])
    for (let i = 0; i < count; i++) {
      const at = i * SLOT_KEY_BYTES;
      if (domainOf(keys, at) === Domain.blockHash) continue;
      const address = addressOf(keys, at).slice();
      const name = nameOf(address);
      let account = accounts.get(name);
      if (account === undefined) accounts.set(name, (account = { address, storageKeys: new Map() }));
      if (domainOf(keys, at) !== Domain.storage) continue;
      const key = keys.slice(at, at + SLOT_KEY_BYTES);
      account.storageKeys.set(nameOf(key), key);
    }
  return accounts;
}

async function accountBefore(account: TouchedAccount, before: StateBefore): Promise<PrestateAccount> {
  const { address, storageKeys } = account;
  const balance = toBigInt(await before.word(fieldKey(Domain.balance, address)));
  const nonce = Number(toBigInt(await before.word(fieldKey(Domain.nonce, address))));
  const codeWord = await before.word(fieldKey(Domain.code, address));
  const out: PrestateAccount = { balance: quantity(balance) };
  if (nonce !== 0) out.nonce = nonce;
  if (hasCode(codeWord)) out.code = bytesHex(await before.code(decodeCodeWord(codeWord).hashPrefix));
  const { incarnation } = decodeCodeWord(codeWord);
  for (const key of storageKeys.values()) {
    if (incarnationOf(key) !== incarnation) continue;
    (out.storage ??= {})[bytesHex(storageSlotOf(key))] = bytesHex(await before.word(key));
  }
  return out;
}

async function accountChanges(
  account: TouchedAccount,
  effects: StateEffects,
  before: StateBefore,
): Promise<PrestateAccount> {
  const { address } = account;
  const out: PrestateAccount = {};
  const balance = await balanceAfter(address, effects, before);
  if (balance !== undefined) out.balance = quantity(balance);
  const nonce = findWord(effects.writes, fieldKey(Domain.nonce, address));
  if (nonce !== undefined) out.nonce = Number(toBigInt(nonce));
  const codeWord = findWord(effects.writes, fieldKey(Domain.code, address));
  if (codeWord !== undefined) {
    const prefix = decodeCodeWord(codeWord).hashPrefix;
    const deployed = effects.codes.find(({ hash }) => Buffer.compare(hash.subarray(0, 28), prefix) === 0);
    if (deployed !== undefined) out.code = bytesHex(deployed.bytes);
  }
  for (const key of account.storageKeys.values()) {
    const word = findWord(effects.writes, key);
    if (word !== undefined) (out.storage ??= {})[bytesHex(storageSlotOf(key))] = bytesHex(word);
  }
  return out;
}

async function balanceAfter(
  address: Uint8Array,
  effects: StateEffects,
  before: StateBefore,
): Promise<bigint | undefined> {
  const key = fieldKey(Domain.balance, address);
  const written = findWord(effects.writes, key);
  if (written !== undefined) return toBigInt(written);
  const added = findWord(effects.deltas, key);
  if (added === undefined || toBigInt(added) === 0n) return undefined;
  return toBigInt(await before.word(key)) + toBigInt(added);
}

function findWord({ count, keys, words }: WrittenWords, key: Uint8Array): Uint8Array | undefined {
  for (let i = 0; i < count; i++)
    if (Buffer.compare(keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES), key) === 0)
      return words.subarray(i * WORD_BYTES, (i + 1) * WORD_BYTES);
  return undefined;
}

/** In a diff only slots that changed are shown. */
function keepChangedSlots(pre: PrestateAccount, post: PrestateAccount): void {
  if (pre.storage === undefined) return;
  const kept = Object.entries(pre.storage).filter(([slot]) => post.storage?.[slot] !== undefined);
  if (kept.length === 0) delete pre.storage;
  else pre.storage = Object.fromEntries(kept);
}

/** An account that was not there is not shown. */
function dropAbsent(prestate: Prestate): Prestate {
  return Object.fromEntries(
    Object.entries(prestate).filter(
      ([, { balance, nonce, code, storage }]) =>
        balance !== "0x0" || nonce !== undefined || code !== undefined || storage !== undefined,
    ),
  );
}
