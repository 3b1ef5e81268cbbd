/** One Dispatch in work: its columns as they came, full keys and values of all its accesses side by side. */
import type { Message } from "@velarium/columns";
import { Domain, KEY_WORDS, SLOT_KEY_BYTES } from "@velarium/slots";
import { scanTransaction, type TxScan } from "@velarium/tx-codec";
import { carriedKeys, type Dispatch, Shape } from "@velarium/wire";
import type { AccessArena } from "./access-arena.ts";
import type { BlockState } from "./block-state.ts";
import type { DispatchWatch } from "./options.ts";

export type DispatchMessage = Message<typeof Dispatch>;

/** Words of a field's key that its domain and address fill; the others are zero. */
const FIELD_WORDS = 6;

export class DispatchBatch {
  readonly message: DispatchMessage;
  readonly block: BlockState;
  readonly count: number;
  readonly isTail: boolean;
  readonly arena: AccessArena;
  /** 56 bytes per access. */
  readonly keys: Uint8Array;
  readonly keyWords: Uint32Array;
  /** 32 bytes per access: the value granted, once it is here. */
  readonly values: Uint8Array;
  readonly valueWords: Uint32Array;
  /** Per access that writes: first of those here that wait for it; −1 none. */
  readonly waiters: Int32Array;
  /** Told when its results are sent, if it is traced. */
  watch: DispatchWatch | undefined;
  /** Transactions that have not run. */
  unfinished: number;

  /** `arena`: for as many accesses as the message has, or more; whatever it holds. */
  constructor(message: DispatchMessage, block: BlockState, arena: AccessArena, scan: TxScan) {
    this.message = message;
    this.block = block;
    this.count = this.unfinished = message.shapes.length;
    this.isTail = message.tail === 1;
    this.watch = undefined;
    this.arena = arena;
    this.keys = arena.keys;
    this.keyWords = arena.keyWords;
    this.values = arena.values;
    this.valueWords = arena.valueWords;
    this.waiters = arena.waiters;
    this.waiters.fill(-1, 0, message.accessHi.length);
    this.fillKeys(scan);
  }

  firstAccess(index: number): number {
    return index === 0 ? 0 : this.message.accessEnds[index - 1]!;
  }

  rawStart(index: number): number {
    return index === 0 ? 0 : this.message.raw.ends[index - 1]!;
  }

  private fillKeys(scan: TxScan): void {
    const { shapes, keys: given, senders, raw, accessEnds } = this.message;
    const { keys } = this;
    const { scans } = this.arena;
    scans.reserve(this.count);
    let from = 0;
    let access = 0;
    for (let i = 0; i < this.count; i++) {
      const end = accessEnds[i]!;
      if (shapes[i] === Shape.transfer) {
        const start = this.rawStart(i);
        scanTransaction(raw.blob, start, raw.ends[i]! - start, scan);
        scans.keep(i, scan);
        const at = access * KEY_WORDS;
        this.senderKeys(at, senders, i * 20);
        this.fieldKey(at + 3 * KEY_WORDS, Domain.code, raw.blob, scan.toOffset);
        this.sameAccount(at + 4 * KEY_WORDS, Domain.balance, at + 3 * KEY_WORDS);
      } else {
        const size = carriedKeys(shapes[i]!, end - access) * SLOT_KEY_BYTES;
        keys.set(given.subarray(from, from + size), end * SLOT_KEY_BYTES - size);
        from += size;
        if (shapes[i] === Shape.call) this.senderKeys(access * KEY_WORDS, senders, i * 20);
      }
      access = end;
    }
  }

  /** Balance, nonce and code of a sender. */
  private senderKeys(to: number, senders: Uint8Array, at: number): void {
    this.fieldKey(to, Domain.balance, senders, at);
    this.sameAccount(to + KEY_WORDS, Domain.nonce, to);
    this.sameAccount(to + 2 * KEY_WORDS, Domain.code, to);
  }

  /** As `writeFieldKey`, word by word: `domain | address | zeros`, lowest byte first. */
  private fieldKey(to: number, domain: number, from: Uint8Array, at: number): void {
    const { keyWords } = this;
    keyWords[to] = domain | (from[at]! << 8) | (from[at + 1]! << 16) | (from[at + 2]! << 24);
    for (let w = 1, b = at + 3; w < FIELD_WORDS - 1; w++, b += 4)
      keyWords[to + w] = from[b]! | (from[b + 1]! << 8) | (from[b + 2]! << 16) | (from[b + 3]! << 24);
    keyWords[to + FIELD_WORDS - 1] = from[at + 19]!;
    for (let w = FIELD_WORDS; w < KEY_WORDS; w++) keyWords[to + w] = 0;
  }

  /** The key of another field of the account whose key is at `from`. */
  private sameAccount(to: number, domain: number, from: number): void {
    const { keyWords } = this;
    keyWords[to] = (keyWords[from]! & 0xffffff00) | domain;
    for (let w = 1; w < FIELD_WORDS; w++) keyWords[to + w] = keyWords[from + w]!;
    for (let w = FIELD_WORDS; w < KEY_WORDS; w++) keyWords[to + w] = 0;
  }
}
