/**
 * A state manager for `@ethereumjs/evm` that is as fast as plain maps allow: accounts and words in maps, and a journal
 * of what was overwritten. The library's own managers copy their maps at every checkpoint (SimpleStateManager) or build
 * tries; neither would be a fair baseline.
 */
import type { AccountFields, StateManagerInterface } from "@ethereumjs/common";
import { Account, type Address } from "@ethereumjs/util";
import { bytesToMapKey, keccak256 } from "@velarium/engine";
import type { WorkloadAccount } from "./workload.ts";

const EMPTY = new Uint8Array(0);

/** One account; what the interpreter gets is a copy, since it changes accounts in place. */
interface Stored {
  account: Account | undefined;
  code: Uint8Array;
  storage: Map<string, Uint8Array>;
}

const copyOf = ({ nonce, balance, storageRoot, codeHash }: Account): Account =>
  new Account(nonce, balance, storageRoot, codeHash);

export class MapState implements StateManagerInterface {
  private readonly accounts = new Map<string, Stored>();
  private undo: (() => void)[] = [];
  private readonly marks: number[] = [];
  /** Values before the transaction, of what it has looked at. */
  private readonly originals = new Map<Stored, Map<string, Uint8Array>>();

  readonly originalStorageCache = {
    get: async (address: Address, key: Uint8Array): Promise<Uint8Array> => {
      const stored = this.storedAt(address);
      const name = bytesToMapKey(key);
      return this.originals.get(stored)?.get(name) ?? stored.storage.get(name) ?? EMPTY;
    },
    clear: (): void => this.originals.clear(),
  };

  constructor(accounts: readonly WorkloadAccount[] = []) {
    for (const { address, balance = 0n, nonce = 0n, code = EMPTY, storage = [] } of accounts) {
      const hash = code.length === 0 ? undefined : keccak256(code);
      const account = new Account(nonce, balance, undefined, hash);
      const words = new Map(storage.map(([key, word]) => [bytesToMapKey(key), word]));
      this.accounts.set(bytesToMapKey(address), { account, code, storage: words });
    }
  }

  /** Begins a transaction: nothing can be undone any more, and what is now is the original. */
  beginTransaction(): void {
    this.undo = [];
    this.marks.length = 0;
    this.originals.clear();
  }

  private storedAt(address: Address): Stored {
    const name = bytesToMapKey(address.bytes);
    let stored = this.accounts.get(name);
    if (stored === undefined)
      this.accounts.set(name, (stored = { account: undefined, code: EMPTY, storage: new Map() }));
    return stored;
  }

  async getAccount(address: Address): Promise<Account | undefined> {
    const { account } = this.storedAt(address);
    return account === undefined ? undefined : copyOf(account);
  }

  async putAccount(address: Address, account?: Account): Promise<void> {
    const stored = this.storedAt(address);
    const before = stored.account;
    stored.account = account === undefined ? undefined : copyOf(account);
    this.undo.push(() => {
      stored.account = before;
    });
  }

  async deleteAccount(address: Address): Promise<void> {
    const stored = this.storedAt(address);
    const { account, code, storage } = stored;
    stored.account = undefined;
    stored.code = EMPTY;
    stored.storage = new Map();
    this.undo.push(() => Object.assign(stored, { account, code, storage }));
  }

  async modifyAccountFields(address: Address, fields: AccountFields): Promise<void> {
    const account = (await this.getAccount(address)) ?? new Account();
    await this.putAccount(address, Object.assign(account, fields));
  }

  async putCode(address: Address, code: Uint8Array): Promise<void> {
    const stored = this.storedAt(address);
    const before = stored.code;
    stored.code = code;
    this.undo.push(() => {
      stored.code = before;
    });
    await this.modifyAccountFields(address, { codeHash: keccak256(code) });
  }

  async getCode(address: Address): Promise<Uint8Array> {
    return this.storedAt(address).code;
  }
  async getCodeSize(address: Address): Promise<number> {
    return this.storedAt(address).code.length;
  }

  async getStorage(address: Address, key: Uint8Array): Promise<Uint8Array> {
    return this.storedAt(address).storage.get(bytesToMapKey(key)) ?? EMPTY;
  }

  async putStorage(address: Address, key: Uint8Array, value: Uint8Array): Promise<void> {
    const stored = this.storedAt(address);
    const { storage } = stored;
    const name = bytesToMapKey(key);
    const before = storage.get(name) ?? EMPTY;
    let originals = this.originals.get(stored);
    if (originals === undefined) this.originals.set(stored, (originals = new Map()));
    if (!originals.has(name)) originals.set(name, before);
    storage.set(name, value);
    this.undo.push(() => storage.set(name, before));
  }

  async clearStorage(address: Address): Promise<void> {
    const stored = this.storedAt(address);
    const { storage } = stored;
    stored.storage = new Map();
    this.undo.push(() => {
      stored.storage = storage;
    });
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
    return Promise.reject(new Error("maps have no root"));
  }
  setStateRoot(): Promise<void> {
    return Promise.reject(new Error("maps have no root"));
  }
  hasStateRoot(): Promise<boolean> {
    return Promise.resolve(false);
  }
  clearCaches(): void {}
  shallowCopy(): StateManagerInterface {
    return new MapState();
  }
}
