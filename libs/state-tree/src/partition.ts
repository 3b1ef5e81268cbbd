/**
 * One partition: index, tree, and where its entries lie in the log. `applyChanges` is the state transition; its
 * result is a pure function of the partition's state and the block's changes.
 */
import { hashInto } from "@chainsafe/hashtree";
import type { CodeFilter } from "@velarium/slots";
import type { EntryBuffer } from "./entry-buffer.ts";
import { EntryLocations } from "./entry-locations.ts";
import type { EntryLog } from "./entry-log.ts";
import type { EntryMaker } from "./entry-maker.ts";
import { StateError } from "./errors.ts";
import {
  COMPACT_ACTIVE,
  COMPACT_MIN_RANGE,
  COMPACT_RANGE,
  ENTRY_BYTES,
  ENTRY_WORDS,
  EntryWord,
  HASH_BYTES,
  RESERVED_DOMAIN,
  TWIG_ENTRIES,
} from "./format.ts";
import { compareHashes, hashesToWords } from "./hash-words.ts";
import type { KeyBatch } from "./key-batch.ts";
import { OrderedIndex } from "./ordered-index.ts";
import { LOCATED } from "./page-cache.ts";
import { deletedBelow, numberBefore, type PartUndo } from "./part-undo.ts";
import { hashEntries, PartitionTree } from "./partition-tree.ts";
import type { TreeKernel } from "./tree-kernel.ts";

/** Dead twigs that are collected before the tree forgets them together; it copies its live bits for that. */
const TRIM_TWIGS = 2;

let replacedScratch = new Float64Array(1024);
let positions = new Float64Array(256);
let leafHashes = new Uint8Array(0);
let keyBlocks = new Uint8Array(0);
let keyDigests = new Uint8Array(0);
let keyWords = new Uint32Array(0);

/** Hashes (as words) of the keys of `count` entries; the sentinel's is zero. The result is valid until the next call. */
export function hashesOfEntries(entries: Uint32Array, from: number, count: number): Uint32Array {
  if (keyWords.length < count * 8) {
    keyBlocks = new Uint8Array(count * 64);
    keyDigests = new Uint8Array(count * HASH_BYTES);
    keyWords = new Uint32Array(count * 8);
  }
  if (count === 0) return keyWords;
  const blocks = new Uint32Array(keyBlocks.buffer);
  for (let i = 0; i < count; i++) {
    const at = from + i * ENTRY_WORDS;
    for (let j = 0; j < 14; j++) blocks[i * 16 + j] = entries[at + j]!;
  }
  hashInto(keyBlocks.subarray(0, count * 64), keyDigests.subarray(0, count * HASH_BYTES));
  hashesToWords(keyDigests, count, keyWords);
  for (let i = 0; i < count; i++)
    if ((entries[from + i * ENTRY_WORDS]! & 0xff) === RESERVED_DOMAIN) keyWords.fill(0, i * 8, i * 8 + 8);
  return keyWords;
}

/** What the partitions of one store share. */
export interface PartitionParts {
  readonly kernel: TreeKernel;
  readonly maker: EntryMaker;
  readonly log: EntryLog;
  readonly codes: CodeFilter;
}

export class Partition {
  readonly id: number;
  readonly index: OrderedIndex;
  tree = new PartitionTree();
  readonly locations = new EntryLocations();
  private readonly maker: EntryMaker;
  private readonly log: EntryLog;
  private readonly codes: CodeFilter;
  /** Nothing before this entry is active: where compaction goes on. */
  private tail = 0;

  constructor(id: number, { kernel, maker, log, codes }: PartitionParts) {
    this.id = id;
    this.log = log;
    this.codes = codes;
    this.maker = maker;
    this.index = new OrderedIndex(kernel);
  }

  /** Position in the log of an entry. */
  positionOf(number: number): number {
    const position = this.locations.positionOf(number);
    if (position < 0)
      throw new StateError("corrupt-log", `entry ${number} of partition ${this.id} is not in the log`);
    return position;
  }

  /** Applies changes `order[from..to]` of a batch with its numbers, all of this partition and sorted, appending entries to `out`. */
  applyChanges(batch: KeyBatch, from: number, to: number, height: number, out: EntryBuffer): PartUndo {
    const { tail, tree, maker, index } = this;
    const first = tree.count;
    const start = out.count;
    const deleted: number[] = [];
    const deletedEntries: number[] = [];
    const reshaped = maker.updateIndex(index.handle, batch, from, to);
    if (reshaped) maker.noteChangedKeys(batch, from, to, this.codes, deleted, deletedEntries);
    const own = maker.emit(index.handle, batch, from, to, reshaped, height, first);
    const replaced = maker.replacedOf(own);
    const entries = maker.entriesOf(own);
    this.fillCopies(maker.copied(), replaced, entries);
    if (replacedScratch.length < own * 2) replacedScratch = new Float64Array(own * 3);
    replacedScratch.set(replaced);
    out.append(entries, own);
    for (let i = 0; i < own; i++) if (replacedScratch[i]! >= 0) tree.deactivate(replacedScratch[i]!);
    for (const number of deletedEntries) tree.deactivate(number);
    this.compact(out, start, first, own);
    const appended = out.count - start;
    this.appendToTree(out.bytes(start, appended), appended);
    return {
      first,
      replaced: replacedScratch.slice(0, appended),
      deleted: Uint32Array.from(deleted),
      deletedEntries: Float64Array.from(deletedEntries),
      tail,
    };
  }

