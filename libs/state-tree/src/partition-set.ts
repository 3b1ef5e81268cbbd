/** The partitions of one store, with the kernel that they share, by the first byte of a key's hash. */
import { CodeFilter } from "@velarium/slots";
import type { EntryLog } from "./entry-log.ts";
import { EntryMaker } from "./entry-maker.ts";
import { StateError } from "./errors.ts";
import type { KeyBatch } from "./key-batch.ts";
import { Partition } from "./partition.ts";
import { TreeKernel } from "./tree-kernel.ts";

export class PartitionSet {
  readonly kernel = new TreeKernel();
  readonly codes = new CodeFilter();
  /** Those held here, in ascending order. */
  readonly list: readonly Partition[];
  /** Place in `list` of each partition of the chain, -1 where it is not held here. */
  readonly places: Int16Array;
  private readonly partitions: number;

  constructor(partitions: number, owned: readonly number[], log: EntryLog) {
    const parts = { kernel: this.kernel, maker: new EntryMaker(this.kernel), log, codes: this.codes };
    this.partitions = partitions;
    this.list = owned.map((id) => new Partition(id, parts));
    this.places = new Int16Array(partitions).fill(-1);
    owned.forEach((id, i) => {
      this.places[id] = i;
    });
    for (let byte = 0; byte < 256; byte++) {
      const place = this.places[(byte * partitions) >>> 8]!;
      if (place >= 0) this.kernel.setIndexOfByte(byte, this.list[place]!.index.handle);
    }
  }

  /** Place in `list` of the partition of a hash that begins with a byte; -1: not held here. */
  placeOf(byte: number): number {
    return this.places[(byte * this.partitions) >>> 8]!;
  }

  /** @throws StateError `not-owned` */
  checkOwned(batch: KeyBatch): void {
    if (this.list.length === this.partitions) return;
    const { u8 } = batch.kernel;
    // The first byte is the highest of the first word.
    for (let i = 0, at = batch.hashesAt + 3; i < batch.count; i++, at += 32) {
      const byte = u8[at]!;
      if (this.placeOf(byte) < 0)
        throw new StateError("not-owned", `partition ${(byte * this.partitions) >>> 8} is not held here`);
    }
  }
}
