/**
 * The scheduler as a deterministic state machine: messages and ticks in, messages out. It lives for one epoch; when
 * that is lost the shell makes another.
 */
import type { Message } from "@velarium/columns";
import { decode, encode, schemaIdOf } from "@velarium/columns";
import {
  type BlockClose,
  BlockCompleted,
  BlockHash,
  type BlockOpen,
  Completed,
  EpochStart,
  ExecutorHello,
  Results,
  ShardState,
  TermMarker,
} from "@velarium/wire";
import { Backlog, decodeFramesMessage, type FramesMessage } from "./backlog.ts";
import { BlockHashes } from "./block-hashes.ts";
import { BlockState } from "./block-state.ts";
import { Blocks } from "./blocks.ts";
import { Dispatcher, type DispatchSink } from "./dispatcher.ts";
import { EpochBeginning, type EpochPhase } from "./epoch.ts";
import { SchedulerError } from "./error.ts";
import { FinishedTransactions } from "./finished.ts";
import { Fleet } from "./fleet.ts";
import { FrameIntake } from "./frame-intake.ts";
import { FrameWatches } from "./frame-watches.ts";
import type { Progress } from "./grants.ts";
import {
  DEFAULT_BACKLOG_MESSAGES,
  DEFAULT_PENDING_BLOCKS,
  DEFAULT_SLOT_GROUPS,
  DEFAULT_SLOT_ROWS,
  DEFAULT_TLP_WINDOW,
  DEFAULT_WINDOW_SEQS,
  DEFAULT_WINDOW_TRANSACTIONS,
  type FrameWatch,
  MAX_EXECUTORS,
  MAX_PENDING_BLOCKS,
  type SchedulerEffects,
  type SchedulerOptions,
} from "./options.ts";
import type { FrameMessage } from "./placed.ts";
import { OwnershipPlacement } from "./placement.ts";
import { SealBatches } from "./seals.ts";
import { SlotTable } from "./slot-table.ts";
import { nothingCounted, type SchedulerStats, statsOf } from "./stats.ts";
import { SeqWindow } from "./window.ts";

export class SchedulerCore {
  readonly counters = nothingCounted();
  readonly fleet = new Fleet();
  readonly dispatcher: Dispatcher;
  private readonly effects: SchedulerEffects;
  private readonly options: SchedulerOptions;
  private readonly beginning: EpochBeginning;
  private readonly window: SeqWindow;
  private readonly progress: Progress = { complete: -1, durable: -1 };
  private readonly backlogLimit: number;
  private readonly pendingLimit: number;
  private readonly backlog = new Backlog();
  private readonly blocks = new Blocks();
  private readonly hashes = new BlockHashes();
  private readonly watches = new FrameWatches();
  private readonly intake: FrameIntake;
  private readonly finished: FinishedTransactions;
  private seals: SealBatches | undefined;
  private term = 0;
  private announcedComplete = -1;

  constructor(options: SchedulerOptions, effects: SchedulerEffects) {
    this.options = options;
    this.effects = effects;
    this.beginning = new EpochBeginning(options.shards, options.lastEpoch ?? 0, effects);
    this.window = new SeqWindow(options.windowSeqs ?? DEFAULT_WINDOW_SEQS);
    this.backlogLimit = options.backlogMessages ?? DEFAULT_BACKLOG_MESSAGES;
    this.pendingLimit = Math.min(MAX_PENDING_BLOCKS, options.maxPendingBlocks ?? DEFAULT_PENDING_BLOCKS);
    const sink: DispatchSink = {
      seal: (hi, lo, mode, version, seq, count, last) =>
        this.seals!.add(hi, lo, mode, version, seq, count, last),
      dispatch: (executor, bytes) => effects.toExecutor(executor, bytes),
      placed: (firstSeq, count, executors) => this.window.place(firstSeq, count, executors),
      ownership: (loser, bytes) => {
        effects.toExecutor(loser, bytes);
        effects.notice(bytes);
      },
    };
    this.dispatcher = new Dispatcher(
      new SlotTable({
        rows: options.slotRows ?? DEFAULT_SLOT_ROWS,
        groups: options.slotGroups ?? DEFAULT_SLOT_GROUPS,
      }),
      options.placement ?? new OwnershipPlacement(),
      this.progress,
      sink,
      options.tlpWindow ?? DEFAULT_TLP_WINDOW,
    );
    const { window, fleet, blocks, dispatcher, counters } = this;
    this.finished = new FinishedTransactions(window, fleet, blocks, dispatcher, counters);
    this.intake = new FrameIntake({
      window,
      fleet,
      blocks,
      dispatcher,
      counters,
      windowTransactions: options.windowTransactions ?? DEFAULT_WINDOW_TRANSACTIONS,
      toShard: (shard, bytes) => effects.toShard(shard, bytes),
    });
  }