  /** Completes entries that have only their next-key hash with what the entries they replace have beside it; their height stays that of the value. */
  private fillCopies(copied: Uint32Array, replaced: Float64Array, entries: Uint32Array): void {
    const { log } = this;
    if (positions.length < copied.length) positions = new Float64Array(copied.length * 2);
    for (let i = 0; i < copied.length; i++) positions[i] = this.positionOf(replaced[copied[i]!]!);
    for (let from = 0; from < copied.length; from += LOCATED) {
      const to = Math.min(copied.length, from + LOCATED);
      // An entry is two cache lines.
      log.locate(positions, from, to, EntryWord.key);
      log.locate(positions, from, to, EntryWord.value);
      for (let i = from; i < to; i++) {
        const entry = copied[i]! * ENTRY_WORDS;
        const n = i - from;
        log.copyWords(n, positions[i]!, EntryWord.key, EntryWord.next, entries, entry);
        const { value } = EntryWord;
        log.copyWords(n, positions[i]!, value, ENTRY_WORDS - value, entries, entry + value);
      }
    }
  }

  private appendToTree(entries: Uint8Array, count: number): void {
    if (leafHashes.length < count * HASH_BYTES) leafHashes = new Uint8Array(count * HASH_BYTES);
    hashEntries(entries, count, leafHashes);
    this.tree.append(leafHashes, count);
  }

  /** Copies an entry from the log; its height stays that of its value. */
  private copyEntry(number: number, out: EntryBuffer): void {
    const { log } = this;
    log.view(this.positionOf(number));
    const at = out.next();
    for (let j = 0; j < ENTRY_WORDS; j++) out.words[at + j] = log.words[log.at + j]!;
  }

  /** Moves the oldest active entries to the head while too little of the live range is active (see format.ts). */
  private compact(out: EntryBuffer, start: number, first: number, own: number): void {
    const { tree, index } = this;
    this.tail = tree.nextActive(this.tail);
    let moved = 0;
    while (moved < own && this.tail < first) {
      const range = first + own + moved - this.tail;
      if (range <= COMPACT_MIN_RANGE || index.size * COMPACT_RANGE >= range * COMPACT_ACTIVE) break;
      this.copyEntry(this.tail, out);
      replacedScratch[own + moved] = this.tail;
      tree.deactivate(this.tail);
      this.tail = tree.nextActive(this.tail + 1);
      moved++;
    }
    const hashes = hashesOfEntries(out.words, (start + own) * ENTRY_WORDS, moved);
    for (let i = 0; i < moved; i++) {
      index.seek(hashes, i * 8);
      index.setNumber(first + own + i);
    }
  }

  /** Applies a block read back from the log. */
  replay(entries: Uint32Array, from: number, appended: number, deleted: Uint32Array): PartUndo {
    const { index, tree } = this;
    index.reserve(appended);
    const undo: PartUndo = {
      first: tree.count,
      replaced: new Float64Array(appended),
      deleted,
      deletedEntries: new Float64Array(deleted.length / 8),
      tail: this.tail,
    };
    for (let i = 0; i < undo.deletedEntries.length; i++) {
      if (!index.seek(deleted, i * 8)) {
        // Its entry was in a dropped segment; such a block cannot be taken back.
        if (tree.baseTwig > 0) continue;
        throw new StateError("corrupt-log", "a block deletes a key that does not exist");
      }
      undo.deletedEntries[i] = index.number();
      tree.deactivate(index.number());
      index.remove();
    }
    const hashes = hashesOfEntries(entries, from, appended);
    for (let i = 0; i < appended; i++) {
      if (index.seek(hashes, i * 8)) {
        undo.replaced[i] = index.number();
        tree.deactivate(index.number());
        index.setNumber(undo.first + i);
      } else {
        undo.replaced[i] = -1;
        index.insert(hashes, i * 8, undo.first + i);
        this.codes.add(entries, from + i * ENTRY_WORDS);
      }
    }
    this.tail = tree.nextActive(this.tail);
    this.appendToTree(
      new Uint8Array(entries.buffer, entries.byteOffset + from * 4, appended * ENTRY_BYTES),
      appended,
    );
    return undo;
  }

