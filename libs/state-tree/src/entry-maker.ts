/** Entries that a block appends to one partition, made by the kernel from a batch of changes. Scratch memory of all partitions. */

import type { CodeFilter } from "@velarium/slots";
import { CHANGE_DELETE, CHANGE_INSERT } from "../assembly/interface.ts";
import { ENTRY_BYTES } from "./format.ts";
import type { KeyBatch } from "./key-batch.ts";
import { KernelRegion, type TreeKernel } from "./tree-kernel.ts";

export class EntryMaker {
  readonly kernel: TreeKernel;
  private readonly entries: KernelRegion;
  private readonly replaced: KernelRegion;
  private readonly copies: KernelRegion;

  constructor(kernel: TreeKernel) {
    this.kernel = kernel;
    this.entries = new KernelRegion(kernel);
    this.replaced = new KernelRegion(kernel);
    this.copies = new KernelRegion(kernel);
  }

  /** Brings an index to the set of keys after the changes that stand in `order[from..to]` of the batch; true when it has changed. */
  updateIndex(index: number, batch: KeyBatch, from: number, to: number): boolean {
    const { run } = this.kernel;
    run.setChanges(
      batch.blocksAt,
      batch.hashesAt,
      batch.valuesAt,
      batch.numbersAt,
      batch.placesAt,
      batch.kindsAt,
    );
    return run.updateIndex(index, batch.orderAt + from * 4, to - from) !== 0;
  }

  /** After `updateIndex`: code slots that are new go to the filter; deleted keys, with the entries they had, to the lists, in order. */
  noteChangedKeys(
    batch: KeyBatch,
    from: number,
    to: number,
    codes: CodeFilter,
    deleted: number[],
    deletedEntries: number[],
  ): void {
    const { u8, u32, f64 } = this.kernel;
    for (let i = from; i < to; i++) {
      const o = u32[(batch.orderAt >>> 2) + i]!;
      const kind = u8[batch.kindsAt + o];
      if (kind === CHANGE_INSERT) codes.add(u32, (batch.blocksAt >>> 2) + o * 16);
      else if (kind === CHANGE_DELETE) {
        deletedEntries.push(f64[(batch.numbersAt >>> 3) + o]!);
        for (let j = 0; j < 8; j++) deleted.push(u32[(batch.hashesAt >>> 2) + o * 8 + j]!);
      }
    }
  }

  /** Makes the entries, numbered from `first` on; returns how many. Views of them hold until the kernel's memory grows. */
  emit(
    index: number,
    batch: KeyBatch,
    from: number,
    to: number,
    reshaped: boolean,
    height: number,
    first: number,
  ): number {
    const most = (to - from) * 2;
    this.entries.reserve(most * ENTRY_BYTES);
    this.replaced.reserve(most * 8);
    this.copies.reserve(most * 4 + 4);
    return this.kernel.run.emitEntries(
      index,
      batch.orderAt + from * 4,
      to - from,
      reshaped ? 1 : 0,
      height,
      first,
      this.entries.at,
      this.replaced.at,
      this.copies.at,
    );
  }

  entriesOf(count: number): Uint32Array {
    return new Uint32Array(this.kernel.u8.buffer, this.entries.at, (count * ENTRY_BYTES) / 4);
  }

  /** The entry that each of them replaces, -1 for none. */
  replacedOf(count: number): Float64Array {
    return new Float64Array(this.kernel.u8.buffer, this.replaced.at, count);
  }

  /** Which of them have only their next-key hash: everything else is that of the entry they replace. */
  copied(): Uint32Array {
    const count = this.kernel.u32[this.copies.at >>> 2]!;
    return new Uint32Array(this.kernel.u8.buffer, this.copies.at + 4, count);
  }
}
