/**
 * The state of one shard: some partitions of the chain's state, their trees, and their log. Synchronous and
 * deterministic: roots depend on the blocks only, never on caches, restarts or how partitions are spread.
 */
import { type CodeFilter, partitionOf } from "@velarium/slots";
import { AppliedBlocks } from "./applied-blocks.ts";
import { ChangeBatch } from "./change-batch.ts";
import { combinedRoot } from "./combined-root.ts";
import { EntryBuffer } from "./entry-buffer.ts";
import { EntryLog } from "./entry-log.ts";
import { StateError } from "./errors.ts";
import { HASH_BYTES, KEY_BYTES, VALUE_BYTES } from "./format.ts";
import { GenesisLoader } from "./genesis.ts";
import {
  type BlockPart,
  decodeImageMeta,
  encodeBlockMeta,
  encodeImageMeta,
  type Pieces,
  RecordKind,
} from "./log-record.ts";
import { type Manifest, manifestOf, openManifest } from "./manifest.ts";
import type { PartUndo } from "./part-undo.ts";
import type { Partition } from "./partition.ts";
import { PartitionSet } from "./partition-set.ts";
import { reclaimLog } from "./reclaim.ts";
import { replayLog } from "./replay.ts";
import type { AppliedBlock, BlockChanges, StateStats, StateStoreOptions } from "./store-types.ts";
import { ValueReader } from "./value-reader.ts";

const NO_RECORD = new Uint8Array(0);
const ZERO_WORD = new Uint8Array(VALUE_BYTES);

export class StateStore {
  readonly partitions: number;
  readonly owned: readonly number[];
  readonly manifest: Manifest;
  private readonly dir: string | null;
  private readonly log: EntryLog;
  private readonly blocks: AppliedBlocks;
  private set!: PartitionSet;
  private reader!: ValueReader;
  private changing!: ChangeBatch;
  private genesis: GenesisLoader | null = null;

  private constructor(options: StateStoreOptions) {
    this.manifest = manifestOf(options);
    this.partitions = this.manifest.partitions;
    this.owned = this.manifest.owned;
    this.dir = options.dir;
    if (options.dir !== null) openManifest(options.dir, this.manifest);
    this.log = new EntryLog(options.dir, options);
    this.blocks = new AppliedBlocks(this.log, this.owned.length, Math.max(64, options.undoBlocks ?? 64));
    this.createPartitions();
    if (options.dir !== null && !replayLog(options.dir, this.log, this.set, this.blocks))
      this.createPartitions();
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
    return this.blocks.height;
  }

  /** Height of the newest block that survives a power cut, or -1. */
  get durableHeight(): number {
    return this.blocks.durableHeight;
  }

  /** Lowest height that `rollbackTo` and reads at a height reach. */
  get oldestHeight(): number {
    return this.blocks.oldestHeight;
  }

  /** Root of each owned partition after the newest block (or after `height`), 32 bytes each. */
  partitionRoots(height = this.height): Uint8Array {
    return this.blocks.rootsAt(this.blocks.undoAbove(height)).slice();
  }

  /** The state root, when all partitions are held here; else combine the roots of all shards with `combinedRoot`. */
  stateRoot(height = this.height): Uint8Array {
    if (this.owned.length !== this.partitions)
      throw new StateError(
        "not-owned",
        `the state root needs all ${this.partitions} partitions, ${this.owned.length} are here`,
      );
    return combinedRoot(this.partitionRoots(height), this.partitions);
  }

