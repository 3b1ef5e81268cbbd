/**
 * The state manager under the reference interpreter: a journal over a StateView that records, field by field, what one
 * transaction reads and writes. Values are read when a field is looked at, not when its account is fetched, so that a
 * call to a token does not touch the token's balance. Undo entries are closures; reads are never undone.
 */
import type { AccountFields, StateManagerInterface } from "@ethereumjs/common";
import type { Account, Address } from "@ethereumjs/util";
import { KECCAK256_NULL } from "@ethereumjs/util";
import type { BlockRules } from "@velarium/chain-rules";
import { AccessKind, blockHashKey, CodeFlag, covers, Domain, fieldKey, storageKey } from "@velarium/slots";
import {
  AccountRecord,
  type CodeState,
  codeStateOf,
  FieldBit,
  LazyAccount,
  type SlotRecord,
  withoutCode,
} from "./account-record.ts";
import { keccak256 } from "./crypto.ts";
import type { DeclaredAccesses } from "./divergence.ts";
import { EngineError, type StateView } from "./types.ts";
import { bytesToMapKey, equalBytes, padWord, wordToBigInt } from "./words.ts";

/** A value is not at hand where the interpreter cannot wait: fetch it and start over. */
export class SlotMiss extends Error {
  readonly key: Uint8Array | undefined;
  readonly codePrefix: Uint8Array | undefined;
  constructor(key: Uint8Array | undefined, codePrefix: Uint8Array | undefined) {
    super("a slot is not at hand");
    this.name = "SlotMiss";
    this.key = key;
    this.codePrefix = codePrefix;
  }
}

/** The transaction has left its declared accesses and has been watched long enough. */
export class LearnedEnough extends Error {}

/** Undeclared reads after which a diverging transaction stops. 64 is more than an AMM route of four hops makes. */
export const LEARNING_READS = 64;

const ACCOUNT_FIELDS = [Domain.balance, Domain.nonce, Domain.code] as const;
const ZERO_WORD = new Uint8Array(32);
const hashes = new WeakMap<Uint8Array, Uint8Array>();

/** keccak256 of code, remembered as long as the array lives. */
export function codeHash(code: Uint8Array): Uint8Array {
  let hash = hashes.get(code);
  if (hash === undefined) hashes.set(code, (hash = keccak256(code)));
  return hash;
}

export class JournaledSlots implements StateManagerInterface {
  readonly accounts = new Map<string, AccountRecord>();
  readonly blockHashes = new Map<number, Uint8Array>();
  /** Set when a read could not be answered, even if the interpreter swallowed the error. */
  stopped: SlotMiss | LearnedEnough | EngineError | undefined;
  undeclaredReads = 0;
  /**
   * Fetches all fields of an account when it is first looked at, where the interpreter can wait. Otherwise only what
   * is read is fetched, at the price of a restart: better for the few misses of an ordinary transaction, quadratic for
   * one that looks at thousands of accounts (as those of the attacks of September 2016).
   */
  eager = false;
  private view!: StateView;
  private rules!: BlockRules;
  private declared: DeclaredAccesses | undefined;
  private readonly fetched = new Map<string, Uint8Array>();
  private undo: (() => void)[] = [];
  private marks: number[] = [];

  readonly originalStorageCache = {
    get: async (address: Address, key: Uint8Array): Promise<Uint8Array> => {
      const record = this.recordOf(address.bytes);
      if (record.created) return ZERO_WORD;
      return (await this.slotOf(record, key)).first;
    },
    clear: (): void => {},
  };

  /** Begins a transaction. */
  open(view: StateView, rules: BlockRules, declared: DeclaredAccesses | undefined): void {
    this.view = view;
    this.rules = rules;
    this.declared = declared;
    this.fetched.clear();
    this.eager = false;
    this.restart();
  }

