/**
 * The state of one shard: some partitions of the chain's state, their trees, and their log. Synchronous and
 * deterministic: roots depend on the blocks only, never on caches, restarts or how partitions are spread.
 */
import { CodeFilter, partitionOf } from "@velarium/slots";
import { readBase, writeBase } from "./base-file.ts";
import { combinedRoot } from "./combined-root.ts";
import { EntryBuffer } from "./entry-buffer.ts";
import { EntryLog } from "./entry-log.ts";
import { StateError } from "./errors.ts";
import {
  ENTRY_BYTES,
  ENTRY_WORDS,
  EntryWord,
  HASH_BYTES,
  KEY_BYTES,
  TWIG_ENTRIES,
  VALUE_BYTES,
} from "./format.ts";
import { GenesisLoader } from "./genesis.ts";
import { hashesToWords, sortHashes } from "./hash-words.ts";
import { KeyBatch } from "./key-batch.ts";
import { LeafPool } from "./leaf-pool.ts";
import {
  type BlockPart,
  decodeBlockMeta,
  decodeHeader,
  decodeImageMeta,
  encodeBlockMeta,
  encodeImageMeta,
  entriesOffset,
  HEADER_BYTES,
  type RecordHeader,
  RecordKind,
} from "./log-record.ts";
import { LOOK_UPS, LookUps } from "./look-ups.ts";
import { type Manifest, manifestOf, openManifest } from "./manifest.ts";
import type { OrderedIndex } from "./ordered-index.ts";
import { checkChanges, Partition, type PartUndo } from "./partition.ts";
import type { AppliedBlock, BlockChanges, StateStats, StateStoreOptions } from "./store-types.ts";

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
  private pool = new LeafPool();
  private codes = new CodeFilter();
  private parts: Partition[] = [];
  private readonly slotOfPartition: Int16Array;
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
  private readonly reading = new KeyBatch();
  private readonly lookUps = new LookUps();
  /** Keys of the block to come, with their order: see `readForBlock`. */
  private readonly changing = new KeyBatch();
  private changingOrder: Uint32Array | null = null;
  private positions = new Float64Array(256);

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
    this.slotOfPartition = new Int16Array(partitions).fill(-1);
    owned.forEach((p, i) => {
      this.slotOfPartition[p] = i;
    });
    this.roots = new Uint8Array(owned.length * HASH_BYTES);
    if (options.dir !== null) openManifest(options.dir, this.manifest);
    this.log = new EntryLog(
      options.dir,
      options.cacheBytes ?? 256 * 2 ** 20,
      options.segmentBytes ?? 128 * 2 ** 20,
    );
    this.createPartitions();
    if (options.dir !== null) this.replayLog();
  }

  /** Opens or creates a store; throws StateError `wrong-chain`, `wrong-version`, `wrong-partitions`, `corrupt-log`. */
  static open(options: StateStoreOptions): StateStore {
    return new StateStore(options);
  }

  /** Every code slot that was ever written here. Another object after a rollback. */
  get codeFilter(): CodeFilter {
    return this.codes;
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
  commitGenesis(options: { height?: number; record?: Uint8Array; sync?: boolean } = {}): AppliedBlock {
    const applied = this.applyGenesis(options.height ?? 0, options.record ?? NO_RECORD);
    this.persist(applied.height, options.sync ?? true);
    return applied;
  }

  private applyGenesis(height: number, record: Uint8Array): AppliedBlock {
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
  finishImages(height: number, record: Uint8Array): AppliedBlock {
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
    const keys = alignedWords(block.keys, count * KEY_BYTES);
    const order = this.orderOfChanges(keys, count, block.kept);
    const changes = {
      height,
      hashes: this.changing.hashes,
      order,
      keys,
      values: alignedWords(block.values, count * VALUE_BYTES),
      numbers: block.kept === undefined ? null : this.changing.numbers,
    };
    checkChanges(changes, count);
    return this.applySorted(changes, count, block.record ?? NO_RECORD);
  }

  private applySorted(
    changes: Parameters<Partition["applyChanges"]>[0],
    count: number,
    record: Uint8Array,
  ): AppliedBlock {
    const { parts } = this;
    const buffer = new EntryBuffer(this.log.takeSpare());
    const logStart = this.log.end;
    const rootsBefore = this.roots.slice();
    let from = 0;
    const undos: PartUndo[] = [];
    const meta: BlockPart[] = [];
    for (let p = 0; p < parts.length; p++) {
      const part = parts[p]!;
      let to = from;
      while (to < count && this.partitionOfChange(changes.hashes, changes.order[to]!) === part.id) to++;
      const undo = part.applyChanges(changes, from, to, buffer);
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
      height: changes.height,
      meta: encodeBlockMeta(meta),
      entries: buffer.bytes(0, buffer.count),
      payload: record,
      lent: buffer.words,
    });
    this.finishBlock({ height: changes.height, logStart, parts: undos, roots: rootsBefore }, position);
    return { height: changes.height, partitionRoots: this.roots.slice() };
  }

  /** Notes where the block's entries lie and moves the undo window on. */
  private finishBlock(undo: BlockUndo, entriesPosition: number, skips?: readonly number[]): void {
    let at = entriesPosition;
    for (let p = 0; p < this.parts.length; p++) {
      at += (skips?.[p] ?? 0) * ENTRY_BYTES;
      const { first, replaced } = undo.parts[p]!;
      if (replaced.length > 0) this.parts[p]!.addRun(first, at);
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
    const { reading: batch } = this;
    const words = alignedWords(keys, count * KEY_BYTES);
    const target = alignedTarget(out, count);
    batch.begin(count);
    for (let i = 0; i < count; i++) {
      if (this.codes.isAbsent(words, i * KEY_WORDS)) clearValue(target, i * VALUE_WORDS);
      else batch.add(words, i * KEY_WORDS, i);
    }
    batch.hash();
    this.checkOwned(batch);
    if (above === null) this.findNumbers(batch, null);
    else
      for (let k = 0; k < batch.count; k++) {
        const slot = this.slotOfPartition[this.partitionOfChange(batch.hashes, k)]!;
        batch.numbers[k] = this.parts[slot]!.numberAt(batch.hashes, k * 8, this.partUndos(above, slot));
      }
    this.readValues(batch, target);
    if (target.buffer !== out.buffer) out.set(new Uint8Array(target.buffer));
  }

  /**
   * `getBatch` at the newest height for the slots that the next block may change, each once. The block may then be
   * applied with `kept`, the indices of those that do change: their hashes and order are not worked out again.
   */
  readForBlock(keys: Uint8Array, count: number, out: Uint8Array): void {
    const { changing: batch } = this;
    const target = alignedTarget(out, count);
    const order = this.orderOfChanges(alignedWords(keys, count * KEY_BYTES), count);
    // In order of the index, neighbours share leaves.
    this.findNumbers(batch, order);
    this.readValues(batch, target);
    this.changingOrder = order;
    if (target.buffer !== out.buffer) out.set(new Uint8Array(target.buffer));
  }

  /** Entries of all keys of a batch at the newest height, -1 where there is none. */
  private findNumbers(batch: KeyBatch, order: Uint32Array | null): void {
    const { lookUps, indexOf } = this;
    const { hashes, numbers, count } = batch;
    for (let from = 0; from < count; from += LOOK_UPS) {
      const to = Math.min(count, from + LOOK_UPS);
      lookUps.find(hashes, order, from, to, indexOf);
      for (let i = from; i < to; i++) {
        const k = order === null ? i : order[i]!;
        const index = indexOf(hashes[k * 8]!);
        numbers[k] = lookUps.seek(i - from, index, hashes, k * 8) ? index.number() : -1;
      }
    }
  }

  /** Index of the partition of a hash that begins with this word. */
  private readonly indexOf = (first: number): OrderedIndex =>
    this.parts[this.slotOfPartition[((first >>> 24) * this.partitions) >>> 8]!]!.index;

  /** Copies the values of the entries in `batch.numbers` to where the batch was asked; -1 reads as zero. */
  private readValues(batch: KeyBatch, target: Uint32Array): void {
    const { log, parts } = this;
    const { numbers, hashes, indices } = batch;
    if (this.positions.length < batch.count) this.positions = new Float64Array(batch.count * 2);
    const { positions } = this;
    for (let k = 0; k < batch.count; k++) {
      const number = numbers[k]!;
      positions[k] =
        number < 0 ? -1 : parts[this.slotOfPartition[this.partitionOfChange(hashes, k)]!]!.positionOf(number);
    }
    for (let from = 0; from < batch.count; from += LOOK_UPS) {
      const end = Math.min(batch.count, from + LOOK_UPS);
      log.approach(positions, from, end);
      for (let k = from; k < end; k++) {
        const to = indices[k]! * VALUE_WORDS;
        const position = positions[k]!;
        if (position < 0) {
          clearValue(target, to);
          continue;
        }
        log.view(position);
        const { words } = log;
        const at = log.at + EntryWord.value;
        for (let j = 0; j < VALUE_WORDS; j++) target[to + j] = words[at + j]!;
      }
    }
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
    this.changingOrder = null;
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
    const slot = this.slotOfPartition[partition]!;
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

  /** Hashes the keys into `changing` and sorts them, or picks from what `readForBlock` has left there. */
  private orderOfChanges(keys: Uint32Array, count: number, kept?: Uint32Array): Uint32Array {
    const { changing: batch, changingOrder: order } = this;
    this.changingOrder = null;
    if (kept !== undefined) {
      if (order === null || kept.length !== count || (count > 0 && kept[count - 1]! >= batch.count))
        throw new RangeError("changes by index need the keys of a readForBlock just before");
      return count === batch.count ? order : pick(batch, order, kept);
    }
    batch.begin(count);
    for (let i = 0; i < count; i++) batch.add(keys, i * KEY_WORDS, i);
    batch.hash();
    this.checkOwned(batch);
    return sortHashes(batch.hashes, count);
  }

  private partitionOfChange(hashes: Uint32Array, i: number): number {
    return ((hashes[i * 8]! >>> 24) * this.partitions) >>> 8;
  }

  private checkOwned(batch: KeyBatch): void {
    if (this.owned.length === this.partitions) return;
    for (let i = 0; i < batch.count; i++) {
      const partition = this.partitionOfChange(batch.hashes, i);
      if (this.slotOfPartition[partition]! < 0)
        throw new StateError("not-owned", `partition ${partition} is not held here`);
    }
  }

  private createPartitions(): void {
    this.pool = new LeafPool();
    this.codes = new CodeFilter();
    this.parts = this.owned.map((p) => new Partition(p, this.pool, this.log, this.codes));
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
        const part = this.parts[this.slotOfPartition[image.partition]!]!;
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
    let directory = 0;
    let trees = 0;
    let locations = 0;
    for (const part of this.parts) {
      slots += part.index.size - 1;
      entries += part.tree.count;
      directory += part.index.directoryBytes;
      trees += part.tree.bytes;
      locations += part.locationBytes;
    }
    const indexBytes = this.pool.bytes + directory;
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

const KEY_WORDS = KEY_BYTES / 4;
const VALUE_WORDS = VALUE_BYTES / 4;

function clearValue(words: Uint32Array, at: number): void {
  for (let j = 0; j < VALUE_WORDS; j++) words[at + j] = 0;
}

/** Values as words in place, or words to be copied there. */
function alignedTarget(out: Uint8Array, count: number): Uint32Array {
  return out.byteOffset % 4 === 0
    ? new Uint32Array(out.buffer, out.byteOffset, count * VALUE_WORDS)
    : new Uint32Array(count * VALUE_WORDS);
}

/** Moves hashes and entries of `kept` (ascending) to the front, and gives their order. */
function pick({ hashes, numbers }: KeyBatch, order: Uint32Array, kept: Uint32Array): Uint32Array {
  const now = new Int32Array(order.length).fill(-1);
  for (let i = 0; i < kept.length; i++) {
    const k = kept[i]!;
    now[k] = i;
    numbers[i] = numbers[k]!;
    for (let j = 0; j < 8; j++) hashes[i * 8 + j] = hashes[k * 8 + j]!;
  }
  const picked = new Uint32Array(kept.length);
  let n = 0;
  for (let i = 0; i < order.length; i++) if (now[order[i]!]! >= 0) picked[n++] = now[order[i]!]!;
  return picked;
}

/** A view of the bytes as words, or an aligned copy. */
function alignedWords(bytes: Uint8Array, length: number): Uint32Array {
  const source = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice(0, length);
  return new Uint32Array(source.buffer, source.byteOffset, length / 4);
}

function wordsToHashBytes(words: Uint32Array): Uint8Array {
  const out = new Uint8Array(words.length * 4);
  const view = new DataView(out.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(i * 4, words[i]!, false);
  return out;
}
