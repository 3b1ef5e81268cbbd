/**
 * The state of one shard: some partitions of the chain's state, their trees, and their log. Synchronous and
 * deterministic: roots depend on the blocks only, never on caches, restarts or how partitions are spread.
 */
import { type CodeFilter, partitionOf } from "@velarium/slots";
import { readBase, writeBase } from "./base-file.ts";
import { ChangeBatch } from "./change-batch.ts";
import { combinedRoot } from "./combined-root.ts";
import { EntryBuffer } from "./entry-buffer.ts";
import { EntryLog } from "./entry-log.ts";
import { StateError } from "./errors.ts";
import { ENTRY_BYTES, ENTRY_WORDS, HASH_BYTES, KEY_BYTES, TWIG_ENTRIES, VALUE_BYTES } from "./format.ts";
import { GenesisLoader } from "./genesis.ts";
import { hashesToWords } from "./hash-words.ts";
import {
  type BlockPart,
  decodeBlockMeta,
  decodeHeader,
  decodeImageMeta,
  encodeBlockMeta,
  encodeImageMeta,
  entriesOffset,
  HEADER_BYTES,
  type Pieces,
  type RecordHeader,
  RecordKind,
} from "./log-record.ts";
import { type Manifest, manifestOf, openManifest } from "./manifest.ts";
import type { PartUndo } from "./part-undo.ts";
import type { Partition } from "./partition.ts";
import { PartitionSet } from "./partition-set.ts";
import type { AppliedBlock, BlockChanges, StateStats, StateStoreOptions } from "./store-types.ts";
import { ValueReader } from "./value-reader.ts";

/** A block that can still be taken back. */
interface BlockUndo {
  readonly height: number;
  /** Log position before the block. */
  readonly logStart: number;
  readonly parts: readonly PartUndo[];
  /** Partition roots before the block. */
  readonly roots: Uint8Array;
}

const NO_RECORD = new Uint8Array(0);
const ZERO_WORD = new Uint8Array(VALUE_BYTES);

export class StateStore {
  readonly partitions: number;
  readonly owned: readonly number[];
  readonly manifest: Manifest;
  private readonly dir: string | null;
  private readonly undoBlocks: number;
  private readonly log: EntryLog;
  private set!: PartitionSet;
  private reader!: ValueReader;
  private changing!: ChangeBatch;
  private undos: BlockUndo[] = [];
  private roots: Uint8Array;
  /** Height of the first block, whose state cannot be taken back. */
  private firstHeight = -1;
  private lastHeight = -1;
  /** Log position of each block record by height - firstHeight, and its end. */
  private recordPositions: number[] = [];
  private recordEnds: number[] = [];
  /** Position at which the log begins, after segments were dropped. */
  private logStart = 0;
  private genesis: GenesisLoader | null = null;

  private constructor(options: StateStoreOptions) {
    const partitions = options.partitions ?? 64;
    if (partitions < 1 || partitions > 256 || (partitions & (partitions - 1)) !== 0)
      throw new StateError("bad-options", `partitions must be a power of two up to 256, got ${partitions}`);
    const owned = [...(options.owned ?? Array.from({ length: partitions }, (_, i) => i))].sort(
      (a, b) => a - b,
    );
    if (
      owned.length === 0 ||
      new Set(owned).size !== owned.length ||
      owned.some((p) => !(p >= 0 && p < partitions))
    )
      throw new StateError(
        "bad-options",
        `owned partitions must be distinct and below ${partitions}, got [${owned}]`,
      );
    this.partitions = partitions;
    this.owned = owned;
    this.dir = options.dir;
    this.undoBlocks = Math.max(64, options.undoBlocks ?? 64);
    this.manifest = manifestOf(options.chain, partitions, owned);
    this.roots = new Uint8Array(owned.length * HASH_BYTES);
    if (options.dir !== null) openManifest(options.dir, this.manifest);
    this.log = new EntryLog(options.dir, options);
    this.createPartitions();
    if (options.dir !== null) this.replayLog();
  }