  /** Begins the same transaction again; fetched values are kept. */
  restart(): void {
    this.accounts.clear();
    this.blockHashes.clear();
    this.stopped = undefined;
    this.undeclaredReads = 0;
    this.undo = [];
    this.marks = [];
  }

  /** Waits for what `miss` lacked. */
  async resolve(miss: SlotMiss): Promise<void> {
    if (miss.key !== undefined) this.fetched.set(bytesToMapKey(miss.key), await this.view.fetch(miss.key));
    if (miss.codePrefix !== undefined)
      this.fetched.set(bytesToMapKey(miss.codePrefix), await this.view.fetchCode(miss.codePrefix));
  }

  recordOf(address: Uint8Array): AccountRecord {
    const name = bytesToMapKey(address, 0, 20);
    let record = this.accounts.get(name);
    if (record === undefined) this.accounts.set(name, (record = new AccountRecord(address.slice(0, 20))));
    return record;
  }

  private stop<T extends SlotMiss | LearnedEnough | EngineError>(reason: T): T {
    this.stopped ??= reason;
    return reason;
  }

  private noteRead(key: Uint8Array): void {
    if (this.declared === undefined) return;
    const kind = this.declared.kindOf(key);
    if (kind !== 0 && covers(kind, AccessKind.R)) return;
    if (++this.undeclaredReads > LEARNING_READS)
      throw this.stop(new LearnedEnough("stopped after undeclared reads"));
  }

  private word(key: Uint8Array): Uint8Array {
    const word = this.view.read(key) ?? this.fetched.get(bytesToMapKey(key));
    if (word === undefined) throw this.stop(new SlotMiss(key, undefined));
    return word;
  }

  private async wordOrWait(key: Uint8Array): Promise<Uint8Array> {
    let word = this.view.read(key) ?? this.fetched.get(bytesToMapKey(key));
    if (word === undefined) {
      word = await this.view.fetch(key);
      this.fetched.set(bytesToMapKey(key), word);
    }
    return word;
  }

  balanceOf(record: AccountRecord): bigint {
    if (record.balance === undefined) {
      const key = fieldKey(Domain.balance, record.address);
      const first = wordToBigInt(this.word(key));
      this.noteRead(key);
      record.firstBalance = first;
      record.balance = first + record.delta;
      record.delta = 0n;
    }
    record.reads |= FieldBit.balance;
    return record.balance;
  }

  nonceOf(record: AccountRecord): bigint {
    if (record.nonce === undefined) {
      const key = fieldKey(Domain.nonce, record.address);
      record.firstNonce = record.nonce = wordToBigInt(this.word(key));
      this.noteRead(key);
    }
    record.reads |= FieldBit.nonce;
    return record.nonce;
  }

  codeOf(record: AccountRecord): CodeState {
    if (record.code === undefined) {
      const key = fieldKey(Domain.code, record.address);
      record.firstCode = this.word(key);
      this.noteRead(key);
      record.code = codeStateOf(record.firstCode);
    }
    record.reads |= FieldBit.code;
    return record.code;
  }

  /** Makes a field readable without waiting. */
  async prefetch(record: AccountRecord, domain: Domain): Promise<void> {
    await this.wordOrWait(fieldKey(domain, record.address));
  }

  private async codeOrWait(record: AccountRecord): Promise<CodeState> {
    if (record.code === undefined) await this.prefetch(record, Domain.code);
    return this.codeOf(record);
  }

  /** Full hash of an account's code, which must not be empty. */
  codeHashOf(record: AccountRecord): Uint8Array {
    const code = this.codeOf(record);
    if (code.bytes === undefined) {
      const prefix = code.word.hashPrefix;
      const bytes = this.view.codeByPrefix(prefix) ?? this.fetched.get(bytesToMapKey(prefix));
      if (bytes === undefined) throw this.stop(new SlotMiss(undefined, prefix));
      this.acceptCode(code, bytes);
    }
    return code.isEmpty ? KECCAK256_NULL : codeHash(code.bytes!);
  }

