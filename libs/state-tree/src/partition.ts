/**
 * One partition: index, tree, and where its entries lie in the log. `applyChanges` is the state transition; its
 * result is a pure function of the partition's state and the block's changes.
 */
import { hashInto } from "@chainsafe/hashtree";
import type { CodeFilter } from "@velarium/slots";
import type { EntryBuffer } from "./entry-buffer.ts";
import type { EntryLog } from "./entry-log.ts";
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
import type { LeafPool } from "./leaf-pool.ts";
import { LOOK_UPS, LookUps } from "./look-ups.ts";
import { OrderedIndex } from "./ordered-index.ts";
import { hashEntries, PartitionTree } from "./partition-tree.ts";

/** The changes of a block: hashes as words, keys (14 words each) and values (8 words each) by original index, and their order. */
export interface Changes {
  readonly height: number;
  readonly hashes: Uint32Array;
  readonly order: Uint32Array;
  readonly keys: Uint32Array;
  readonly values: Uint32Array;
  /** Entry of each slot before the block, or -1, by original index; null when not known. */
  readonly numbers: Float64Array | null;
}

/** What one block did to a partition, enough to take it back and to read what was before. */
export interface PartUndo {
  /** Number of the first entry it appended. */
  readonly first: number;
  /** For each appended entry the one it replaced, or -1. */
  readonly replaced: Float64Array;
  /** Deleted keys in order: hashes as words, and the entries they had. */
  readonly deleted: Uint32Array;
  readonly deletedEntries: Float64Array;
  /** Compaction's position before the block. */
  readonly tail: number;
}

/** Dead twigs that are collected before the tree forgets them together; it copies its live bits for that. */
const TRIM_TWIGS = 2;

const Change = { none: 0, update: 1, insert: 2, delete: 3 } as const;

let kinds = new Uint8Array(1024);
let replacedScratch = new Float64Array(1024);
const lookUps = new LookUps();
/** Keeps loads from being left out. */
const sink = { touched: 0 };
let leafHashes = new Uint8Array(0);
let keyBlocks = new Uint8Array(0);
let keyDigests = new Uint8Array(0);
let keyWords = new Uint32Array(0);
const last = new Uint32Array(8);
const here = new Uint32Array(8);

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

export class Partition {
  readonly id: number;
  readonly index: OrderedIndex;
  tree = new PartitionTree();
  /** For `LookUps`: all hashes are this partition's. */
  private readonly self: () => OrderedIndex;
  private readonly log: EntryLog;
  private readonly codes: CodeFilter;
  /** Runs of consecutive entries in the log: number and position of each run's first. */
  private runFirst = new Float64Array(16);
  private runPosition = new Float64Array(16);
  private runs = 0;
  /** Nothing before this entry is active: where compaction goes on. */
  private tail = 0;

  constructor(id: number, pool: LeafPool, log: EntryLog, codes: CodeFilter) {
    this.id = id;
    this.log = log;
    this.codes = codes;
    this.index = new OrderedIndex(pool);
    this.self = () => this.index;
  }

