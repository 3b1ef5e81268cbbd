/** What a call touches while profiles are applied: slots with their kinds; values only where something asks for them. */
import type { BlockRules } from "@velarium/chain-rules";
import type { StateView } from "@velarium/engine";
import { AccessKind, CodeFlag, Domain, joinKinds, SLOT_KEY_BYTES } from "@velarium/slots";
import { addressBytes, loadWord, storeWord } from "../evaluate/bytes.ts";
import { EMPTY_BYTES } from "../evaluate/memory.ts";
import { StateMiss, UnknownAccess } from "../evaluate/unknown.ts";

/** A value that is worked out when asked for. */
export interface Thunk {
  value(): bigint;
}

export interface TouchedSlot {
  readonly key: Uint8Array;
  kind: AccessKind;
  /** What the transaction has written there. */
  written: Thunk | undefined;
}

/** 56-byte keys of the fields of an account share everything but the domain. */
function keyOf(domain: Domain, address: Uint8Array): Uint8Array {
  const key = new Uint8Array(SLOT_KEY_BYTES);
  key[0] = domain;
  for (let i = 0; i < 20; i++) key[i + 1] = address[i]!;
  return key;
}

export class TouchedAccount {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** Made with the first slot: most accounts have none. */
  slots: Map<bigint, TouchedSlot> | undefined;
  transient: Map<bigint, Thunk> | undefined;
  balance: AccessKind | 0 = 0;
  nonce: AccessKind | 0 = 0;
  code: AccessKind | 0 = 0;
  incarnation = 0;
  flags = 0;
  codePrefix: Uint8Array | undefined;
  codeWord: Uint8Array | undefined;
  /** Whether the code word has been read. */
  known = false;

  constructor(address: bigint, bytes: Uint8Array) {
    this.address = address;
    this.bytes = bytes;
  }
}

/** Views hand out the same array while a word stands: its code needs no second look-up. */
const codesByWord = new WeakMap<Uint8Array, Uint8Array>();

const join = (a: AccessKind | 0, b: AccessKind): AccessKind => (a === 0 ? b : joinKinds(a, b));

export class Touched {
  readonly state: StateView;
  readonly rules: BlockRules;
  /** False: nothing but code may be read. */
  readonly readsState: boolean;
  private readonly accounts = new Map<bigint, TouchedAccount>();
  private readonly hashes: Uint8Array[] = [];
  private readonly undo: (() => void)[] = [];

  constructor(state: StateView, rules: BlockRules, readsState: boolean) {
    this.state = state;
    this.rules = rules;
    this.readsState = readsState;
  }

  account(address: bigint, bytes?: Uint8Array): TouchedAccount {
    let account = this.accounts.get(address);
    if (account === undefined) {
      account = new TouchedAccount(address, bytes ?? addressBytes(address));
      this.accounts.set(address, account);
    }
    return account;
  }

  /** The account at an address that something has looked at. */
  met(address: bigint): TouchedAccount | undefined {
    return this.accounts.get(address);
  }

  private word(key: Uint8Array): Uint8Array {
    const word = this.state.read(key);
    if (word === undefined) throw new StateMiss(key, undefined);
    return word;
  }

  /** Reads and declares the code word. */
  meetCode(account: TouchedAccount): void {
    if (account.known) return;
    const word = this.word(keyOf(Domain.code, account.bytes));
    account.known = true;
    account.codeWord = word;
    account.code = join(account.code, AccessKind.R);
    account.flags = word[0]!;
    account.incarnation = (word[1]! << 16) | (word[2]! << 8) | word[3]!;
    for (let i = 4; i < 32; i++) {
      if (word[i] === 0) continue;
      account.codePrefix = word.subarray(4, 32);
      break;
    }
  }

