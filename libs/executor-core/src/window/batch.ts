/** One Dispatch in work: its columns, the keys of all accesses, and the values as they arrive. */
import type { Message } from "@velarium/columns";
import type { BlockContext as EngineContext } from "@velarium/engine";
import { copyWords, Domain, KEY_WORDS, VALUE_WORDS, wordsOf } from "@velarium/slots";
import { scanTransaction, TxScan } from "@velarium/tx-codec";
import { type Dispatch, Shape } from "@velarium/wire";

export type DispatchMessage = Message<typeof Dispatch>;

/** A block that transactions were or will be dispatched for. */
export interface BlockInWork {
  readonly number: number;
  readonly time: number;
  readonly gasLimit: number;
  readonly firstSeq: number;
  readonly beneficiary: Uint8Array;
  readonly beneficiaryHi: number;
  readonly beneficiaryLo: number;
  /** Key of the beneficiary's balance. */
  readonly beneficiaryKey: Uint32Array;
  readonly prevRandao: Uint8Array;
  readonly parentBeaconRoot: Uint8Array;
  /** Known with the block's fees. */
  context: EngineContext | undefined;
  readonly waiting: Batch[];
}

const scan = new TxScan();
const address = new Uint32Array(6);

/** Words 0 to 5 of the field keys of an address, without the domain byte. */
function loadAddress(bytes: Uint8Array, at: number): void {
  address[0] = (bytes[at]! << 8) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 24);
  for (let w = 1; w < 5; w++) {
    const b = at + 4 * w - 1;
    address[w] = bytes[b]! | (bytes[b + 1]! << 8) | (bytes[b + 2]! << 16) | (bytes[b + 3]! << 24);
  }
  address[5] = bytes[at + 19]!;
}

function storeFieldKey(keys: Uint32Array, at: number, domain: number): void {
  keys[at] = address[0]! | domain;
  for (let w = 1; w < 6; w++) keys[at + w] = address[w]!;
}

export class Batch {
  readonly slot: number;
  readonly message: DispatchMessage;
  readonly block: BlockInWork;
  readonly count: number;
  /** 14 words per access, in the order of the accesses. */
  readonly keys: Uint32Array;
  /** 8 words per access, as read. */
  readonly values: Uint32Array;
  readonly valueBytes: Uint8Array;
  /** Values that each transaction still waits for, plus one for the fees of the block. */
  readonly remaining: Uint32Array;
  unfinished: number;

  constructor(slot: number, message: DispatchMessage, block: BlockInWork) {
    this.slot = slot;
    this.message = message;
    this.block = block;
    this.count = message.seqs.length;
    this.unfinished = this.count;
    const accesses = message.accessHi.length;
    this.keys = new Uint32Array(accesses * KEY_WORDS);
    this.values = new Uint32Array(accesses * VALUE_WORDS);
    this.valueBytes = new Uint8Array(this.values.buffer);
    this.remaining = new Uint32Array(this.count);
    this.loadKeys();
  }

  firstAccess(index: number): number {
    return index === 0 ? 0 : this.message.accessEnds[index - 1]!;
  }

  rawStart(index: number): number {
    return index === 0 ? 0 : this.message.raw.ends[index - 1]!;
  }

  /** Transaction that access `a` belongs to. */
  transactionOf(a: number): number {
    const { accessEnds } = this.message;
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (accessEnds[middle]! > a) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private loadKeys(): void {
    const { message, keys } = this;
    const { shapes, accessEnds, senders, raw } = message;
    const packed = wordsOf(message.keys);
    let from = 0;
    for (let i = 0; i < this.count; i++) {
      const first = this.firstAccess(i);
      const end = accessEnds[i]!;
      if (shapes[i] !== Shape.transfer) {
        const words = (end - first) * KEY_WORDS;
        copyWords(keys, first * KEY_WORDS, packed, from, words);
        from += words;
        continue;
      }
      const at = first * KEY_WORDS;
      loadAddress(senders, i * 20);
      storeFieldKey(keys, at, Domain.balance);
      storeFieldKey(keys, at + KEY_WORDS, Domain.nonce);
      storeFieldKey(keys, at + 2 * KEY_WORDS, Domain.code);
      const start = this.rawStart(i);
      scanTransaction(raw.blob, start, raw.ends[i]! - start, scan);
      loadAddress(raw.blob, scan.toOffset);
      storeFieldKey(keys, at + 3 * KEY_WORDS, Domain.code);
      storeFieldKey(keys, at + 4 * KEY_WORDS, Domain.balance);
    }
  }
}
