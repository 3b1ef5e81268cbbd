/** The door of the core: packed messages in, by where they come from; effects out. */
import { decode, schemaIdOf } from "@velarium/columns";
import { SlotIds } from "@velarium/slots";
import {
  BlockContext,
  BlockFees,
  BlockHash,
  CodeFilter,
  CodeValues,
  Completed,
  Dispatch,
  EpochStart,
  Ownership,
  PublishAck,
  ShardState,
  SlotValues,
} from "@velarium/wire";
import { BlockHashes } from "./block-hashes.ts";
import { CodeCache } from "./code-cache.ts";
import { EpochWindow } from "./epoch-window.ts";
import { ExecutorError } from "./error.ts";
import {
  createStats,
  DEFAULT_CACHE_ROWS,
  DEFAULT_CODE_CACHE_BYTES,
  type ExecutorEffects,
  type ExecutorOptions,
  type ExecutorStats,
} from "./options.ts";
import { SlotCache } from "./slot-cache.ts";
import { UnwrittenCodes } from "./unwritten-codes.ts";

export class ExecutorCore {
  readonly stats: ExecutorStats = createStats();
  /** Everything up to this seq is complete, as the scheduler said last. */
  completeThrough = -1;
  private readonly options: ExecutorOptions;
  private readonly effects: ExecutorEffects;
  private readonly cache: SlotCache;
  private readonly codes: CodeCache;
  private readonly unwritten = new UnwrittenCodes();
  private readonly ids: SlotIds;
  private window: EpochWindow | undefined;
  private hashes = new BlockHashes();
  private currentEpoch = -1;

  constructor(options: ExecutorOptions, effects: ExecutorEffects) {
    this.options = options;
    this.effects = effects;
    this.cache = new SlotCache(options.cacheRows ?? DEFAULT_CACHE_ROWS);
    this.codes = new CodeCache(options.codeCacheBytes ?? DEFAULT_CODE_CACHE_BYTES);
    this.ids = new SlotIds(options.chainSecret, options.partitions);
  }

  /** −1 while there is none. */
  get epoch(): number {
    return this.currentEpoch;
  }
  /** Transactions dispatched here that have not run. */
  get inFlight(): number {
    return this.window?.inFlight ?? 0;
  }
  /** Everything dispatched has run and is acknowledged. */
  get isIdle(): boolean {
    return this.window?.isIdle ?? true;
  }

  onScheduler(bytes: Uint8Array): void {
    this.guarded(() => this.takeScheduler(bytes));
  }

  onShard(shard: number, bytes: Uint8Array): void {
    this.guarded(() => this.takeShard(shard, bytes));
  }

  /** A stream that the epoch needs is gone: whatever comes of it is void. */
  lost(): void {
    this.window?.end();
    this.window = undefined;
    this.currentEpoch = -1;
  }

  private guarded(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.lost();
      this.effects.failed(error as Error);
    }
  }

  /** The window, if the message is of its epoch; else it is counted and has no effect. */
  private current(epoch: number): EpochWindow | undefined {
    if (this.window !== undefined && epoch === this.currentEpoch) return this.window;
    this.stats.staleEpoch++;
    return undefined;
  }

  private takeScheduler(bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === Dispatch.id) {
      const message = decode(Dispatch, bytes);
      this.current(message.epoch)?.dispatch(message);
    } else if (id === Completed.id) {
      const { epoch, throughSeq } = decode(Completed, bytes);
      if (this.current(epoch)) this.completeThrough = throughSeq;
    } else if (id === BlockContext.id) {
      const message = decode(BlockContext, bytes);
      this.current(message.epoch)?.open(message);
    } else if (id === BlockFees.id) {
      const message = decode(BlockFees, bytes);
      this.current(message.epoch)?.fees(message);
    } else if (id === BlockHash.id) {
      const message = decode(BlockHash, bytes);
      const window = this.current(message.epoch);
      this.hashes.set(message.number, message.hash.slice());
      window?.pump();
    } else if (id === EpochStart.id) this.start(bytes);
    else if (id !== Ownership.id)
      throw new ExecutorError("unexpected-message", `schema ${id} from the scheduler`);
  }

  private takeShard(shard: number, bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === SlotValues.id) {
      const message = decode(SlotValues, bytes);
      const window = this.current(message.epoch);
      if (window === undefined) return;
      window.resolver.values(message);
      window.pump();
    } else if (id === PublishAck.id) {
      const { epoch, batch } = decode(PublishAck, bytes);
      this.current(epoch)?.outbox.acknowledged(shard, batch);
    } else if (id === CodeValues.id) {
      const message = decode(CodeValues, bytes);
      this.current(message.epoch)?.resolver.codeValues(message);
    } else if (id === CodeFilter.id) this.unwritten.take(shard, decode(CodeFilter, bytes));
    else if (id !== ShardState.id)
      throw new ExecutorError("unexpected-message", `schema ${id} from shard ${shard}`);
  }

  private start(bytes: Uint8Array): void {
    const { epoch, executor, numbers, hashes } = decode(EpochStart, bytes);
    this.window?.end();
    this.cache.clear();
    this.hashes = new BlockHashes();
    for (let i = 0; i < numbers.length; i++) this.hashes.set(numbers[i]!, hashes.slice(i * 32, (i + 1) * 32));
    this.currentEpoch = epoch;
    this.completeThrough = -1;
    const { options, stats, cache, codes, unwritten, ids, effects } = this;
    this.window = new EpochWindow({
      epoch,
      executor,
      shards: options.shards,
      partitions: options.partitions,
      rules: options.rules,
      engine: options.engine,
      keepsEmptyAccounts: options.keepsEmptyAccounts ?? false,
      cache,
      codes,
      unwritten,
      hashes: this.hashes,
      ids,
      effects,
      stats,
      clock: options.clock ?? (() => performance.now()),
      later:
        options.later === undefined ? (work) => work() : (work) => options.later!(() => this.guarded(work)),
      yieldTurn: options.yieldTurn ?? (() => new Promise((resolve) => setImmediate(resolve))),
    });
  }
}

export const createExecutorCore = (options: ExecutorOptions, effects: ExecutorEffects): ExecutorCore =>
  new ExecutorCore(options, effects);
