/**
 * Bulk load of the first state. Batches are collected by partition (about 120 bytes of memory per slot until
 * commit) and become one image per partition, the same that a block of all these changes on an empty state would
 * have made: entry 0 is the sentinel that points to the end, entry 1 the one that points to the first key.
 */
import { hashKeys, partitionOf } from "@velarium/slots";
import { StateError } from "./errors.ts";
import {
  ENTRY_WORDS,
  EntryWord,
  HASH_BYTES,
  KEY_BYTES,
  RESERVED_DOMAIN,
  TWIG_ENTRIES,
  VALUE_BYTES,
} from "./format.ts";
import { compareHashes, hashesToWords, sortHashes, writeHashBytes } from "./hash-words.ts";
import type { ImageMeta } from "./log-record.ts";

const ROW_WORDS = (HASH_BYTES + KEY_BYTES + VALUE_BYTES) / 4;

interface Rows {
  words: Uint32Array;
  count: number;
}

/** Writes the sentinel's key, all bytes of the reserved domain. */
function writeSentinel(entries: Uint32Array, at: number): void {
  entries.fill(0xffffffff, at + EntryWord.key, at + EntryWord.next);
}

export class GenesisLoader {
  private readonly partitions: number;
  private readonly rows = new Map<number, Rows>();
  slots = 0;

  constructor(partitions: number, owned: readonly number[]) {
    this.partitions = partitions;
    for (const p of owned) this.rows.set(p, { words: new Uint32Array(ROW_WORDS * 64), count: 0 });
  }

  /** Adds `count` slots; zero values are left out. */
  add(keys: Uint8Array, values: Uint8Array, count: number): void {
    const hashes = new Uint8Array(count * HASH_BYTES);
    hashKeys(keys, count, hashes);
    const row = new Uint8Array(ROW_WORDS * 4);
    const rowWords = new Uint32Array(row.buffer);
    for (let i = 0; i < count; i++) {
      if (keys[i * KEY_BYTES] === RESERVED_DOMAIN)
        throw new StateError("reserved-key", "slot keys do not start with 0xff");
      const partition = partitionOf(hashes, i * HASH_BYTES, this.partitions);
      const rows = this.rows.get(partition);
      if (rows === undefined) throw new StateError("not-owned", `partition ${partition} is not held here`);
      for (let j = 0; j < HASH_BYTES; j++) row[j] = hashes[i * HASH_BYTES + j]!;
      for (let j = 0; j < KEY_BYTES; j++) row[HASH_BYTES + j] = keys[i * KEY_BYTES + j]!;
      let bits = 0;
      for (let j = 0; j < VALUE_BYTES; j++)
        bits |= row[HASH_BYTES + KEY_BYTES + j] = values[i * VALUE_BYTES + j]!;
      if (bits === 0) continue;
      if ((rows.count + 1) * ROW_WORDS > rows.words.length) {
        const larger = new Uint32Array(rows.words.length * 2);
        larger.set(rows.words);
        rows.words = larger;
      }
      rows.words.set(rowWords, rows.count++ * ROW_WORDS);
      this.slots++;
    }
  }

  /** The image of one partition; frees what was collected for it. */
  image(partition: number, height: number): { meta: ImageMeta; entries: Uint8Array } {
    const { words, count } = this.rows.get(partition)!;
    this.rows.delete(partition);
    const total = count === 0 ? 1 : count + 2;
    const entries = new Uint32Array(total * ENTRY_WORDS);
    const bits = new Uint8Array(Math.ceil(total / TWIG_ENTRIES) * (TWIG_ENTRIES / 8));
    for (let n = 0; n < total; n++) bits[n >>> 3]! |= 1 << (n & 7);
    writeSentinel(entries, 0);
    entries.fill(0xffffffff, EntryWord.next, EntryWord.value);
    const meta = { partition, baseTwig: 0, twigRoots: new Uint8Array(0), bits };
    if (count === 0) return { meta, entries: new Uint8Array(entries.buffer) };
    bits[0]! &= ~1;
    const hashes = new Uint32Array(count * 8);
    for (let i = 0; i < count; i++) for (let j = 0; j < 8; j++) hashes[i * 8 + j] = words[i * ROW_WORDS + j]!;
    hashesToWords(new Uint8Array(hashes.buffer), count, hashes);
    const order = sortHashes(hashes, count);
    writeSentinel(entries, ENTRY_WORDS);
    writeHashBytes(hashes, order[0]! * 8, entries, ENTRY_WORDS + EntryWord.next);
    for (let i = 0; i < count; i++) {
      const at = (i + 2) * ENTRY_WORDS;
      const o = order[i]!;
      for (let j = 0; j < 14; j++) entries[at + j] = words[o * ROW_WORDS + 8 + j]!;
      for (let j = 0; j < 8; j++) entries[at + EntryWord.value + j] = words[o * ROW_WORDS + 22 + j]!;
      entries[at + EntryWord.heightLow] = height;
      entries[at + EntryWord.heightHigh] = height / 2 ** 32;
      if (i + 1 === count) entries.fill(0xffffffff, at + EntryWord.next, at + EntryWord.value);
      else {
        if (compareHashes(hashes, o * 8, hashes, order[i + 1]! * 8) === 0)
          throw new StateError("duplicate-key", "genesis names a slot twice");
        writeHashBytes(hashes, order[i + 1]! * 8, entries, at + EntryWord.next);
      }
    }
    return { meta, entries: new Uint8Array(entries.buffer) };
  }
}