  /** Position in the log of an entry. */
  positionOf(number: number): number {
    let low = 0;
    let high = this.runs;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.runFirst[middle]! <= number) low = middle + 1;
      else high = middle;
    }
    if (low === 0)
      throw new StateError("corrupt-log", `entry ${number} of partition ${this.id} is not in the log`);
    return this.runPosition[low - 1]! + (number - this.runFirst[low - 1]!) * ENTRY_BYTES;
  }

  /** Notes that entries from `first` on lie at a position of the log. */
  addRun(first: number, position: number): void {
    if (this.runs > 0) {
      const expected =
        this.runPosition[this.runs - 1]! + (first - this.runFirst[this.runs - 1]!) * ENTRY_BYTES;
      if (expected === position) return;
    }
    if (this.runs === this.runFirst.length) {
      const firsts = new Float64Array(this.runs * 2);
      const positions = new Float64Array(this.runs * 2);
      firsts.set(this.runFirst);
      positions.set(this.runPosition);
      this.runFirst = firsts;
      this.runPosition = positions;
    }
    this.runFirst[this.runs] = first;
    this.runPosition[this.runs] = position;
    this.runs++;
  }

  get locationBytes(): number {
    return this.runFirst.byteLength * 2;
  }

  /** Applies changes `order[from..to]`, all of this partition and sorted, appending entries to `out`. */
  applyChanges(c: Changes, from: number, to: number, out: EntryBuffer): PartUndo {
    const tail = this.tail;
    const first = this.tree.count;
    const start = out.count;
    const deletes = this.updateIndex(c, from, to);
    this.emitEntries(c, from, to, out, start, first);
    const own = out.count - start;
    for (let i = 0; i < own; i++) if (replacedScratch[i]! >= 0) this.tree.deactivate(replacedScratch[i]!);
    for (const number of deletes.entries) this.tree.deactivate(number);
    this.compact(out, start, first, own);
    const appended = out.count - start;
    this.appendToTree(out.bytes(start, appended), appended);
    return {
      first,
      replaced: replacedScratch.slice(0, appended),
      deleted: Uint32Array.from(deletes.hashes),
      deletedEntries: Float64Array.from(deletes.entries),
      tail,
    };
  }

  private appendToTree(entries: Uint8Array, count: number): void {
    if (leafHashes.length < count * HASH_BYTES) leafHashes = new Uint8Array(count * HASH_BYTES);
    hashEntries(entries, count, leafHashes);
    this.tree.append(leafHashes, count);
  }

  /** First pass: brings the index to the block's final set of keys and says what each change is. */
  private updateIndex(c: Changes, from: number, to: number): { hashes: number[]; entries: number[] } {
    if (kinds.length < to - from) kinds = new Uint8Array((to - from) * 2);
    const { index } = this;
    const hashes: number[] = [];
    const entries: number[] = [];
    for (let i = from; i < to; i++) {
      const o = c.order[i]!;
      let bits = 0;
      for (let j = 0; j < 8; j++) bits |= c.values[o * 8 + j]!;
      if (bits !== 0 && c.numbers !== null && c.numbers[o]! >= 0) {
        kinds[i - from] = Change.update;
        continue;
      }
      const exact = index.seek(c.hashes, o * 8);
      let kind: number = Change.none;
      if (bits !== 0) {
        kind = exact ? Change.update : Change.insert;
        if (!exact) {
          index.insert(c.hashes, o * 8, 0);
          this.codes.add(c.keys, o * 14);
        }
      } else if (exact) {
        kind = Change.delete;
        entries.push(index.number());
        for (let j = 0; j < 8; j++) hashes.push(c.hashes[o * 8 + j]!);
        index.remove();
      }
      kinds[i - from] = kind;
    }
    return { hashes, entries };
  }

  /**
   * Second pass: appends entries in order of key, each once: changed keys, and keys whose successor changed. A
   * predecessor sorts after whatever was emitted for an earlier change, or is the entry emitted last.
   */
  private emitEntries(
    c: Changes,
    from: number,
    to: number,
    out: EntryBuffer,
    start: number,
    first: number,
  ): void {
    const { index } = this;
    const most = (to - from) * 2;
    if (replacedScratch.length < most * 2) replacedScratch = new Float64Array(most * 2);
    let emitted = false;
    for (let i = from, group = from, found = from; i < to; i++) {
      if (i === found) {
        // The keys are what they will be: places hold.
        group = i;
        found = Math.min(to, i + LOOK_UPS);
        lookUps.find(c.hashes, c.order, group, found, this.self);
        touchChanges(c, group, found);
      }
      const kind = kinds[i - from]!;
      if (kind === Change.none) continue;
      const o = c.order[i]!;
      lookUps.seek(i - group, index, c.hashes, o * 8);
      if (kind !== Change.update) {
        if (kind === Change.insert) index.stepBack();
        index.hash(here, 0);
        if (!emitted || compareHashes(here, 0, last, 0) !== 0) {
          const n = out.count - start;
          const old = index.number();
          this.copyEntry(old, out);
          index.nextHash(out.words, (start + n) * ENTRY_WORDS + EntryWord.next);
          index.setNumber(first + n);
          replacedScratch[n] = old;
          last.set(here);
          emitted = true;
        }
        if (kind === Change.delete) continue;
        index.stepForward();
      }
      const n = out.count - start;
      replacedScratch[n] = kind === Change.update ? index.number() : -1;
      this.writeEntry(c, o, out);
      index.setNumber(first + n);
      for (let j = 0; j < 8; j++) last[j] = c.hashes[o * 8 + j]!;
      emitted = true;
    }
  }

  private writeEntry(c: Changes, o: number, out: EntryBuffer): void {
    const at = out.next();
    const { words } = out;
    for (let j = 0; j < 14; j++) words[at + j] = c.keys[o * 14 + j]!;
    this.index.nextHash(words, at + EntryWord.next);
    for (let j = 0; j < 8; j++) words[at + EntryWord.value + j] = c.values[o * 8 + j]!;
    words[at + EntryWord.heightLow] = c.height;
    words[at + EntryWord.heightHigh] = c.height / 2 ** 32;
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
    if (replacedScratch.length < own * 2) {
      const larger = new Float64Array(own * 2);
      larger.set(replacedScratch);
      replacedScratch = larger;
    }
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
    this.addRun(first, position);
    const words = new Uint32Array(entries.buffer, entries.byteOffset, count * ENTRY_WORDS);
    for (let from = 0; from < count; from += TWIG_ENTRIES) {
      const n = Math.min(TWIG_ENTRIES, count - from);
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
    const base = this.tree.baseTwig * TWIG_ENTRIES;
    let dead = 0;
    while (dead + 1 < this.runs && this.runFirst[dead + 1]! <= base) dead++;
    this.runFirst.copyWithin(0, dead, this.runs);
    this.runPosition.copyWithin(0, dead, this.runs);
    this.runs -= dead;
  }

  /** Takes back the newest block. */
  rollback(undo: PartUndo): void {
    const { index, tree } = this;
    const appended = undo.replaced.length;
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
    while (this.runs > 0 && this.runFirst[this.runs - 1]! >= undo.first) this.runs--;
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
    let number = this.index.seek(hashes, at) ? this.index.number() : -1;
    for (let b = undos.length - 1; b >= 0; b--) {
      const undo = undos[b]!;
      if (number >= undo.first) number = undo.replaced[number - undo.first]!;
      else if (number < 0) number = findDeleted(undo, hashes, at);
    }
    return number;
  }

  /**
   * Greatest hash strictly below a hash among the keys of now and those deleted in `undos`; every key that was active
   * before them is one of these.
   */
  hashBelow(hash: Uint32Array, undos: readonly PartUndo[]): Uint32Array {
    const below = new Uint32Array(8);
    if (this.index.seek(hash, 0)) this.index.stepBack();
    this.index.hash(below, 0);
    for (const { deleted, deletedEntries } of undos) {
      const at = lowerBound(deleted, deletedEntries.length, hash, 0) - 1;
      if (at >= 0 && compareHashes(deleted, at * 8, below, 0) > 0)
        below.set(deleted.subarray(at * 8, at * 8 + 8));
    }
    return below;
  }

  /** Lets the tree forget twigs that can never be active again, given the oldest block that can be taken back. */
  trim(oldest: PartUndo | undefined): void {
    const twig = Math.floor(Math.min(oldest?.tail ?? this.tail, this.tail) / TWIG_ENTRIES);
    if (twig - this.tree.baseTwig >= TRIM_TWIGS) this.tree.trim(twig);
  }
}

