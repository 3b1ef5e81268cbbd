/** What one execution knows of one account: values as read, values as they stand, and what was done to each field. */
import { Account, KECCAK256_NULL, KECCAK256_RLP } from "@ethereumjs/util";
import { type CodeWord, decodeCodeWord, encodeCodeWord } from "@velarium/slots";
import type { JournaledSlots } from "./journaled-slots.ts";

export const FieldBit = { balance: 1, nonce: 2, code: 4 } as const;

export interface CodeState {
  readonly word: CodeWord;
  /** Undefined until someone needs it. */
  bytes: Uint8Array | undefined;
  readonly isEmpty: boolean;
}

export const EMPTY_CODE = new Uint8Array(0);
const NO_PREFIX = new Uint8Array(28);

export function codeStateOf(wordBytes: Uint8Array): CodeState {
  const word = decodeCodeWord(wordBytes);
  const isEmpty = word.hashPrefix.every((byte) => byte === 0);
  return { word, bytes: isEmpty ? EMPTY_CODE : undefined, isEmpty };
}

export const withoutCode = (flags: number, incarnation: number): CodeState => ({
  word: { flags, incarnation, hashPrefix: NO_PREFIX },
  bytes: EMPTY_CODE,
  isEmpty: true,
});

export const codeWordBytes = (state: CodeState): Uint8Array => encodeCodeWord(state.word);

export interface SlotRecord {
  readonly key: Uint8Array;
  /** Value before the transaction. */
  readonly first: Uint8Array;
  value: Uint8Array;
  /** False where the value followed from the code word (storage of an account just created). */
  read: boolean;
  attempted: boolean;
}

export class AccountRecord {
  readonly address: Uint8Array;
  firstBalance: bigint | undefined;
  balance: bigint | undefined;
  firstNonce: bigint | undefined;
  nonce: bigint | undefined;
  firstCode: Uint8Array | undefined;
  code: CodeState | undefined;
  /** Ether added without looking. */
  delta = 0n;
  deltaAttempted = false;
  /** Fields read, in frames that were reverted too. */
  reads = 0;
  /** Fields written, in frames that were reverted too. */
  attempts = 0;
  /** Existence before EIP-158; undefined until asked. */
  exists: boolean | undefined;
  created = false;
  wiped = false;
  storage = new Map<string, SlotRecord>();

  constructor(address: Uint8Array) {
    this.address = address;
  }
}

/** An account as the interpreter handles it; each getter reads, and records, one field only. */
export class LazyAccount extends Account {
  private readonly slots: JournaledSlots;
  readonly record: AccountRecord;
  dirtyBalance: bigint | undefined;
  dirtyNonce: bigint | undefined;
  /** While true the balance is not read: the interpreter compares it with a call's value even when that is zero. */
  quiet = false;

  constructor(slots: JournaledSlots, record: AccountRecord) {
    super();
    this.slots = slots;
    this.record = record;
  }

  override get balance(): bigint {
    if (this.quiet) return 0n;
    return this.dirtyBalance ?? this.slots.balanceOf(this.record);
  }
  override set balance(value: bigint) {
    this.dirtyBalance = value;
  }
  override get nonce(): bigint {
    return this.dirtyNonce ?? this.slots.nonceOf(this.record);
  }
  override set nonce(value: bigint) {
    this.dirtyNonce = value;
  }
  override get codeHash(): Uint8Array {
    const code = this.slots.codeOf(this.record);
    return code.isEmpty ? KECCAK256_NULL : this.slots.codeHashOf(this.record);
  }
  override set codeHash(_hash: Uint8Array) {
    // Set by the constructor of the base class only; code changes through putCode.
  }
  /** EIP-7610 asks whether there is storage, never for its root. */
  override get storageRoot(): Uint8Array {
    return this.slots.hasStorage(this.record) ? NOT_THE_EMPTY_ROOT : KECCAK256_RLP;
  }
  override set storageRoot(_root: Uint8Array) {
    // As for codeHash.
  }
  override isContract(): boolean {
    return !this.slots.codeOf(this.record).isEmpty;
  }
  /** Looks at the balance last: whatever has code or a nonce leaves it unread and uncontended. */
  override isEmpty(): boolean {
    return !this.isContract() && this.nonce === 0n && this.balance === 0n;
  }
}

const NOT_THE_EMPTY_ROOT = new Uint8Array(32).fill(1);
