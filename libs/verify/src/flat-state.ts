/**
 * The state of the verifier: whole accounts in maps with an undo journal, under `@ethereumjs/vm`. It shares nothing
 * with the engine's state but the layout of slots, into which it turns what a block has changed.
 */
import type { AccountFields, StateManagerInterface } from "@ethereumjs/common";
import { Account, type Address, KECCAK256_NULL, KECCAK256_RLP } from "@ethereumjs/util";
import { type Genesis, genesisCodes, keepsEmptyAccounts } from "@velarium/genesis";
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

interface Stored {
  readonly exists: boolean;
  readonly nonce: bigint;
  readonly balance: bigint;
  readonly codeHash: Uint8Array;
  readonly flags: number;
  readonly incarnation: number;
}

interface SlotChange {
  readonly key: Uint8Array;
  readonly first: Uint8Array;
  value: Uint8Array;
}

/** Slots that a block has changed: `count` keys of 56 bytes, words of 32. */
export interface ChangedSlots {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

const ABSENT: Stored = {
  exists: false,
  nonce: 0n,
  balance: 0n,
  codeHash: KECCAK256_NULL,
  flags: 0,
  incarnation: 0,
};
const ZERO_WORD = new Uint8Array(WORD_BYTES);
const NO_CODE = new Uint8Array(0);
const NOT_THE_EMPTY_ROOT = new Uint8Array(32).fill(1);

const latin1 = Buffer.prototype.latin1Slice as unknown as (
  this: Uint8Array,
  from: number,
  to: number,
) => string;
const nameOf = (bytes: Uint8Array): string => latin1.call(bytes, 0, bytes.length);

function bigIntToWord(value: bigint): Uint8Array {
  const out = new Uint8Array(WORD_BYTES);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, value >> 192n));
  view.setBigUint64(8, BigInt.asUintN(64, value >> 128n));
  view.setBigUint64(16, BigInt.asUintN(64, value >> 64n));
  view.setBigUint64(24, BigInt.asUintN(64, value));
  return out;
}

const hasNoCode = (hash: Uint8Array): boolean =>
  hash === KECCAK256_NULL || Buffer.compare(hash, KECCAK256_NULL) === 0;
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Told of every read of an account, or of one storage slot of it. The arrays belong to the caller. */
export type ReadObserver = (address: Uint8Array, slot: Uint8Array | undefined) => void;

export class FlatState implements StateManagerInterface {
  onRead: ReadObserver | undefined;
  private readonly accounts = new Map<string, Stored>();
  private readonly storages = new Map<string, Map<string, Uint8Array>>();
  private readonly codes = new Map<string, Uint8Array>();
  private readonly keepsEmpty: boolean;
  private undo: (() => void)[] = [];
  private marks: number[] = [];
  /** Accounts as they were before the transaction, before the block. */
  private readonly txAccounts = new Map<string, Stored>();
  private readonly blockAccounts = new Map<string, Stored>();
  private readonly txSlots = new Map<string, { account: string; slot: string; change: SlotChange }>();
  private readonly blockSlots = new Map<string, SlotChange>();
  private readonly wiped = new Set<string>();

  readonly originalStorageCache = {
    get: async (address: Address, key: Uint8Array): Promise<Uint8Array> => {
      const account = nameOf(address.bytes);
      const slot = nameOf(key);
      const change = this.txSlots.get(account + slot)?.change;
      return change?.first ?? this.storages.get(account)?.get(slot) ?? ZERO_WORD;
    },
    clear: (): void => {},
  };

  constructor(genesis: Genesis) {
    this.keepsEmpty = keepsEmptyAccounts(genesis);
    for (const { hash, bytes } of genesisCodes(genesis)) this.codes.set(nameOf(hash), bytes);
    for (const { address, balance, nonce, code, storage } of genesis.accounts) {
      const withCode = code !== undefined && code.length > 0;
      const empty = balance === 0n && nonce === 0n && !withCode;
      let flags = storage.length > 0 ? CodeFlag.storage : 0;
      if (empty && this.keepsEmpty) flags |= CodeFlag.exists;
      const name = nameOf(address);
      this.accounts.set(name, {
        exists: !empty || flags !== 0,
        nonce,
        balance,
        codeHash: withCode ? keccak256(code) : KECCAK256_NULL,
        flags,
        incarnation: 0,
      });
      if (storage.length > 0)
        this.storages.set(name, new Map(storage.map(([slot, value]) => [nameOf(slot), value])));
    }
  }