/** Loads keys and values of changes `order[from..to]`, which lie in another order: only loads alone are waited for together. */
function touchChanges(c: Changes, from: number, to: number): void {
  const { keys, values, order } = c;
  let sum = 0;
  for (let i = from; i < to; i++) {
    const o = order[i]!;
    sum ^= keys[o * 14]! ^ keys[o * 14 + 13]! ^ values[o * 8]!;
  }
  sink.touched = sum;
}

/** Number of the `count` sorted hashes that sort before a hash. */
function lowerBound(hashes: Uint32Array, count: number, hash: Uint32Array, hashAt: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareHashes(hashes, middle * 8, hash, hashAt) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function findDeleted(undo: PartUndo, hash: Uint32Array, hashAt: number): number {
  const at = lowerBound(undo.deleted, undo.deletedEntries.length, hash, hashAt);
  const found = at < undo.deletedEntries.length && compareHashes(undo.deleted, at * 8, hash, hashAt) === 0;
  return found ? undo.deletedEntries[at]! : -1;
}

/** Refuses keys of the reserved domain and duplicates among sorted changes. */
export function checkChanges(c: Changes, count: number): void {
  for (let i = 0; i < count; i++) {
    const o = c.order[i]!;
    if ((c.keys[o * 14]! & 0xff) === RESERVED_DOMAIN)
      throw new StateError("reserved-key", `slot keys do not start with 0x${RESERVED_DOMAIN.toString(16)}`);
    if (i > 0 && compareHashes(c.hashes, c.order[i - 1]! * 8, c.hashes, o * 8) === 0)
      throw new StateError("duplicate-key", "a block changes each slot at most once; a key came twice");
  }
}
