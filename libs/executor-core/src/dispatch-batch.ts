/** One Dispatch in work: its columns as they came, full keys and values of all its accesses side by side. */
import type { Message } from "@velarium/columns";
import { Domain, SLOT_KEY_BYTES, WORD_BYTES, writeFieldKey } from "@velarium/slots";
import { scanTransaction, type TxScan } from "@velarium/tx-codec";
import { type Dispatch, Shape } from "@velarium/wire";
import type { BlockState } from "./block-state.ts";

export type DispatchMessage = Message<typeof Dispatch>;

export class DispatchBatch {
  readonly message: DispatchMessage;
  readonly block: BlockState;
  readonly count: number;
  readonly isTail: boolean;
  /** 56 bytes per access. */
  readonly keys: Uint8Array;
  /** 32 bytes per access: the value granted, once it is here. */
  readonly values: Uint8Array;
  /** Per access that writes: first of those here that wait for it; −1 none. */
  readonly waiters: Int32Array;

  constructor(message: DispatchMessage, block: BlockState, scan: TxScan) {
    this.message = message;
    this.block = block;
    this.count = message.shapes.length;
    this.isTail = message.tail === 1;
    const accesses = message.accessHi.length;
    this.keys = new Uint8Array(accesses * SLOT_KEY_BYTES);
    this.values = new Uint8Array(accesses * WORD_BYTES);
    this.waiters = new Int32Array(accesses).fill(-1);
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
    let from = 0;
    let access = 0;
    for (let i = 0; i < this.count; i++) {
      const end = accessEnds[i]!;
      const at = access * SLOT_KEY_BYTES;
      if (shapes[i] === Shape.transfer) {
        const start = this.rawStart(i);
        scanTransaction(raw.blob, start, raw.ends[i]! - start, scan);
        writeFieldKey(keys, at, Domain.balance, senders, i * 20);
        writeFieldKey(keys, at + SLOT_KEY_BYTES, Domain.nonce, senders, i * 20);
        writeFieldKey(keys, at + 2 * SLOT_KEY_BYTES, Domain.code, senders, i * 20);
        writeFieldKey(keys, at + 3 * SLOT_KEY_BYTES, Domain.code, raw.blob, scan.toOffset);
        writeFieldKey(keys, at + 4 * SLOT_KEY_BYTES, Domain.balance, raw.blob, scan.toOffset);
      } else {
        const size = (end - access) * SLOT_KEY_BYTES;
        keys.set(given.subarray(from, from + size), at);
        from += size;
      }
      access = end;
    }
  }
}