  codeOf(account: TouchedAccount): Uint8Array {
    this.meetCode(account);
    const { codePrefix } = account;
    if (codePrefix === undefined) return EMPTY_BYTES;
    const known = codesByWord.get(account.codeWord!);
    if (known !== undefined) return known;
    const code = this.state.codeByPrefix(codePrefix);
    if (code === undefined) throw new StateMiss(undefined, codePrefix);
    codesByWord.set(account.codeWord!, code);
    return code;
  }

  field(account: TouchedAccount, field: "balance" | "nonce" | "code", kind: AccessKind): void {
    account[field] = join(account[field], kind);
  }

  /** The value of a field or slot on the parent state. */
  stateWord(key: Uint8Array): bigint {
    if (!this.readsState) throw new UnknownAccess("state-read");
    return loadWord(this.word(key), 0);
  }

  nonceOf(account: TouchedAccount): bigint {
    this.field(account, "nonce", AccessKind.R);
    return this.stateWord(keyOf(Domain.nonce, account.bytes));
  }

  /** The balance on the parent state: what moves within the transaction is not added up. */
  balanceOf(account: TouchedAccount): bigint {
    this.field(account, "balance", AccessKind.R);
    return this.stateWord(keyOf(Domain.balance, account.bytes));
  }

  /** EIP-161: looks at code, nonce and balance in this order, no further than it must. */
  meetEmptiness(account: TouchedAccount): void {
    this.meetCode(account);
    if (account.codePrefix !== undefined) return;
    if (!this.readsState) {
      this.field(account, "nonce", AccessKind.R);
      this.field(account, "balance", AccessKind.R);
    } else if (this.nonceOf(account) === 0n) this.balanceOf(account);
  }

  /** Before EIP-158 whatever names an account finds out first whether it exists. */
  meet(account: TouchedAccount): void {
    if (this.rules.eip158) return;
    this.meetCode(account);
    if (account.codePrefix === undefined && (account.flags & CodeFlag.exists) === 0)
      this.meetEmptiness(account);
  }

  slot(account: TouchedAccount, name: bigint, kind: AccessKind): TouchedSlot {
    account.slots ??= new Map();
    let slot = account.slots.get(name);
    if (slot !== undefined) {
      slot.kind = joinKinds(slot.kind, kind);
      return slot;
    }
    this.meetCode(account);
    const key = keyOf(Domain.storage, account.bytes);
    const { incarnation } = account;
    if (incarnation !== 0) {
      key[21] = incarnation >>> 16;
      key[22] = incarnation >>> 8;
      key[23] = incarnation;
    }
    storeWord(key, 24, name);
    slot = { key, kind, written: undefined };
    account.slots.set(name, slot);
    return slot;
  }

  write(slot: TouchedSlot, value: Thunk): void {
    const { written } = slot;
    slot.written = value;
    this.undo.push(() => {
      slot.written = written;
    });
  }

  writeTransient(account: TouchedAccount, name: bigint, value: Thunk): void {
    account.transient ??= new Map();
    const { transient } = account;
    const before = transient.get(name);
    transient.set(name, value);
    this.undo.push(() => {
      if (before === undefined) transient.delete(name);
      else transient.set(name, before);
    });
  }

  /** Where to go back to. */
  mark(): number {
    return this.undo.length;
  }

  /** Takes back the values written since `mark`; that they were written stays. */
  revert(mark: number): void {
    while (this.undo.length > mark) this.undo.pop()!();
  }

  blockHash(key: Uint8Array): void {
    this.hashes.push(key);
  }

  forEachAccess(visit: (key: Uint8Array, kind: AccessKind) => void): void {
    for (const { bytes, balance, nonce, code, slots } of this.accounts.values()) {
      if (balance !== 0) visit(keyOf(Domain.balance, bytes), balance);
      if (nonce !== 0) visit(keyOf(Domain.nonce, bytes), nonce);
      if (code !== 0) visit(keyOf(Domain.code, bytes), code);
      if (slots !== undefined) for (const { key, kind } of slots.values()) visit(key, kind);
    }
    for (const key of this.hashes) visit(key, AccessKind.H);
  }
}