  private acceptCode(code: CodeState, bytes: Uint8Array): void {
    const hash = codeHash(bytes);
    if (!equalBytes(hash.subarray(0, 28), code.word.hashPrefix))
      throw this.stop(
        new EngineError("CODE_MISMATCH", "the state served code that does not have the requested hash"),
      );
    code.bytes = bytes;
  }

  hasStorage(record: AccountRecord): boolean {
    return (this.codeOf(record).word.flags & CodeFlag.storage) !== 0;
  }

  /** True when the account is there at all, empty or not. */
  existsInState(record: AccountRecord): boolean {
    if (record.exists === undefined) {
      const code = this.codeOf(record);
      record.exists =
        (code.word.flags & CodeFlag.exists) !== 0 ||
        !code.isEmpty ||
        this.nonceOf(record) !== 0n ||
        this.balanceOf(record) !== 0n;
    }
    return record.exists;
  }

  /** Adds ether without reading the balance. */
  addDelta(record: AccountRecord, amount: bigint): void {
    if (record.balance !== undefined) {
      this.setBalance(record, record.balance + amount);
      return;
    }
    record.delta += amount;
    record.deltaAttempted = true;
    this.undo.push(() => {
      if (record.balance === undefined) record.delta -= amount;
      else record.balance -= amount;
    });
  }

  setBalance(record: AccountRecord, value: bigint): void {
    const before = this.balanceOf(record);
    record.attempts |= FieldBit.balance;
    record.balance = value;
    this.undo.push(() => {
      record.balance = before;
    });
  }

  setNonce(record: AccountRecord, value: bigint): void {
    const before = this.nonceOf(record);
    record.attempts |= FieldBit.nonce;
    record.nonce = value;
    this.undo.push(() => {
      record.nonce = before;
    });
  }

  private setCodeState(record: AccountRecord, code: CodeState): void {
    const before = this.codeOf(record);
    record.attempts |= FieldBit.code;
    record.code = code;
    this.undo.push(() => {
      record.code = before;
    });
  }

  private setExists(record: AccountRecord, exists: boolean): void {
    const before = record.exists;
    record.exists = exists;
    this.undo.push(() => {
      record.exists = before;
    });
  }

  async getAccount(address: Address): Promise<Account | undefined> {
    const record = this.recordOf(address.bytes);
    if (this.eager) await Promise.all(ACCOUNT_FIELDS.map((domain) => this.prefetch(record, domain)));
    // From EIP-158 on an account that is not there and an empty one are the same, so nothing is read to tell.
    if (!this.rules.eip158 && !this.existsInState(record)) return undefined;
    return new LazyAccount(this, record);
  }

  async putAccount(address: Address, account?: Account): Promise<void> {
    if (account === undefined) return this.deleteAccount(address);
    const record = this.recordOf(address.bytes);
    if (!this.rules.eip158) this.setExists(record, true);
    if (account instanceof LazyAccount) {
      if (account.dirtyBalance !== undefined) this.setBalance(record, account.dirtyBalance);
      if (account.dirtyNonce !== undefined) this.setNonce(record, account.dirtyNonce);
      account.dirtyBalance = undefined;
      account.dirtyNonce = undefined;
    } else {
      this.setBalance(record, account.balance);
      this.setNonce(record, account.nonce);
    }
  }

  /** Removes an account with its storage, which starts over under the next incarnation. */
  async deleteAccount(address: Address): Promise<void> {
    const record = this.recordOf(address.bytes);
    this.setBalance(record, 0n);
    this.setNonce(record, 0n);
    this.codeOf(record);
    const first = codeStateOf(record.firstCode!);
    const hadStorage = !first.isEmpty || (first.word.flags & CodeFlag.storage) !== 0;
    this.setCodeState(record, withoutCode(0, first.word.incarnation + (hadStorage ? 1 : 0)));
    this.setExists(record, false);
    const { storage, wiped } = record;
    record.wiped = true;
    this.undo.push(() => {
      record.storage = storage;
      record.wiped = wiped;
    });
  }

