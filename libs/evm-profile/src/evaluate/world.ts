/** State as one evaluation sees it: values of the parent state under what the transaction itself has written. */
import type { BlockRules } from "@velarium/chain-rules";
import type { StateView } from "@velarium/engine";
import { precompilesOf } from "@velarium/precompiles";
import { AccessKind, blockHashKey, CodeFlag, Domain, fieldKey, joinKinds, storageKey } from "@velarium/slots";
import { addressBytes, loadWord, storeWord } from "./bytes.ts";
import { EMPTY_BYTES } from "./memory.ts";
import { StateMiss, UnknownAccess } from "./unknown.ts";

/** Slots that one evaluation may touch: what may be declared for a transaction. */
const MAX_SLOTS = 8192;
const HIGHEST_PRECOMPILE = 0x1ffn;

interface Field {
  kind: AccessKind | 0;
  value: bigint;
}

export interface Slot {
  readonly key: Uint8Array;
  kind: AccessKind | 0;
  value: bigint;
  /** Before the transaction. */
  readonly original: bigint;
  /** EIP-2929. */
  warm: boolean;
}

export class Account {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly slots = new Map<bigint, Slot>();
  readonly transient = new Map<bigint, bigint>();
  balance: Field | undefined;
  nonce: Field | undefined;
  /** Kind of access to the code word; 0 until it is read. */
  codeKind: AccessKind | 0 = 0;
  code: Uint8Array | undefined;
  /** First 28 bytes of the hash of `code`; undefined where there is none. */
  codePrefix: Uint8Array | undefined;
  flags = 0;
  incarnation = 0;
  /** By this transaction: there is nothing in its storage. */
  created = false;
  /** EIP-2929. */
  warm = false;
  /** Slots that the transaction's access list names: they are warm before they are read. */
  listed: Set<bigint> | undefined;

  constructor(address: bigint) {
    this.address = address;
    this.bytes = addressBytes(address);
  }
}

type Undo = () => void;

export class World {
  readonly accounts = new Map<bigint, Account>();
  readonly blockHashes = new Map<number, bigint>();
  slotCount = 0;
  private readonly state: StateView;
  private readonly rules: BlockRules;
  private undo: Undo[] = [];

  constructor(state: StateView, rules: BlockRules) {
    this.state = state;
    this.rules = rules;
  }

  account(address: bigint): Account {
    let account = this.accounts.get(address);
    if (account === undefined) this.accounts.set(address, (account = new Account(address)));
    return account;
  }

  private word(key: Uint8Array): bigint {
    if (++this.slotCount > MAX_SLOTS) throw new UnknownAccess("accesses");
    const word = this.state.read(key);
    if (word === undefined) throw new StateMiss(key, undefined);
    return loadWord(word, 0);
  }

  private readCodeWord(account: Account): void {
    if (account.codeKind !== 0) return;
    const key = fieldKey(Domain.code, account.bytes);
    const word = this.state.read(key);
    if (word === undefined) throw new StateMiss(key, undefined);
    this.slotCount++;
    account.codeKind = AccessKind.R;
    account.flags = word[0]!;
    account.incarnation = (word[1]! << 16) | (word[2]! << 8) | word[3]!;
    const prefix = word.subarray(4, 32);
    account.codePrefix = prefix.every((byte) => byte === 0) ? undefined : prefix;
    if (account.codePrefix === undefined) account.code = EMPTY_BYTES;
  }

  hasCode(account: Account): boolean {
    this.readCodeWord(account);
    return account.code === undefined || account.code.length > 0;
  }

  codeOf(account: Account): Uint8Array {
    this.readCodeWord(account);
    if (account.code === undefined) {
      const code = this.state.codeByPrefix(account.codePrefix!);
      if (code === undefined) throw new StateMiss(undefined, account.codePrefix);
      account.code = code;
    }
    return account.code;
  }

  balanceOf(account: Account): bigint {
    if (account.balance === undefined) {
      const value = this.word(fieldKey(Domain.balance, account.bytes));
      account.balance = { kind: AccessKind.R, value };
    }
    return account.balance.value;
  }

  setBalance(account: Account, value: bigint): void {
    const before = this.balanceOf(account);
    const field = account.balance!;
    field.kind = AccessKind.W;
    field.value = value;
    this.undo.push(() => {
      field.value = before;
    });
  }

  nonceOf(account: Account): bigint {
    if (account.nonce === undefined) {
      const value = this.word(fieldKey(Domain.nonce, account.bytes));
      account.nonce = { kind: AccessKind.R, value };
    }
    return account.nonce.value;
  }

  setNonce(account: Account, value: bigint): void {
    const before = this.nonceOf(account);
    const field = account.nonce!;
    field.kind = AccessKind.W;
    field.value = value;
    this.undo.push(() => {
      field.value = before;
    });
  }