  /** Opens or creates a store; throws StateError `wrong-chain`, `wrong-version`, `wrong-partitions`, `corrupt-log`. */
  static open(options: StateStoreOptions): StateStore {
    return new StateStore(options);
  }

  /** Every code slot that was ever written here. Another object after a rollback. */
  get codeFilter(): CodeFilter {
    return this.set.codes;
  }

  private get parts(): readonly Partition[] {
    return this.set.list;
  }

  /** Height of the newest applied block, or -1 before genesis. */
  get height(): number {
    return this.lastHeight;
  }

  /** Height of the newest block that survives a power cut, or -1. */
  get durableHeight(): number {
    const ends = this.recordEnds;
    let n = ends.length;
    while (n > 0 && ends[n - 1]! > this.log.durable) n--;
    return n === 0 ? -1 : this.firstHeight + n - 1;
  }

  /** Lowest height that `rollbackTo` and reads at a height reach. */
  get oldestHeight(): number {
    return this.lastHeight - this.undos.length;
  }

  /** Root of each owned partition after the newest block (or after `height`), 32 bytes each. */
  partitionRoots(height = this.lastHeight): Uint8Array {
    const undo = this.undoAbove(height);
    return (undo === null ? this.roots : this.undos[undo]!.roots).slice();
  }

  /** The state root, when all partitions are held here; else combine the roots of all shards with `combinedRoot`. */
  stateRoot(height = this.lastHeight): Uint8Array {
    if (this.owned.length !== this.partitions)
      throw new StateError(
        "not-owned",
        `the state root needs all ${this.partitions} partitions, ${this.owned.length} are here`,
      );
    return combinedRoot(this.partitionRoots(height), this.partitions);
  }

  /** Adds slots of the first state; call `commitGenesis` when all are in. */
  addGenesis(keys: Uint8Array, values: Uint8Array, count: number): void {
    if (this.lastHeight >= 0) throw new StateError("wrong-height", "genesis is already committed");
    this.genesis ??= new GenesisLoader(this.partitions, this.owned);
    this.genesis.add(keys, values, count);
  }

  /** Makes the slots added by `addGenesis` the state at `height` (default 0), durably. */
  commitGenesis(options: { height?: number; record?: Pieces; sync?: boolean } = {}): AppliedBlock {
    const applied = this.applyGenesis(options.height ?? 0, options.record ?? NO_RECORD);
    this.persist(applied.height, options.sync ?? true);
    return applied;
  }

  private applyGenesis(height: number, record: Pieces): AppliedBlock {
    if (this.lastHeight >= 0) throw new StateError("wrong-height", "genesis is already committed");
    const loader = this.genesis ?? new GenesisLoader(this.partitions, this.owned);
    this.genesis = null;
    for (const part of this.parts) {
      const { meta, entries } = loader.image(part.id, height);
      this.appendImage(part, height, encodeImageMeta(meta), entries);
    }
    return this.finishImages(height, record);
  }

  /** Adds a partition's image to the log and the partition. */
  appendImage(part: Partition, height: number, meta: Uint8Array, entries: Uint8Array): void {
    const position = this.log.append({ kind: RecordKind.image, height, meta, entries, payload: NO_RECORD });
    const image = decodeImageMeta(meta);
    part.loadImage(image.baseTwig, image.twigRoots, image.bits, entries, position);
    if (this.dir !== null) this.log.persist(this.log.end, false);
  }