  private set(name: string, next: Stored): void {
    const before = this.accounts.get(name) ?? ABSENT;
    if (!this.txAccounts.has(name)) this.txAccounts.set(name, before);
    this.accounts.set(name, next);
    this.undo.push(() => this.accounts.set(name, before));
  }

  async getAccount(address: Address): Promise<Account | undefined> {
    this.onRead?.(address.bytes, undefined);
    const name = nameOf(address.bytes);
    const stored = this.accounts.get(name);
    if (stored === undefined || !stored.exists) return undefined;
    const bare = stored.nonce === 0n && hasNoCode(stored.codeHash);
    const full =
      bare && ((stored.flags & CodeFlag.storage) !== 0 || (this.storages.get(name)?.size ?? 0) > 0);
    return new Account(
      stored.nonce,
      stored.balance,
      full ? NOT_THE_EMPTY_ROOT : KECCAK256_RLP,
      stored.codeHash,
    );
  }

  async putAccount(address: Address, account?: Account): Promise<void> {
    if (account === undefined) return this.deleteAccount(address);
    const name = nameOf(address.bytes);
    const before = this.accounts.get(name) ?? ABSENT;
    const { nonce, balance, codeHash } = account;
    this.set(name, {
      exists: true,
      nonce,
      balance,
      codeHash,
      flags: before.flags,
      incarnation: before.incarnation,
    });
  }

  async deleteAccount(address: Address): Promise<void> {
    const name = nameOf(address.bytes);
    const before = this.accounts.get(name);
    if (before === undefined || !before.exists) return;
    const atStart = this.txAccounts.get(name) ?? before;
    const hadStorage = !hasNoCode(atStart.codeHash) || (atStart.flags & CodeFlag.storage) !== 0;
    this.set(name, { ...ABSENT, incarnation: atStart.incarnation + (hadStorage ? 1 : 0) });
    const storage = this.storages.get(name);
    this.storages.delete(name);
    this.wiped.add(name);
    this.undo.push(() => {
      if (storage !== undefined) this.storages.set(name, storage);
      this.wiped.delete(name);
    });
  }

  async modifyAccountFields(address: Address, fields: AccountFields): Promise<void> {
    const account = (await this.getAccount(address)) ?? new Account();
    if (fields.nonce !== undefined) account.nonce = fields.nonce;
    if (fields.balance !== undefined) account.balance = fields.balance;
    if (fields.codeHash !== undefined) account.codeHash = fields.codeHash;
    await this.putAccount(address, account);
  }

  async putCode(address: Address, code: Uint8Array): Promise<void> {
    const codeHash = code.length === 0 ? KECCAK256_NULL : keccak256(code);
    this.codes.set(nameOf(codeHash), code);
    await this.modifyAccountFields(address, { codeHash });
  }

  async getCode(address: Address): Promise<Uint8Array> {
    const stored = this.accounts.get(nameOf(address.bytes));
    if (stored === undefined || hasNoCode(stored.codeHash)) return NO_CODE;
    return this.codes.get(nameOf(stored.codeHash)) ?? NO_CODE;
  }

  async getCodeSize(address: Address): Promise<number> {
    return (await this.getCode(address)).length;
  }

  async getStorage(address: Address, key: Uint8Array): Promise<Uint8Array> {
    this.onRead?.(address.bytes, key);
    return this.storages.get(nameOf(address.bytes))?.get(nameOf(key)) ?? ZERO_WORD;
  }

  async putStorage(address: Address, key: Uint8Array, value: Uint8Array): Promise<void> {
    const account = nameOf(address.bytes);
    const slot = nameOf(key);
    let storage = this.storages.get(account);
    if (storage === undefined) this.storages.set(account, (storage = new Map()));
    const before = storage.get(slot);
    const word = new Uint8Array(WORD_BYTES);
    word.set(value, WORD_BYTES - value.length);
    if (!this.txSlots.has(account + slot)) {
      const full = new Uint8Array(SLOT_KEY_BYTES);
      writeStorageKey(full, 0, address.bytes, key, this.accounts.get(account)?.incarnation ?? 0);
      this.txSlots.set(account + slot, {
        account,
        slot,
        change: { key: full, first: before ?? ZERO_WORD, value: word },
      });
    }
    const target = storage;
    if (equal(word, ZERO_WORD)) target.delete(slot);
    else target.set(slot, word);
    this.undo.push(() => {
      if (before === undefined) target.delete(slot);
      else target.set(slot, before);
    });
  }