  get phase(): EpochPhase {
    return this.beginning.phase;
  }
  get epoch(): number {
    return this.beginning.epoch;
  }
  /** What the core that follows this one is given as `lastEpoch`. */
  get greatestEpoch(): number {
    return this.beginning.greatestEpoch;
  }
  get height(): number {
    return this.beginning.height;
  }

  /** False while enough is held back: the shell stops reading the frames stream. */
  get wantsFrames(): boolean {
    return this.backlog.length < this.backlogLimit;
  }

  /** Asks a shard for its state; needed where its first ShardState went to an earlier core. */
  askShard(shard: number): void {
    this.beginning.askShard(shard);
  }

  /** An executor's first message. It gets the next index: `fleet.count` before the call, also returned. */
  joinExecutor(hello: Uint8Array): number {
    if (this.fleet.count >= MAX_EXECUTORS)
      throw new SchedulerError("too-many-executors", `at most ${MAX_EXECUTORS} executors per epoch`);
    const executor = this.fleet.add(decode(ExecutorHello, hello).capacity);
    if (this.phase === "running") {
      this.startExecutor(executor);
      for (const block of this.blocks.active) {
        this.effects.toExecutor(executor, block.context(this.epoch));
        if (block.fees) this.effects.toExecutor(executor, block.feesMessage(this.epoch));
      }
      this.pump();
    } else this.begin();
    return executor;
  }

  executorLeft(executor: number): void {
    this.lose(`executor ${executor} left`);
  }

  shardLeft(shard: number): void {
    this.lose(`shard ${shard} left`);
  }

  framerConnected(): void {
    this.beginning.framerConnected();
  }

  framerLeft(): void {
    this.lose("the framer left");
  }

  onShard(shard: number, bytes: Uint8Array): void {
    this.beginning.shardState(shard, decode(ShardState, bytes));
    this.begin();
  }