  /** Adds slots of the first state; call `commitGenesis` when all are in. */
  addGenesis(keys: Uint8Array, values: Uint8Array, count: number): void {
    if (this.height >= 0) throw new StateError("wrong-height", "genesis is already committed");
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
    if (this.height >= 0) throw new StateError("wrong-height", "genesis is already committed");
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
      part.tree.updateRoot(this.blocks.roots, i * HASH_BYTES);
      const root = this.blocks.roots.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES);
      return { partition: part.id, first: part.tree.count, appended: 0, root, deleted: NO_RECORD };
    });
    this.log.append({
      kind: RecordKind.block,
      height,
      meta: encodeBlockMeta(parts),
      entries: NO_RECORD,
      payload: record,
    });
    this.blocks.begin(height, before, this.log.end);
    return { height, partitionRoots: this.blocks.roots.slice() };
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
    if (this.height < 0) {
      this.addGenesis(block.keys, block.values, count);
      return this.applyGenesis(height, block.record ?? NO_RECORD);
    }
    if (height !== this.height + 1)
      throw new StateError("wrong-height", `the next block is ${this.height + 1}, got ${height}`);
    const order = this.changing.take(block.keys, block.values, count, block.kept);
    return this.applySorted(height, order, block.record ?? NO_RECORD);
  }

  private applySorted(height: number, order: Uint32Array, record: Pieces): AppliedBlock {
    const { parts, changing } = this;
    const buffer = new EntryBuffer(this.log.takeSpare());
    const logStart = this.log.end;
    const rootsBefore = this.blocks.roots.slice();
    let from = 0;
    const undos: PartUndo[] = [];
    const meta: BlockPart[] = [];
    for (let p = 0; p < parts.length; p++) {
      const part = parts[p]!;
      const to = changing.endBelow(order, from, ((part.id + 1) * 256) / this.partitions);
      const undo = part.applyChanges(changing.batch, from, to, height, buffer);
      part.tree.updateRoot(this.blocks.roots, p * HASH_BYTES);
      undos.push(undo);
      meta.push({
        partition: part.id,
        first: undo.first,
        appended: undo.replaced.length,
        root: this.blocks.roots.slice(p * HASH_BYTES, (p + 1) * HASH_BYTES),
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
    this.blocks.add({ height, logStart, parts: undos, roots: rootsBefore }, parts, position);
    return { height, partitionRoots: this.blocks.roots.slice() };
  }

  /** Writes all applied blocks up to `height`, and by default syncs. */
  persist(height = this.height, sync = true): void {
    this.log.persist(this.blocks.endOf(height), sync);
  }

  /** Like `persist`, waiting for the sync without blocking. */
  persistAsync(height = this.height): Promise<void> {
    return this.log.persistAsync(this.blocks.endOf(height));
  }

  /**
   * Reads `count` slots (56 bytes each) into `out` (32 bytes each; absent is zero), at the newest height or at one of
   * the undo window.
   */
  getBatch(keys: Uint8Array, count: number, out: Uint8Array, height = this.height): void {
    const above = this.blocks.undoAbove(height);
    this.reader.getBatch(
      keys,
      count,
      out,
      above === null ? null : (place: number) => this.blocks.partUndos(above, place),
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
  get(key: Uint8Array, height = this.height): Uint8Array {
    if (this.height < 0) return ZERO_WORD.slice();
    const out = new Uint8Array(VALUE_BYTES);
    this.getBatch(key, 1, out, height);
    return out;
  }

  /** Takes back all blocks above `height`, in the log as well. */
  rollbackTo(height: number): void {
    if (height > this.height)
      throw new StateError("wrong-height", `cannot roll back to ${height} from ${this.height}`);
    if (height < this.oldestHeight)
      throw new StateError(
        "height-out-of-window",
        `can roll back to ${this.oldestHeight} at the earliest, asked for ${height}`,
      );
    this.changing.forget();
    this.blocks.rollbackTo(height, this.parts);
  }

  /** The record stripe of a block, or null when there is no such block. */
  recordAt(height: number): Uint8Array | null {
    return this.blocks.payloadOf(height);
  }

  /**
   * Frees log space in front of which nothing is active and nothing can be rolled back to: whole segment files on
   * disk, blocks in memory. Block records below `keepRecordsFrom` may go with it. Returns the bytes freed. Roots do
   * not depend on when, or whether, this is called.
   */
  reclaim(keepRecordsFrom = this.oldestHeight): number {
    const oldest = this.oldestHeight;
    if (this.height < 0 || oldest > this.durableHeight) return 0;
    return reclaimLog(Math.min(keepRecordsFrom, oldest), this.blocks, this.parts, this.log, this.dir);
  }

  /** For proofs: the partition of a key hash, its undos above `height`, and its place among the owned. */
  partitionAt(
    keyHash: Uint8Array,
    height: number,
  ): { part: Partition; slot: number; undos: PartUndo[]; log: EntryLog } {
    const partition = partitionOf(keyHash, 0, this.partitions);
    const slot = this.set.places[partition]!;
    if (slot < 0) throw new StateError("not-owned", `partition ${partition} is not held here`);
    const above = this.blocks.undoAbove(height);
    return {
      part: this.parts[slot]!,
      slot,
      undos: above === null ? [] : this.blocks.partUndos(above, slot),
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