  /** Fills an empty partition from an image. */
  loadImage(
    baseTwig: number,
    twigRoots: Uint8Array,
    bits: Uint8Array,
    entries: Uint8Array,
    position: number,
  ): void {
    const { index, tree } = this;
    tree.restore(baseTwig, twigRoots);
    const first = tree.count;
    const count = entries.length / ENTRY_BYTES;
    this.locations.add(first, position);
    const words = new Uint32Array(entries.buffer, entries.byteOffset, count * ENTRY_WORDS);
    for (let from = 0; from < count; from += TWIG_ENTRIES) {
      const n = Math.min(TWIG_ENTRIES, count - from);
      index.reserve(n);
      this.appendToTree(entries.subarray(from * ENTRY_BYTES, (from + n) * ENTRY_BYTES), n);
      const hashes = hashesOfEntries(words, from * ENTRY_WORDS, n);
      for (let i = 0; i < n; i++) {
        const active = bits[(from + i) >>> 3]! & (1 << ((from + i) & 7));
        if (active === 0) tree.deactivate(first + from + i);
        else if (index.seek(hashes, i * 8))
          throw new StateError("corrupt-log", "an image holds two active entries of one key");
        else {
          index.insert(hashes, i * 8, first + from + i);
          this.codes.add(words, (from + i) * ENTRY_WORDS);
        }
      }
    }
    this.tail = tree.nextActive(0);
  }

  /** Forgets locations of entries before the tree's base. */
  dropLocations(): void {
    this.locations.dropBefore(this.tree.baseTwig * TWIG_ENTRIES);
  }

  /** Takes back the newest block. */
  rollback(undo: PartUndo): void {
    const { index, tree } = this;
    const appended = undo.replaced.length;
    index.reserve(undo.deletedEntries.length);
    const entries = new Uint32Array(appended * ENTRY_WORDS);
    for (let i = 0; i < appended; i++) this.readEntry(undo.first + i, entries, i * ENTRY_WORDS);
    const hashes = hashesOfEntries(entries, 0, appended);
    for (let i = 0; i < appended; i++) {
      index.seek(hashes, i * 8);
      const old = undo.replaced[i]!;
      if (old < 0) index.remove();
      else {
        index.setNumber(old);
        tree.activate(old);
      }
    }
    for (let i = 0; i < undo.deletedEntries.length; i++) {
      index.seek(undo.deleted, i * 8);
      index.insert(undo.deleted, i * 8, undo.deletedEntries[i]!);
      tree.activate(undo.deletedEntries[i]!);
    }
    tree.truncate(undo.first, (first, n) => this.leavesOf(first, n));
    this.tail = undo.tail;
    this.locations.cut(undo.first);
  }

  /** Copies an entry of the log to `out[at..]`. */
  readEntry(number: number, out: Uint32Array, at: number): void {
    const { log } = this;
    log.view(this.positionOf(number));
    for (let j = 0; j < ENTRY_WORDS; j++) out[at + j] = log.words[log.at + j]!;
  }

  /** Hashes of `n` entries from `first` on, read from the log. */
  leavesOf(first: number, n: number): Uint8Array {
    const entries = new Uint32Array(n * ENTRY_WORDS);
    for (let i = 0; i < n; i++) this.readEntry(first + i, entries, i * ENTRY_WORDS);
    const out = new Uint8Array(n * HASH_BYTES);
    hashEntries(new Uint8Array(entries.buffer), n, out);
    return out;
  }

  /**
   * Entry of a key after the blocks before `undos` (newest block last), or -1: walks back from now, block by block.
   */
  numberAt(hashes: Uint32Array, at: number, undos: readonly PartUndo[]): number {
    return numberBefore(undos, this.index.seek(hashes, at) ? this.index.number() : -1, hashes, at);
  }

  /**
   * Greatest hash strictly below a hash among the keys of now and those deleted in `undos`; every key that was active
   * before them is one of these.
   */
  hashBelow(hash: Uint32Array, undos: readonly PartUndo[]): Uint32Array {
    const below = new Uint32Array(8);
    if (this.index.seek(hash, 0)) this.index.stepBack();
    this.index.hash(below, 0);
    for (const undo of undos) {
      const at = deletedBelow(undo, hash, 0) - 1;
      if (at >= 0 && compareHashes(undo.deleted, at * 8, below, 0) > 0)
        below.set(undo.deleted.subarray(at * 8, at * 8 + 8));
    }
    return below;
  }

  /** Lets the tree forget twigs that can never be active again, given the oldest block that can be taken back. */
  trim(oldest: PartUndo | undefined): void {
    const twig = Math.floor(Math.min(oldest?.tail ?? this.tail, this.tail) / TWIG_ENTRIES);
    if (twig - this.tree.baseTwig >= TRIM_TWIGS) this.tree.trim(twig);
  }
}