  onFramer(bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === BlockCompleted.id) {
      if (this.beginning.parentHeader(decode(BlockCompleted, bytes))) this.run();
      return;
    }
    const message = decode(BlockHash, bytes);
    if (message.epoch !== this.epoch) {
      this.counters.staleEpoch++;
      return;
    }
    this.hashes.add(message.number, message.hash);
    if (this.phase === "running") this.durable(message.number, bytes);
  }

  onExecutor(executor: number, bytes: Uint8Array): void {
    const results = decode(Results, bytes);
    if (results.epoch !== this.epoch || this.phase !== "running") {
      this.counters.staleEpoch++;
      return;
    }
    this.finished.take(executor, results);
    if (this.window.advance()) {
      this.progress.complete = this.window.completeThrough;
      this.watches.completeThrough(this.progress.complete);
    }
    this.completeBlocks();
    this.pump();
  }

  /** One message of the frames stream, in order. Repeats and messages of older terms are passed over. */
  onFrames(bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === TermMarker.id) {
      this.term = Math.max(this.term, decode(TermMarker, bytes).term);
      return;
    }
    const entry = decodeFramesMessage(id, bytes, this.effects.watchFrame?.bind(this.effects));
    if (entry.message.term < this.term) {
      this.counters.staleTerm++;
      return;
    }
    this.backlog.push(entry);
    this.pump();
  }

  /** Tells executors how far everything is complete; every few milliseconds. */
  tick(): void {
    if (this.phase !== "running" || this.announcedComplete === this.window.completeThrough) return;
    this.announcedComplete = this.window.completeThrough;
    this.toAll(encode(Completed, { epoch: this.epoch, throughSeq: this.announcedComplete }));
  }

  stats(): SchedulerStats {
    return statsOf(this.counters, this.fleet, this.dispatcher, {
      phase: this.phase,
      epoch: this.epoch,
      height: this.height,
      durableHeight: this.blocks.durableHeight,
      openedThrough: this.blocks.openedThrough,
      completeThrough: this.window.completeThrough,
      backlog: this.backlog.length,
      pendingBlocks: this.blocks.pending.length,
      sealed: this.seals?.sealed ?? 0,
    });
  }

  private lose(reason: string): void {
    if (this.phase === "lost") return;
    this.beginning.phase = "lost";
    this.effects.epochLost(reason);
  }

  private begin(): void {
    this.beginning.tryBegin(this.fleet.count >= Math.max(1, this.options.minExecutors));
  }

  private run(): void {
    const { height, closeSeq, shardOfPartition } = this.beginning;
    this.seals = new SealBatches(this.options.shards, shardOfPartition);
    this.intake.begin(this.epoch, this.seals);
    this.blocks.startAt(height);
    this.progress.durable = closeSeq;
    this.dispatcher.table.startAt(closeSeq);
    this.window.startAt(closeSeq + 1);
    this.progress.complete = closeSeq;
    this.announcedComplete = closeSeq;
    for (let e = 0; e < this.fleet.count; e++) this.startExecutor(e);
    this.pump();
  }

  private startExecutor(executor: number): void {
    this.effects.toExecutor(
      executor,
      encode(EpochStart, {
        epoch: this.epoch,
        executor,
        executors: this.fleet.count,
        height: this.blocks.durableHeight,
        ...this.hashes.columns(),
      }),
    );
  }

  private toAll(bytes: Uint8Array): void {
    for (let e = 0; e < this.fleet.count; e++) this.effects.toExecutor(e, bytes);
  }

  /** A block is durable on every shard and announced. */
  private durable(number: number, bytes: Uint8Array): void {
    const block = this.blocks.becomeDurable(number);
    if (!block) return; // a repeat
    this.progress.durable = Math.max(this.progress.durable, block.lastSeq);
    this.toAll(bytes);
    this.pump();
  }

  /** Takes from the backlog while that is possible. */
  private pump(): void {
    if (this.phase !== "running") return;
    this.backlog.drain((message) => this.take(message));
  }

  /** True when the message is dealt with. */
  private take(entry: FramesMessage): boolean {
    if (entry.kind === "open") return this.openBlock(entry.message);
    if (entry.kind === "close") return this.closeBlock(entry.message);
    const frame = entry.message;
    if (frame.block <= this.beginning.height) return true;
    if (!this.intake.take(frame)) return false;
    if (entry.watch) this.watchDispatched(frame, entry.watch);
    return true;
  }

  private watchDispatched(frame: FrameMessage, watch: FrameWatch): void {
    const lastSeq = frame.firstSeq + frame.shapes.length - 1;
    if (lastSeq !== this.window.nextSeq - 1) return; // a repeat
    this.watches.add(lastSeq, watch);
    this.watches.completeThrough(this.window.completeThrough);
  }

  private openBlock(open: Message<typeof BlockOpen>): boolean {
    const { blocks } = this;
    if (open.number <= blocks.openedThrough) return true;
    if (open.number !== blocks.openedThrough + 1)
      throw new SchedulerError(
        "frames-gap",
        `block ${open.number} opens after block ${blocks.openedThrough}`,
      );
    if (open.number - 1 - blocks.durableHeight >= this.pendingLimit) {
      this.counters.stallsPendingBlocks++;
      return false;
    }
    if (open.firstSeq < this.window.nextSeq)
      throw new SchedulerError(
        "frames-order",
        `block ${open.number} begins at ${open.firstSeq}, before ${this.window.nextSeq}`,
      );
    if (open.firstSeq - this.window.completeThrough > this.window.size) {
      // Unused seqs before the block: only with nothing in flight can the window jump over more than its size.
      if (this.fleet.totalInFlight > 0) return false;
      this.window.startAt(open.firstSeq);
    } else this.window.skipTo(open.firstSeq);
    this.progress.complete = this.window.completeThrough;
    const block = new BlockState(open, this.beginning.partitions);
    blocks.open(block);
    this.toAll(block.context(this.epoch));
    if (blocks.active.length === 1) this.giveFees(block);
    return true;
  }

  private closeBlock(close: Message<typeof BlockClose>): boolean {
    if (close.number <= this.beginning.height) return true;
    const block = this.blocks.newest;
    if (!block || block.number !== close.number || block.closed) return true; // a repeat
    if (close.lastSeq !== this.window.nextSeq - 1)
      throw new SchedulerError(
        "frames-gap",
        `block ${close.number} ends at ${close.lastSeq}, framed through ${this.window.nextSeq - 1}`,
      );
    block.lastSeq = close.lastSeq;
    block.closed = true;
    this.completeBlocks();
    return true;
  }

  private completeBlocks(): void {
    const { blocks } = this;
    for (let block = blocks.completeFirst(); block; block = blocks.completeFirst()) {
      this.counters.blocksCompleted++;
      this.counters.gasUsed += block.gasUsed;
      this.counters.executedGas += block.executedGas;
      const completed = block.completed(this.epoch);
      this.effects.toFramer(completed);
      this.effects.notice(completed);
      const close = block.close(this.epoch);
      for (let s = 0; s < this.options.shards; s++) this.effects.toShard(s, close);
      if (blocks.active[0]) this.giveFees(blocks.active[0]);
    }
  }

  private giveFees(block: BlockState): void {
    const parent = this.blocks.lastCompleted?.asParent() ?? { ...this.beginning.parent!, time: block.time };
    block.fees = this.options.nextFees(parent, block.number, block.time);
    this.toAll(block.feesMessage(this.epoch));
  }
}

export function createSchedulerCore(options: SchedulerOptions, effects: SchedulerEffects): SchedulerCore {
  return new SchedulerCore(options, effects);
}