  /** Seals images with the block record that makes them count. */
  finishImages(height: number, record: Pieces): AppliedBlock {
    const before = this.log.end;
    const parts = this.parts.map((part, i) => {
      part.tree.updateRoot(this.roots, i * HASH_BYTES);
      const root = this.roots.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES);
      return { partition: part.id, first: part.tree.count, appended: 0, root, deleted: NO_RECORD };
    });
    this.log.append({
      kind: RecordKind.block,
      height,
      meta: encodeBlockMeta(parts),
      entries: NO_RECORD,
      payload: record,
    });
    this.firstHeight = this.lastHeight = height;
    this.recordPositions = [before];
    this.recordEnds = [this.log.end];
    return { height, partitionRoots: this.roots.slice() };
  }

  /** Applies and persists a block: one append, one sync unless `sync` is false. */
  commit(block: BlockChanges & { readonly sync?: boolean }): AppliedBlock {
    const applied = this.apply(block);
    this.persist(applied.height, block.sync ?? true);
    return applied;
  }

  /** Applies a block in memory and gives its roots. On a fresh store the first block is the genesis. */
  apply(block: BlockChanges): AppliedBlock {
    const { height, count } = block;
    if (block.keys.length < count * KEY_BYTES || block.values.length < count * VALUE_BYTES)
      throw new RangeError(
        `${count} changes need ${count * KEY_BYTES} bytes of keys and ${count * VALUE_BYTES} of values`,
      );
    if (this.lastHeight < 0) {
      this.addGenesis(block.keys, block.values, count);
      return this.applyGenesis(height, block.record ?? NO_RECORD);
    }
    if (height !== this.lastHeight + 1)
      throw new StateError("wrong-height", `the next block is ${this.lastHeight + 1}, got ${height}`);
    const order = this.changing.take(block.keys, block.values, count, block.kept);
    return this.applySorted(height, order, block.record ?? NO_RECORD);
  }

  private applySorted(height: number, order: Uint32Array, record: Pieces): AppliedBlock {
    const { parts, changing } = this;
    const buffer = new EntryBuffer(this.log.takeSpare());
    const logStart = this.log.end;
    const rootsBefore = this.roots.slice();
    let from = 0;
    const undos: PartUndo[] = [];
    const meta: BlockPart[] = [];
    for (let p = 0; p < parts.length; p++) {
      const part = parts[p]!;
      const to = changing.endBelow(order, from, ((part.id + 1) * 256) / this.partitions);
      const undo = part.applyChanges(changing.batch, from, to, height, buffer);
      part.tree.updateRoot(this.roots, p * HASH_BYTES);
      undos.push(undo);
      meta.push({
        partition: part.id,
        first: undo.first,
        appended: undo.replaced.length,
        root: this.roots.slice(p * HASH_BYTES, (p + 1) * HASH_BYTES),
        deleted: wordsToHashBytes(undo.deleted),
      });
      from = to;
    }
    const position = this.log.append({
      kind: RecordKind.block,
      height,
      meta: encodeBlockMeta(meta),
      entries: buffer.bytes(0, buffer.count),
      payload: record,
      lent: buffer.words,
    });
    this.finishBlock({ height, logStart, parts: undos, roots: rootsBefore }, position);
    return { height, partitionRoots: this.roots.slice() };
  }

  /** Notes where the block's entries lie and moves the undo window on. */
  private finishBlock(undo: BlockUndo, entriesPosition: number, skips?: readonly number[]): void {
    let at = entriesPosition;
    for (let p = 0; p < this.parts.length; p++) {
      at += (skips?.[p] ?? 0) * ENTRY_BYTES;
      const { first, replaced } = undo.parts[p]!;
      if (replaced.length > 0) this.parts[p]!.locations.add(first, at);
      at += replaced.length * ENTRY_BYTES;
    }
    this.recordPositions.push(undo.logStart);
    this.recordEnds.push(this.log.end);
    this.lastHeight = undo.height;
    this.undos.push(undo);
    if (this.undos.length > this.undoBlocks) this.undos.shift();
    for (let p = 0; p < this.parts.length; p++) this.parts[p]!.trim(this.undos[0]?.parts[p]);
  }

  /** Writes all applied blocks up to `height`, and by default syncs. */
  persist(height = this.lastHeight, sync = true): void {
    this.log.persist(this.endOf(height), sync);
  }

  /** Like `persist`, waiting for the sync without blocking. */
  persistAsync(height = this.lastHeight): Promise<void> {
    return this.log.persistAsync(this.endOf(height));
  }

  private endOf(height: number): number {
    const end = this.recordEnds[height - this.firstHeight];
    if (end === undefined)
      throw new StateError("wrong-height", `no block ${height}; the newest is ${this.lastHeight}`);
    return end;
  }

  /**
   * Reads `count` slots (56 bytes each) into `out` (32 bytes each; absent is zero), at the newest height or at one of
   * the undo window.
   */
  getBatch(keys: Uint8Array, count: number, out: Uint8Array, height = this.lastHeight): void {
    const above = this.undoAbove(height);
    this.reader.getBatch(
      keys,
      count,
      out,
      above === null ? null : (place: number) => this.partUndos(above, place),
    );
  }

  /**
   * `getBatch` at the newest height for the slots that the next block may change, each once. The block may then be
   * applied with `kept`, the indices of those that do change: their hashes and order are not worked out again.
   */
  readForBlock(keys: Uint8Array, count: number, out: Uint8Array): void {
    this.changing.read(keys, count, out);
  }

  /** The value of one slot; zero when absent. */
  get(key: Uint8Array, height = this.lastHeight): Uint8Array {
    if (this.lastHeight < 0) return ZERO_WORD.slice();
    const out = new Uint8Array(VALUE_BYTES);
    this.getBatch(key, 1, out, height);
    return out;
  }

  /** Takes back all blocks above `height`, in the log as well. */
  rollbackTo(height: number): void {
    if (height > this.lastHeight)
      throw new StateError("wrong-height", `cannot roll back to ${height} from ${this.lastHeight}`);
    if (height < this.oldestHeight)
      throw new StateError(
        "height-out-of-window",
        `can roll back to ${this.oldestHeight} at the earliest, asked for ${height}`,
      );
    this.changing.forget();
    let cut = this.log.end;
    while (this.lastHeight > height) {
      const undo = this.undos.pop()!;
      for (let p = 0; p < this.parts.length; p++) this.parts[p]!.rollback(undo.parts[p]!);
      this.roots = undo.roots.slice();
      this.recordPositions.pop();
      this.recordEnds.pop();
      this.lastHeight--;
      cut = undo.logStart;
    }
    this.log.truncate(cut);
    for (let p = 0; p < this.parts.length; p++) this.parts[p]!.tree.updateRoot(this.roots, p * HASH_BYTES);
  }

  /** The record stripe of a block, or null when there is no such block. */
  recordAt(height: number): Uint8Array | null {
    const position = this.recordPositions[height - this.firstHeight];
    if (this.firstHeight < 0 || position === undefined) return null;
    const header = decodeHeader(this.log.read(position, HEADER_BYTES));
    if (header === null || header === "version" || header.height !== height)
      throw new StateError("corrupt-log", `no block record at position ${position} of the log`);
    return this.log.payload(header, position);
  }

  /**
   * Frees log space in front of which nothing is active and nothing can be rolled back to: whole segment files on
   * disk, blocks in memory. Block records below `keepRecordsFrom` may go with it. Returns the bytes freed. Roots do
   * not depend on when, or whether, this is called.
   */
  reclaim(keepRecordsFrom = this.oldestHeight): number {
    const oldest = this.oldestHeight;
    if (this.lastHeight < 0 || oldest > this.durableHeight) return 0;
    const limit = Math.min(keepRecordsFrom, oldest);
    // Entries die from the front, so the blocks whose predecessors are all dead come first.
    const starts = this.dir === null ? null : new Set(this.log.segmentStarts());
    const cuts = this.recordPositions.filter(
      (position, i) => i > 0 && this.firstHeight + i <= limit && (starts === null || starts.has(position)),
    );
    let low = 0;
    for (let high = cuts.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.isDeadBefore(cuts[middle]!)) low = middle + 1;
      else high = middle;
    }
    const cut = cuts[low - 1];
    if (cut === undefined) return 0;
    const by = this.recordPositions.indexOf(cut);
    const firstHeight = this.firstHeight + by;
    if (this.dir !== null) {
      const partitions = this.parts.map(({ id, tree }) => {
        const twigRoots = new Uint8Array(tree.baseTwig * HASH_BYTES);
        for (let t = 0; t < tree.baseTwig; t++) twigRoots.set(tree.twigRoot(t), t * HASH_BYTES);
        return { partition: id, baseTwig: tree.baseTwig, twigRoots };
      });
      writeBase(this.dir, { position: cut, firstHeight, oldestHeight: oldest, partitions });
    }
    this.log.dropBefore(cut);
    for (const part of this.parts) part.dropLocations();
    const freed = cut - this.logStart;
    this.logStart = cut;
    this.firstHeight = firstHeight;
    this.recordPositions.splice(0, by);
    this.recordEnds.splice(0, by);
    return freed;
  }

  /** True when no entry in front of the block record at a position can be active again. */
  private isDeadBefore(position: number): boolean {
    return this.blockPartsAt(position).every(
      (b, i) => b.first <= this.parts[i]!.tree.baseTwig * TWIG_ENTRIES,
    );
  }

  private blockPartsAt(position: number): BlockPart[] {
    const header = decodeHeader(this.log.read(position, HEADER_BYTES));
    if (header === null || header === "version")
      throw new StateError("corrupt-log", `no block record at position ${position} of the log`);
    return decodeBlockMeta(this.log.read(position + HEADER_BYTES, header.metaBytes));
  }

  /** Index of the first undo that must be taken back to see `height`, or null for the newest state. */
  private undoAbove(height: number): number | null {
    if (height === this.lastHeight) return null;
    if (height > this.lastHeight || height < this.oldestHeight)
      throw new StateError(
        "height-out-of-window",
        `heights ${this.oldestHeight} to ${this.lastHeight} can be read, asked for ${height}`,
      );
    return this.undos.length - (this.lastHeight - height);
  }

  private partUndos(above: number, slot: number): PartUndo[] {
    const list: PartUndo[] = [];
    for (let b = above; b < this.undos.length; b++) list.push(this.undos[b]!.parts[slot]!);
    return list;
  }

  /** For proofs: the partition of a key hash, its undos above `height`, and its place among the owned. */
  partitionAt(
    keyHash: Uint8Array,
    height: number,
  ): { part: Partition; slot: number; undos: PartUndo[]; log: EntryLog } {
    const partition = partitionOf(keyHash, 0, this.partitions);
    const slot = this.set.places[partition]!;
    if (slot < 0) throw new StateError("not-owned", `partition ${partition} is not held here`);
    const above = this.undoAbove(height);
    return {
      part: this.parts[slot]!,
      slot,
      undos: above === null ? [] : this.partUndos(above, slot),
      log: this.log,
    };
  }

  /** For snapshots: the partitions in order. */
  get partitionList(): readonly Partition[] {
    return this.parts;
  }

  private createPartitions(): void {
    this.set = new PartitionSet(this.partitions, this.owned, this.log);
    this.reader = new ValueReader(this.set, this.log);
    this.changing = new ChangeBatch(this.set, this.reader);
  }

  private replayLog(): void {
    let kept = 0;
    let images = 0;
    const base = readBase(this.dir!);
    if (base !== null) {
      this.log.dropBefore(base.position);
      this.logStart = base.position;
      this.firstHeight = base.firstHeight;
      this.lastHeight = base.firstHeight - 1;
      base.partitions.forEach((p, i) => {
        this.parts[i]!.tree.restore(p.baseTwig, p.twigRoots);
      });
    }
    this.log.scan((header, position, meta, entries) => {
      if (header.kind === RecordKind.image) {
        images++;
        const image = decodeImageMeta(meta);
        const part = this.parts[this.set.places[image.partition]!]!;
        part.loadImage(
          image.baseTwig,
          image.twigRoots,
          image.bits,
          entries,
          position + entriesOffset(header),
        );
        return;
      }
      if (this.lastHeight < 0) {
        this.firstHeight = this.lastHeight = header.height;
        this.recordPositions = [position];
        this.recordEnds = [
          position + entriesOffset(header) + entries.length + Math.ceil(header.payloadBytes / 128) * 128,
        ];
      } else this.replayBlock(header, position, meta, entries);
      for (const [i, part] of decodeBlockMeta(meta).entries()) this.roots.set(part.root, i * HASH_BYTES);
      kept = this.recordEnds.at(-1)!;
    });
    if (this.lastHeight < 0) {
      // Images without their block record: a genesis that was cut short.
      if (images > 0) this.createPartitions();
      this.log.truncate(0);
      return;
    }
    this.log.truncate(kept);
    if (base !== null) this.undos = this.undos.filter((u) => u.height > base.oldestHeight);
    const stored = this.roots.slice();
    this.parts.forEach((part, i) => {
      part.tree.updateRoot(this.roots, i * HASH_BYTES);
    });
    if (Buffer.compare(stored, this.roots) !== 0)
      throw new StateError(
        "corrupt-log",
        `the roots rebuilt from the log differ from those of block ${this.lastHeight}`,
      );
  }

  private replayBlock(header: RecordHeader, position: number, meta: Uint8Array, entries: Uint8Array): void {
    const words = new Uint32Array(entries.buffer, entries.byteOffset, entries.length / 4);
    let at = 0;
    const skips: number[] = [];
    const undos = decodeBlockMeta(meta).map((block, i) => {
      const part = this.parts[i]!;
      // Entries before a restored base are dead; the block that the log now begins in may still hold some.
      const base = part.tree.baseTwig * TWIG_ENTRIES;
      const skip = part.tree.count === base ? Math.min(Math.max(base - block.first, 0), block.appended) : 0;
      if (block.partition !== part.id || (block.first + skip !== part.tree.count && skip < block.appended))
        throw new StateError("corrupt-log", `block ${header.height} does not continue partition ${part.id}`);
      const deleted = new Uint32Array(block.deleted.length / 4);
      hashesToWords(block.deleted, block.deleted.length / HASH_BYTES, deleted);
      const undo = part.replay(words, (at + skip) * ENTRY_WORDS, block.appended - skip, deleted);
      at += block.appended;
      skips.push(skip);
      return undo;
    });
    const roots = this.roots.slice();
    this.log.end =
      position + entriesOffset(header) + entries.length + Math.ceil(header.payloadBytes / 128) * 128;
    this.finishBlock(
      { height: header.height, logStart: position, parts: undos, roots },
      position + entriesOffset(header),
      skips,
    );
  }

  stats(): StateStats {
    let slots = 0;
    let entries = 0;
    let trees = 0;
    let locations = 0;
    for (const part of this.parts) {
      slots += part.index.size - 1;
      entries += part.tree.count;
      trees += part.tree.bytes;
      locations += part.locations.bytes;
    }
    const indexBytes = this.set.kernel.run.indexBytes();
    return {
      slots,
      entries,
      indexBytes,
      indexBytesPerSlot: slots === 0 ? 0 : indexBytes / slots,
      locationBytes: locations,
      treeBytes: trees,
      cacheBytes: this.log.cache.bytes,
      cacheHits: this.log.cache.hits,
      cacheMisses: this.log.cache.misses,
      logBytes: this.log.end,
    };
  }

  /** Closes the files. Blocks applied but not persisted are lost. */
  close(): void {
    this.log.close();
  }
}

function wordsToHashBytes(words: Uint32Array): Uint8Array {
  const out = new Uint8Array(words.length * 4);
  const view = new DataView(out.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(i * 4, words[i]!, false);
  return out;
}