  async modifyAccountFields(address: Address, fields: AccountFields): Promise<void> {
    const record = this.recordOf(address.bytes);
    if (fields.balance !== undefined) this.setBalance(record, fields.balance);
    if (fields.nonce !== undefined) this.setNonce(record, fields.nonce);
  }

  async putCode(address: Address, bytes: Uint8Array): Promise<void> {
    const record = this.recordOf(address.bytes);
    const { flags, incarnation } = this.codeOf(record).word;
    if (!this.rules.eip158) this.setExists(record, true);
    if (bytes.length === 0) return this.setCodeState(record, withoutCode(flags, incarnation));
    const hash = codeHash(bytes);
    this.setCodeState(record, {
      word: { flags, incarnation, hashPrefix: hash.subarray(0, 28) },
      bytes,
      isEmpty: false,
    });
  }

  async getCode(address: Address): Promise<Uint8Array> {
    const code = await this.codeOrWait(this.recordOf(address.bytes));
    if (code.bytes === undefined) {
      const prefix = code.word.hashPrefix;
      const bytes =
        this.view.codeByPrefix(prefix) ??
        this.fetched.get(bytesToMapKey(prefix)) ??
        (await this.view.fetchCode(prefix));
      this.fetched.set(bytesToMapKey(prefix), bytes);
      this.acceptCode(code, bytes);
    }
    return code.bytes!;
  }

  async getCodeSize(address: Address): Promise<number> {
    return (await this.getCode(address)).length;
  }

  private async slotOf(record: AccountRecord, key: Uint8Array): Promise<SlotRecord> {
    const name = bytesToMapKey(key);
    let slot = record.storage.get(name);
    if (slot !== undefined) {
      if (!record.created) slot.read = true;
      return slot;
    }
    const { incarnation } = (await this.codeOrWait(record)).word;
    const full = storageKey(record.address, key, incarnation);
    // An account that could be created has no storage: EIP-7610 refuses others.
    const first = record.created ? ZERO_WORD : await this.wordOrWait(full);
    if (!record.created) this.noteRead(full);
    slot = { key: full, first, value: first, read: !record.created, attempted: false };
    record.storage.set(name, slot);
    return slot;
  }

  async getStorage(address: Address, key: Uint8Array): Promise<Uint8Array> {
    return (await this.slotOf(this.recordOf(address.bytes), key)).value;
  }

  async putStorage(address: Address, key: Uint8Array, value: Uint8Array): Promise<void> {
    const slot = await this.slotOf(this.recordOf(address.bytes), key);
    const before = slot.value;
    slot.attempted = true;
    slot.value = padWord(value);
    this.undo.push(() => {
      slot.value = before;
    });
  }

  /** Called by the interpreter when it creates an account. */
  async clearStorage(address: Address): Promise<void> {
    const record = this.recordOf(address.bytes);
    const before = record.created;
    record.created = true;
    this.undo.push(() => {
      record.created = before;
    });
  }

  async blockHash(number: number): Promise<Uint8Array> {
    let hash = this.blockHashes.get(number);
    if (hash === undefined) {
      const key = blockHashKey(number);
      hash = await this.wordOrWait(key);
      this.noteRead(key);
      this.blockHashes.set(number, hash);
    }
    return hash;
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
    return Promise.reject(new EngineError("INTERNAL", "an execution has no state root"));
  }
  setStateRoot(): Promise<void> {
    return Promise.reject(new EngineError("INTERNAL", "an execution has no state root"));
  }
  hasStateRoot(): Promise<boolean> {
    return Promise.resolve(false);
  }
  clearCaches(): void {}
  shallowCopy(): StateManagerInterface {
    return new JournaledSlots();
  }
}
