/** Accounts and slots that one run has touched, in flat arrays that the next run uses again. */
import { type AccessKind, Domain, joinKinds, SLOT_KEY_BYTES } from "@velarium/slots";
import type { PackedCode } from "./packed-codes.ts";
import type { PackedFrame } from "./packed-frame.ts";
import { MAX_ACCOUNTS, Place, type WordArena } from "./word-arena.ts";

/** Slots of one run. */
const MAX_SLOTS = 1024;
const PLACES = 4096;
const KEY_PIECES = SLOT_KEY_BYTES / 4;
/** Of the storage key within a slot key, in 32-bit pieces. */
const STORAGE_PIECE = 6;

/** Takes the accesses of a run: keys as 14 pieces of 32 bits, as they stand in memory, from piece `at` on. */
export interface AccessSink {
  addPieces(keys: Uint32Array, at: number, kind: AccessKind): void;
}

const join = (a: number, b: AccessKind): number => (a === 0 ? b : joinKinds(a as AccessKind, b));

export class PackedTouched {
  accounts = 0;
  slots = 0;
  /** Kinds of access to the fields of account i; 0: none. */
  readonly balance = new Uint8Array(MAX_ACCOUNTS);
  readonly nonce = new Uint8Array(MAX_ACCOUNTS);
  readonly code = new Uint8Array(MAX_ACCOUNTS);
  /** Code words that have been read, and the codes they name. */
  readonly isKnown = new Uint8Array(MAX_ACCOUNTS);
  readonly codes: (PackedCode | undefined)[] = new Array(MAX_ACCOUNTS).fill(undefined);
  readonly keys = new Uint8Array(MAX_SLOTS * SLOT_KEY_BYTES);
  private readonly keyPieces = new Uint32Array(this.keys.buffer);
  private readonly kinds = new Uint8Array(MAX_SLOTS);
  private readonly owners = new Uint8Array(MAX_SLOTS);
  /** What was written last to slot i: an expression of a frame. */
  readonly writer: (PackedFrame | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  readonly written = new Int32Array(MAX_SLOTS);
  /** Open addressing: number of the slot plus one, of the run in `stamps`. */
  private readonly places = new Uint16Array(PLACES);
  private readonly stamps = new Uint32Array(PLACES);
  /** All zero behind the address. */
  private readonly fieldKey = new Uint8Array(SLOT_KEY_BYTES);
  private readonly fieldKeyPieces = new Uint32Array(this.fieldKey.buffer);
  private readonly arena: WordArena;

  constructor(arena: WordArena) {
    this.arena = arena;
  }

  reset(): void {
    this.accounts = 0;
    this.slots = 0;
  }

  /** Number of the account whose address the word at `place` ends in; −1: there are too many. */
  account(place: number): number {
    const { pieces } = this.arena;
    const from = place * 8;
    for (let i = 0, at = Place.accounts * 8; i < this.accounts; i++, at += 8)
      if (
        pieces[at + 7] === pieces[from + 7] &&
        pieces[at + 6] === pieces[from + 6] &&
        pieces[at + 5] === pieces[from + 5] &&
        pieces[at + 4] === pieces[from + 4] &&
        pieces[at + 3] === pieces[from + 3]
      )
        return i;
    if (this.accounts === MAX_ACCOUNTS) return -1;
    const account = this.accounts++;
    const to = (Place.accounts + account) * 8;
    for (let i = 0; i < 3; i++) pieces[to + i] = 0;
    for (let i = 3; i < 8; i++) pieces[to + i] = pieces[from + i]!;
    this.balance[account] = this.nonce[account] = this.code[account] = this.isKnown[account] = 0;
    this.codes[account] = undefined;
    return account;
  }

  /** As `account`, of 20 bytes from `at`. */
  accountOf(bytes: Uint8Array, at: number): number {
    const { arena } = this;
    for (let i = 0; i < 20; i++) arena.bytes[Place.scratch * 32 + 12 + i] = bytes[at + i]!;
    return this.account(Place.scratch);
  }

  touchBalance(account: number, kind: AccessKind): void {
    this.balance[account] = join(this.balance[account]!, kind);
  }
  touchNonce(account: number, kind: AccessKind): void {
    this.nonce[account] = join(this.nonce[account]!, kind);
  }
  touchCode(account: number, kind: AccessKind): void {
    this.code[account] = join(this.code[account]!, kind);
  }

  /** Number of the slot that the word at `place` names in the storage of an account; −1: there are too many. */
  slot(account: number, place: number, kind: AccessKind): number {
    const { pieces } = this.arena;
    const { places, stamps } = this;
    const { stamp } = this.arena;
    const name = place * 8;
    let mixed = account;
    for (let i = 0; i < 8; i++) mixed = Math.imul(mixed ^ pieces[name + i]!, 0x85ebca6b) ^ (mixed >>> 15);
    let at = (mixed ^ (mixed >>> 16)) & (PLACES - 1);
    for (; stamps[at] === stamp; at = (at + 1) & (PLACES - 1)) {
      const slot = places[at]!;
      if (this.owners[slot] !== account || !this.hasName(slot, name)) continue;
      this.kinds[slot] = joinKinds(this.kinds[slot] as AccessKind, kind);
      return slot;
    }
    if (this.slots === MAX_SLOTS) return -1;
    const slot = this.slots++;
    places[at] = slot;
    stamps[at] = stamp;
    this.addKey(slot, account, name);
    this.owners[slot] = account;
    this.kinds[slot] = kind;
    this.writer[slot] = undefined;
    return slot;
  }

  private hasName(slot: number, name: number): boolean {
    const { pieces } = this.arena;
    const at = slot * KEY_PIECES + STORAGE_PIECE;
    for (let i = 0; i < 8; i++) if (this.keyPieces[at + i] !== pieces[name + i]) return false;
    return true;
  }

  private addKey(slot: number, account: number, name: number): void {
    const { keys, keyPieces } = this;
    const { bytes, pieces } = this.arena;
    const to = slot * SLOT_KEY_BYTES;
    const address = (Place.accounts + account) * 32 + 12;
    const incarnation = (Place.codeWords + account) * 32 + 1;
    keys[to] = Domain.storage;
    for (let i = 0; i < 20; i++) keys[to + 1 + i] = bytes[address + i]!;
    for (let i = 0; i < 3; i++) keys[to + 21 + i] = bytes[incarnation + i]!;
    for (let i = 0, at = slot * KEY_PIECES + STORAGE_PIECE; i < 8; i++) keyPieces[at + i] = pieces[name + i]!;
  }

  /** The key of a field, borrowed until the next one. */
  keyOf(domain: Domain, account: number): Uint8Array {
    const { fieldKey } = this;
    const { bytes } = this.arena;
    const address = (Place.accounts + account) * 32 + 12;
    fieldKey[0] = domain;
    for (let i = 0; i < 20; i++) fieldKey[i + 1] = bytes[address + i]!;
    return fieldKey;
  }

  /** Accesses in all, at most. */
  get most(): number {
    return 3 * this.accounts + this.slots;
  }

  /** Every slot once: balance, nonce and code of the first account come first. */
  emit(sink: AccessSink): void {
    for (let i = 0; i < this.accounts; i++) {
      this.keyOf(Domain.balance, i);
      this.emitField(sink, Domain.balance, this.balance[i]!);
      this.emitField(sink, Domain.nonce, this.nonce[i]!);
      this.emitField(sink, Domain.code, this.code[i]!);
    }
    for (let slot = 0; slot < this.slots; slot++)
      sink.addPieces(this.keyPieces, slot * KEY_PIECES, this.kinds[slot] as AccessKind);
  }

  /** Of the account whose key was made last. */
  private emitField(sink: AccessSink, domain: Domain, kind: number): void {
    if (kind === 0) return;
    this.fieldKey[0] = domain;
    sink.addPieces(this.fieldKeyPieces, 0, kind as AccessKind);
  }
}