  setCode(account: Account, code: Uint8Array): void {
    this.readCodeWord(account);
    const { code: before } = account;
    account.codeKind = joinKinds(account.codeKind as AccessKind, AccessKind.W);
    account.code = code;
    this.undo.push(() => {
      account.code = before;
    });
  }

  /** EIP-161: no code, no nonce, no balance; looks in this order and no further than it must. */
  isEmpty(account: Account): boolean {
    return !this.hasCode(account) && this.nonceOf(account) === 0n && this.balanceOf(account) === 0n;
  }

  /** Before EIP-158 whatever names an account finds out first whether it exists; later that is not asked. */
  meet(account: Account): boolean {
    if (this.rules.eip158 || this.hasCode(account) || (account.flags & CodeFlag.exists) !== 0) return true;
    return this.nonceOf(account) > 0n || this.balanceOf(account) > 0n;
  }

  /** Whether the account is warm (EIP-2929). From now on it is, unless what happens now is taken back. */
  warm(account: Account): boolean {
    if (account.warm || this.isPrecompile(account.address)) return true;
    account.warm = true;
    this.undo.push(() => {
      account.warm = false;
    });
    return false;
  }

  isPrecompile(address: bigint): boolean {
    return address <= HIGHEST_PRECOMPILE && precompilesOf(this.rules).has(Number(address));
  }

  /** Before EIP-158 who is called, or left something, is there from then on, even if empty: the code word says so. */
  bringAbout(account: Account): void {
    if (this.rules.eip158 || !this.isEmpty(account) || (account.flags & CodeFlag.exists) !== 0) return;
    const { flags } = account;
    account.codeKind = joinKinds(account.codeKind as AccessKind, AccessKind.W);
    account.flags |= CodeFlag.exists;
    this.undo.push(() => {
      account.flags = flags;
    });
  }

  private slot(account: Account, key: bigint): Slot {
    let slot = account.slots.get(key);
    if (slot !== undefined) return slot;
    this.readCodeWord(account);
    const name = new Uint8Array(32);
    storeWord(name, 0, key);
    const full = storageKey(account.bytes, name, account.incarnation);
    const value = account.created ? 0n : this.word(full);
    const kind = account.created ? 0 : AccessKind.R;
    slot = { key: full, kind, value, original: value, warm: account.listed?.has(key) === true };
    account.slots.set(key, slot);
    return slot;
  }

  isWarm(account: Account, key: bigint): boolean {
    return account.slots.get(key)?.warm ?? account.listed?.has(key) === true;
  }

  /** The slot, which is warm from now on, unless what happens now is taken back. */
  load(account: Account, key: bigint): Slot {
    const slot = this.slot(account, key);
    if (slot.warm) return slot;
    slot.warm = true;
    this.undo.push(() => {
      slot.warm = false;
    });
    return slot;
  }

  store(slot: Slot, value: bigint): void {
    const before = slot.value;
    slot.kind = AccessKind.W;
    slot.value = value;
    this.undo.push(() => {
      slot.value = before;
    });
  }

  storeTransient(account: Account, key: bigint, value: bigint): void {
    const before = account.transient.get(key) ?? 0n;
    account.transient.set(key, value);
    this.undo.push(() => {
      account.transient.set(key, before);
    });
  }

  create(account: Account): void {
    account.created = true;
    this.undo.push(() => {
      account.created = false;
    });
  }

  /** The account will be gone, with its storage. */
  destroy(account: Account): void {
    this.setNonce(account, 0n);
    this.readCodeWord(account);
    account.codeKind = AccessKind.X;
  }

  blockHash(number: number): bigint {
    let hash = this.blockHashes.get(number);
    if (hash === undefined) this.blockHashes.set(number, (hash = this.word(blockHashKey(number))));
    return hash;
  }

  /** Where to go back to. */
  mark(): number {
    return this.undo.length;
  }

  /** Takes back everything written since `mark`; what was read stays read. */
  revert(mark: number): void {
    while (this.undo.length > mark) this.undo.pop()!();
  }

  /** Every slot touched, with its kind. */
  forEachAccess(visit: (key: Uint8Array, kind: AccessKind) => void): void {
    for (const account of this.accounts.values()) {
      const { balance, nonce, codeKind, bytes, slots } = account;
      if (balance !== undefined && balance.kind !== 0) visit(fieldKey(Domain.balance, bytes), balance.kind);
      if (nonce !== undefined && nonce.kind !== 0) visit(fieldKey(Domain.nonce, bytes), nonce.kind);
      if (codeKind !== 0) visit(fieldKey(Domain.code, bytes), codeKind);
      for (const { key, kind } of slots.values()) if (kind !== 0) visit(key, kind);
    }
    for (const number of this.blockHashes.keys()) visit(blockHashKey(number), AccessKind.H);
  }
}