  async clearStorage(address: Address): Promise<void> {
    const name = nameOf(address.bytes);
    const storage = this.storages.get(name);
    if (storage === undefined) return;
    this.storages.delete(name);
    this.undo.push(() => this.storages.set(name, storage));
  }

  /** Ends a transaction or a system call: what it changed becomes part of the block. */
  endTransaction(): void {
    for (const [name, before] of this.txAccounts)
      if (!this.blockAccounts.has(name)) this.blockAccounts.set(name, before);
    for (const { account, slot, change } of this.txSlots.values()) {
      if (this.wiped.has(account)) continue;
      const key = nameOf(change.key);
      const value = this.storages.get(account)?.get(slot) ?? ZERO_WORD;
      const known = this.blockSlots.get(key);
      if (known === undefined) this.blockSlots.set(key, { ...change, value });
      else known.value = value;
    }
    this.txAccounts.clear();
    this.txSlots.clear();
    this.wiped.clear();
    this.undo = [];
    this.marks = [];
  }

  private codeWord(name: string, stored: Stored, eip158: boolean): Uint8Array {
    const empty = hasNoCode(stored.codeHash);
    let { flags } = stored;
    if (empty && stored.nonce === 0n && stored.exists) {
      if (!eip158 && stored.balance === 0n) flags |= CodeFlag.exists;
      if ((this.storages.get(name)?.size ?? 0) > 0) flags |= CodeFlag.storage;
    }
    return encodeCodeWord({
      flags,
      incarnation: stored.incarnation,
      hashPrefix: empty ? ZERO_WORD.subarray(0, 28) : stored.codeHash.subarray(0, 28),
    });
  }

  /** Ends a block and returns the slots whose value differs from that before it. */
  endBlock(eip158: boolean): ChangedSlots {
    const most = this.blockAccounts.size * 3 + this.blockSlots.size;
    const keys = new Uint8Array(most * SLOT_KEY_BYTES);
    const values = new Uint8Array(most * WORD_BYTES);
    let count = 0;
    const scratch = new Uint8Array(20);
    const field = (domain: Domain, word: Uint8Array): void => {
      writeFieldKey(keys, count * SLOT_KEY_BYTES, domain, scratch);
      values.set(word, count++ * WORD_BYTES);
    };
    for (const [name, before] of this.blockAccounts) {
      const after = this.accounts.get(name) ?? ABSENT;
      for (let i = 0; i < 20; i++) scratch[i] = name.charCodeAt(i);
      if (after.balance !== before.balance) field(Domain.balance, bigIntToWord(after.balance));
      if (after.nonce !== before.nonce) field(Domain.nonce, bigIntToWord(after.nonce));
      if (after.codeHash !== before.codeHash || after.incarnation !== before.incarnation || !eip158) {
        const word = this.codeWord(name, after, eip158);
        if (!equal(word, this.codeWord(name, before, eip158))) field(Domain.code, word);
      }
    }
    for (const { key, first, value } of this.blockSlots.values()) {
      if (equal(first, value)) continue;
      keys.set(key, count * SLOT_KEY_BYTES);
      values.set(value, count++ * WORD_BYTES);
    }
    this.blockAccounts.clear();
    this.blockSlots.clear();
    return {
      count,
      keys: keys.subarray(0, count * SLOT_KEY_BYTES),
      values: values.subarray(0, count * WORD_BYTES),
    };
  }

  async checkpoint(): Promise<void> {
    this.marks.push(this.undo.length);
  }
  async commit(): Promise<void> {
    this.marks.pop();
  }
  async revert(): Promise<void> {
    const mark = this.marks.pop() ?? 0;
    while (this.undo.length > mark) this.undo.pop()!();
  }
  getStateRoot(): Promise<Uint8Array> {
    return Promise.resolve(ZERO_WORD);
  }
  setStateRoot(): Promise<void> {
    return Promise.reject(new Error("the state root is the tree's"));
  }
  hasStateRoot(): Promise<boolean> {
    return Promise.resolve(false);
  }
  clearCaches(): void {}
  shallowCopy(): StateManagerInterface {
    throw new Error("the verifier's state is not copied");
  }
}
