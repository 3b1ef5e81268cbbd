/**
 * The keys that the next block may change, with their hashes, order and entries: worked out once by `read`, and used again
 * when the block is applied to some of them.
 */
import { StateError } from "./errors.ts";
import { RESERVED_DOMAIN } from "./format.ts";
import { compareHashes, sortHashes } from "./hash-words.ts";
import { KeyBatch } from "./key-batch.ts";
import type { PartitionSet } from "./partition-set.ts";
import type { ValueReader } from "./value-reader.ts";
import { alignedTarget, alignedWords, KEY_WORDS, VALUE_WORDS } from "./words.ts";

export class ChangeBatch {
  readonly batch: KeyBatch;
  private readonly set: PartitionSet;
  private readonly reader: ValueReader;
  /** Order of the keys of `read`, until they are used or given up. */
  private orderRead: Uint32Array | null = null;

  constructor(set: PartitionSet, reader: ValueReader) {
    this.set = set;
    this.reader = reader;
    this.batch = new KeyBatch(set.kernel);
  }

  /** Values of `count` slots, each once, into `out`; the block to come may then be given by indices among these. */
  read(keys: Uint8Array, count: number, out: Uint8Array): void {
    const target = alignedTarget(out, count);
    const order = this.begin(alignedWords(keys, count * KEY_WORDS), count);
    this.reader.read(this.batch, target);
    this.orderRead = order;
    if (target.buffer !== out.buffer) out.set(new Uint8Array(target.buffer));
  }

  /** What was read holds no more: the state is another one. */
  forget(): void {
    this.orderRead = null;
  }

  private begin(keys: Uint32Array, count: number): Uint32Array {
    const { batch } = this;
    this.orderRead = null;
    batch.begin(count);
    const { u32 } = batch.kernel;
    for (let i = 0; i < count; i++) batch.add(u32, keys, i * KEY_WORDS, i);
    batch.hash();
    this.set.checkOwned(batch);
    const order = sortHashes(batch.hashes(), count);
    // In order of the index, neighbours share leaves.
    batch.find(order);
    return order;
  }

  /**
   * Takes the changes of a block: `kept` are their indices among the keys that were read just before, ascending. Afterwards
   * the batch has their values and, in order of key, their numbers; returns that order.
   * @throws StateError `reserved-key`, `duplicate-key`, `not-owned`, `index-full`
   */
  take(keys: Uint8Array, values: Uint8Array, count: number, kept: Uint32Array | undefined): Uint32Array {
    const { batch } = this;
    const given = alignedWords(values, count * VALUE_WORDS);
    let order: Uint32Array;
    if (kept === undefined) order = this.begin(alignedWords(keys, count * KEY_WORDS), count);
    else {
      const read = this.orderRead;
      this.orderRead = null;
      if (read === null || kept.length !== count || (count > 0 && kept[count - 1]! >= batch.count))
        throw new RangeError("changes by index need the keys of a readForBlock just before");
      order = count === batch.count ? read : pick(read, kept);
    }
    const { u32 } = batch.kernel;
    const valuesFrom = batch.valuesAt >>> 2;
    for (let i = 0; i < count; i++) {
      const to = valuesFrom + (kept === undefined ? i : kept[i]!) * VALUE_WORDS;
      for (let j = 0; j < VALUE_WORDS; j++) u32[to + j] = given[i * VALUE_WORDS + j]!;
    }
    u32.set(order, batch.orderAt >>> 2);
    this.check(order);
    batch.kernel.reserveChanges(count);
    return order;
  }

  /** Refuses keys of the reserved domain, and duplicates. */
  private check(order: Uint32Array): void {
    const { batch } = this;
    const { u8 } = batch.kernel;
    for (let i = 0, at = batch.blocksAt; i < batch.count; i++, at += 64)
      if (u8[at] === RESERVED_DOMAIN)
        throw new StateError("reserved-key", `slot keys do not start with 0x${RESERVED_DOMAIN.toString(16)}`);
    const hashes = batch.hashes();
    for (let i = 1; i < order.length; i++)
      if (compareHashes(hashes, order[i - 1]! * 8, hashes, order[i]! * 8) === 0)
        throw new StateError("duplicate-key", "a block changes each slot at most once; a key came twice");
  }

  /** End, in the order, of the changes whose hashes begin with a byte below `byte`, from `from` on. */
  endBelow(order: Uint32Array, from: number, byte: number): number {
    const { u8 } = this.batch.kernel;
    const firstBytes = this.batch.hashesAt + 3;
    let low = from;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (u8[firstBytes + order[middle]! * 32]! < byte) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Those of an order that are in `kept`. */
function pick(order: Uint32Array, kept: Uint32Array): Uint32Array {
  const isKept = new Uint8Array(order.length);
  for (let i = 0; i < kept.length; i++) isKept[kept[i]!] = 1;
  const picked = new Uint32Array(kept.length);
  let n = 0;
  for (let i = 0; i < order.length; i++) if (isKept[order[i]!] === 1) picked[n++] = order[i]!;
  return picked;
}
