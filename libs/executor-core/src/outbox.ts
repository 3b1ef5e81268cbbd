/**
 * Gathers what transactions leave behind and sends it: receipts at once, publications per shard, and results when
 * every shard has acknowledged the publication that holds what they depend on.
 */
import { partitionOfId, shardOfPartition } from "@velarium/slots";
import type { BlockState } from "./block-state.ts";
import type { DispatchWatch, ExecutorEffects, ExecutorStats } from "./options.ts";
import { ReceiptColumns, ResultColumns } from "./outcome-messages.ts";
import { PublishColumns } from "./shard-messages.ts";
import type { SlotCache } from "./slot-cache.ts";

interface AwaitedResults {
  /** Per shard: 1 while its acknowledgement is missing. */
  readonly missing: Uint8Array;
  open: number;
  readonly results: Uint8Array;
  /** Traced dispatches whose last results these are. */
  readonly watches: readonly DispatchWatch[];
}

const NO_WATCHES: readonly DispatchWatch[] = [];

export class Outbox {
  readonly results = new ResultColumns();
  readonly receipts = new ReceiptColumns();
  private readonly publications: PublishColumns[] = [];
  private readonly awaited = new Map<number, AwaitedResults>();
  /** Finished since the last flush. */
  private watches = NO_WATCHES;
  private batch = 0;
  private receiptsOf = -1;
  private deltasOf: BlockState | undefined;
  private readonly epoch: number;
  private readonly executor: number;
  private readonly shards: number;
  private readonly partitions: number;
  private readonly cache: SlotCache;
  private readonly effects: ExecutorEffects;
  private readonly stats: ExecutorStats;

  constructor(
    epoch: number,
    executor: number,
    shards: number,
    partitions: number,
    cache: SlotCache,
    effects: ExecutorEffects,
    stats: ExecutorStats,
  ) {
    this.epoch = epoch;
    this.executor = executor;
    this.shards = shards;
    this.partitions = partitions;
    this.cache = cache;
    this.effects = effects;
    this.stats = stats;
    for (let s = 0; s < shards; s++) this.publications.push(new PublishColumns());
  }

  /** Publications that wait for acknowledgements. */
  get unacknowledged(): number {
    return this.awaited.size;
  }

  /** Nothing waits for `flush`. */
  get isEmpty(): boolean {
    return this.results.count === 0 && this.receipts.count === 0;
  }

  /** Call before anything of a transaction is added. */
  enter(block: BlockState): void {
    if (this.receiptsOf === block.number) return;
    this.flush();
    this.receiptsOf = block.number;
    this.deltasOf = block;
  }

  /** Places count in words. */
  version(
    hi: number,
    lo: number,
    seq: number,
    keys: Uint32Array,
    keyAt: number,
    value: Uint32Array,
    valueAt: number,
  ): void {
    this.stats.versions++;
    const shard = shardOfPartition(partitionOfId(hi), this.shards);
    this.publications[shard]!.version(hi, lo, seq, keys, keyAt, value, valueAt);
  }

  /** Puts versions that are under way from here into the cache: many at once, since each of them is far from the processor. */
  keepVersions(): void {
    for (const publication of this.publications) publication.keepIn(this.cache);
  }

  code(seq: number, hash: Uint8Array, bytes: Uint8Array): void {
    const shard = shardOfPartition((hash[0]! * this.partitions) >> 8, this.shards);
    const publication = this.publications[shard]!;
    publication.codeSeqs.push(seq);
    publication.codeHashes.push(hash);
    publication.codes.push(bytes);
  }

  /** Its last result is here: tell it when that is sent. */
  watch(watch: DispatchWatch): void {
    this.watches = [...this.watches, watch];
  }

  flush(): void {
    if (this.receipts.count > 0) this.effects.toFramer(this.receipts.pack(this.epoch, this.receiptsOf));
    if (this.results.count === 0) return;
    this.keepVersions();
    this.takeContributions();
    const results = this.results.pack(this.epoch);
    const { watches } = this;
    this.watches = NO_WATCHES;
    const missing = new Uint8Array(this.shards);
    const batch = ++this.batch;
    let open = 0;
    for (let s = 0; s < this.shards; s++) {
      if (this.publications[s]!.isEmpty) continue;
      missing[s] = 1;
      open++;
    }
    if (open === 0) {
      this.effects.toScheduler(results);
      for (const watch of watches) watch.sent();
      return;
    }
    this.awaited.set(batch, { missing, open, results, watches });
    for (let s = 0; s < this.shards; s++) {
      if (missing[s] === 1)
        this.effects.toShard(s, this.publications[s]!.pack(this.epoch, this.executor, batch));
    }
  }

  /** Repeated acknowledgements change nothing. */
  acknowledged(shard: number, batch: number): void {
    const waiting = this.awaited.get(batch);
    if (waiting === undefined || waiting.missing[shard] !== 1) return;
    waiting.missing[shard] = 0;
    if (--waiting.open > 0) return;
    this.awaited.delete(batch);
    this.effects.toScheduler(waiting.results);
    for (const watch of waiting.watches) watch.sent();
  }

  private takeContributions(): void {
    const table = this.deltasOf?.deltas;
    if (table === undefined) return;
    for (let i = 0; i < table.dirtyCount; i++) {
      const entry = table.dirty[i]!;
      const shard = shardOfPartition(partitionOfId(table.hi(entry)), this.shards);
      this.publications[shard]!.contribution(table, entry);
    }
    table.clearDirty();
  }
}
