/** Secure Merkle Patricia root of slots: what a state test's `hash` is compared with. */
import { codeHash, keccak256, type MemoryState } from "@velarium/engine";
import {
  addressOf,
  CodeFlag,
  Domain,
  decodeCodeWord,
  domainOf,
  hasCode,
  incarnationOf,
  SLOT_KEY_BYTES,
  storageSlotOf,
} from "@velarium/slots";
import { EMPTY_ROOT, rlpList, rlpString, type TrieItem, trieRoot } from "./trie-root.ts";

const EMPTY_HASH = keccak256(new Uint8Array(0));
const ZERO_WORD = new Uint8Array(32);
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

interface StoredAccount {
  readonly address: Uint8Array;
  balance: Uint8Array;
  nonce: Uint8Array;
  code: Uint8Array;
  /** Words that are not zero, by incarnation. */
  readonly storage: Map<number, TrieItem[]>;
}

/** Without leading zeros. */
function minimal(word: Uint8Array): Uint8Array {
  let at = 0;
  while (at < word.length && word[at] === 0) at++;
  return word.subarray(at);
}

function accountsOf(state: MemoryState): Map<string, StoredAccount> {
  const accounts = new Map<string, StoredAccount>();
  for (const [name, word] of state.words) {
    const key = new Uint8Array(SLOT_KEY_BYTES);
    for (let i = 0; i < SLOT_KEY_BYTES; i++) key[i] = name.charCodeAt(i);
    const domain = domainOf(key);
    if (domain === Domain.blockHash) continue;
    const address = addressOf(key);
    const id = latin1(address);
    let account = accounts.get(id);
    if (account === undefined) {
      account = { address, balance: ZERO_WORD, nonce: ZERO_WORD, code: ZERO_WORD, storage: new Map() };
      accounts.set(id, account);
    }
    if (domain === Domain.balance) account.balance = word;
    else if (domain === Domain.nonce) account.nonce = word;
    else if (domain === Domain.code) account.code = word;
    else {
      const value = minimal(word);
      if (value.length === 0) continue;
      const incarnation = incarnationOf(key);
      let slots = account.storage.get(incarnation);
      if (slots === undefined) account.storage.set(incarnation, (slots = []));
      slots.push({ key: keccak256(storageSlotOf(key)), value: rlpString(value) });
    }
  }
  return accounts;
}

/** RLP of `[nonce, balance, storage root, code hash]`; undefined for an account that is not there. */
function accountBody(account: StoredAccount, state: MemoryState): Uint8Array | undefined {
  const balance = minimal(account.balance);
  const nonce = minimal(account.nonce);
  const { flags, incarnation, hashPrefix } = decodeCodeWord(account.code);
  const withCode = hasCode(account.code);
  const exists = balance.length > 0 || nonce.length > 0 || withCode || (flags & CodeFlag.exists) !== 0;
  const slots = account.storage.get(incarnation);
  if (!exists && slots === undefined) return undefined;
  const root = slots === undefined ? EMPTY_ROOT : trieRoot(slots);
  const hash = withCode ? codeHash(state.codeByPrefix(hashPrefix)!) : EMPTY_HASH;
  return rlpList([rlpString(nonce), rlpString(balance), rlpString(root), rlpString(hash)]);
}

/** Root (32 bytes) of everything in `state`; hashes of blocks are not part of it. */
export function stateRootOf(state: MemoryState): Uint8Array {
  const items: TrieItem[] = [];
  for (const account of accountsOf(state).values()) {
    const value = accountBody(account, state);
    if (value !== undefined) items.push({ key: keccak256(account.address), value });
  }
  return trieRoot(items);
}
