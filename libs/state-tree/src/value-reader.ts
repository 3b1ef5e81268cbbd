/** Reads committed values: keys to entries by the kernel, entries to values by the log. */
import type { EntryLog } from "./entry-log.ts";
import { EntryWord } from "./format.ts";
import { KeyBatch } from "./key-batch.ts";
import { LOCATED } from "./page-cache.ts";
import { numberBefore, type PartUndo } from "./part-undo.ts";
import type { PartitionSet } from "./partition-set.ts";
import { alignedTarget, alignedWords, clearValue, KEY_WORDS, VALUE_WORDS } from "./words.ts";

export class ValueReader {
  private readonly set: PartitionSet;
  private readonly log: EntryLog;
  private readonly batch: KeyBatch;
  private positions = new Float64Array(256);

  constructor(set: PartitionSet, log: EntryLog) {
    this.set = set;
    this.log = log;
    this.batch = new KeyBatch(set.kernel);
  }

  /**
   * Reads `count` slots (56 bytes each) into `out` (32 bytes each; absent is zero); where `undosOf` is given, as they were
   * before the blocks it names for a place in the set.
   */
  getBatch(
    keys: Uint8Array,
    count: number,
    out: Uint8Array,
    undosOf: ((place: number) => readonly PartUndo[]) | null,
  ): void {
    const { batch, set } = this;
    const { codes } = set;
    const words = alignedWords(keys, count * KEY_WORDS);
    const target = alignedTarget(out, count);
    batch.begin(count);
    const { u32 } = batch.kernel;
    for (let i = 0; i < count; i++) {
      if (codes.isAbsent(words, i * KEY_WORDS)) clearValue(target, i * VALUE_WORDS);
      else batch.add(u32, words, i * KEY_WORDS, i);
    }
    batch.hash();
    set.checkOwned(batch);
    batch.find(null);
    if (undosOf !== null) {
      const numbers = batch.numbers();
      const hashes = batch.hashes();
      for (let k = 0; k < batch.count; k++)
        numbers[k] = numberBefore(undosOf(set.placeOf(batch.firstByte(k))), numbers[k]!, hashes, k * 8);
    }
    this.read(batch, target);
    if (target.buffer !== out.buffer) out.set(new Uint8Array(target.buffer));
  }

  /** Copies the values of the entries that `find` has found to where the batch was asked; -1 reads as zero. */
  read(batch: KeyBatch, target: Uint32Array): void {
    const { log, set } = this;
    const { indices, count } = batch;
    const { u8, f64 } = batch.kernel;
    if (this.positions.length < count) this.positions = new Float64Array(count * 2);
    const { positions } = this;
    const numbersFrom = batch.numbersAt >>> 3;
    const firstBytes = batch.hashesAt + 3;
    for (let from = 0; from < count; from += LOCATED) {
      const end = Math.min(count, from + LOCATED);
      for (let k = from; k < end; k++) {
        const number = f64[numbersFrom + k]!;
        positions[k] = number < 0 ? -1 : set.list[set.placeOf(u8[firstBytes + k * 32]!)]!.positionOf(number);
      }
      log.locate(positions, from, end, EntryWord.value);
      for (let k = from; k < end; k++) {
        const to = indices[k]! * VALUE_WORDS;
        const position = positions[k]!;
        if (position < 0) clearValue(target, to);
        else log.copyWords(k - from, position, EntryWord.value, VALUE_WORDS, target, to);
      }
    }
  }
}
