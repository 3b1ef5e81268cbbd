/**
 * The scheduler as a deterministic state machine: messages and ticks in, messages out. It lives for one epoch; when
 * that is lost the shell makes another.
 */
import type { Message } from "@velarium/columns";
import { decode, encode, schemaIdOf } from "@velarium/columns";
import { AccessKind } from "@velarium/slots";
import {
  BlockClose,
  BlockCompleted,
  BlockHash,
  BlockOpen,
  Completed,
  EpochStart,
  ExecutorHello,
  Frame,
  Outcome,
  Results,
  ShardState,
  TermMarker,
} from "@velarium/wire";
import { BlockState } from "./block-state.ts";
import { Dispatcher, type DispatchSink } from "./dispatcher.ts";
import { EpochBeginning, type EpochPhase } from "./epoch.ts";
import { SchedulerError } from "./error.ts";
import { Fleet } from "./fleet.ts";
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
  HASH_WINDOW,
  MAX_EXECUTORS,
  MAX_PENDING_BLOCKS,
  type SchedulerEffects,
  type SchedulerOptions,
} from "./options.ts";
import type { FrameMessage } from "./placed.ts";
import { OwnershipPlacement } from "./placement.ts";
import { SealBatches } from "./seals.ts";
import { SlotTable } from "./slot-table.ts";
import { type SchedulerStats, statsOf } from "./stats.ts";
import { SeqWindow } from "./window.ts";

type FramesMessage =
  | { readonly kind: "open"; readonly message: Message<typeof BlockOpen> }
  | { readonly kind: "frame"; readonly message: FrameMessage; readonly watch: FrameWatch | undefined }
  | { readonly kind: "close"; readonly message: Message<typeof BlockClose> };

export class SchedulerCore {
  readonly counters = {
    frames: 0,
    transactions: 0,
    blocksCompleted: 0,
    staleEpoch: 0,
    staleTerm: 0,
    repeatedFrames: 0,
    repeatedResults: 0,
    stallsWindow: 0,
    stallsPendingBlocks: 0,
    tailTransactions: 0,
    tailCorrections: 0,
    gasUsed: 0,
    executedGas: 0,
  };
  readonly fleet = new Fleet();
  readonly dispatcher: Dispatcher;
  private readonly effects: SchedulerEffects;
  private readonly options: SchedulerOptions;
  private readonly beginning: EpochBeginning;
  private readonly window: SeqWindow;
  private readonly progress: Progress = { complete: -1, durable: -1 };
  private readonly windowTransactions: number;
  private readonly backlogLimit: number;
  private readonly pendingLimit: number;
  private readonly backlog: FramesMessage[] = [];
  private backlogHead = 0;
  /** Opened and not complete, in order; the last one is dispatching while it is not closed. */
  private readonly active: BlockState[] = [];
  /** Complete and not durable. */
  private readonly pending: BlockState[] = [];
  private lastCompleted: BlockState | undefined;
  private openedThrough = -1;
  private durableHeight = -1;
  private readonly hashes: { number: number; hash: Uint8Array }[] = [];
  private seals: SealBatches | undefined;
  private term = 0;
  /** Next transaction of the tail frame at the head of the backlog. */
  private tailIndex = 0;
  private announcedComplete = -1;
  /** Traced frames that are dispatched and not complete, in order. */
  private readonly watched: { readonly lastSeq: number; readonly watch: FrameWatch }[] = [];

  constructor(options: SchedulerOptions, effects: SchedulerEffects) {
    this.options = options;
    this.effects = effects;
    this.beginning = new EpochBeginning(options.shards, options.lastEpoch ?? 0, effects);
    this.window = new SeqWindow(options.windowSeqs ?? DEFAULT_WINDOW_SEQS);
    this.windowTransactions = options.windowTransactions ?? DEFAULT_WINDOW_TRANSACTIONS;
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
    return this.backlog.length - this.backlogHead < this.backlogLimit;
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
      for (const block of this.active) {
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
    this.rememberHash(message.number, message.hash);
    if (this.phase === "running") this.durable(message.number, bytes);
  }

  onExecutor(executor: number, bytes: Uint8Array): void {
    const results = decode(Results, bytes);
    if (results.epoch !== this.epoch || this.phase !== "running") {
      this.counters.staleEpoch++;
      return;
    }
    this.takeResults(executor, results);
    if (this.window.advance()) {
      this.progress.complete = this.window.completeThrough;
      if (this.watched.length > 0) this.endWatches();
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
    const entry = this.decodeFrames(id, bytes);
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
      durableHeight: this.durableHeight,
      openedThrough: this.openedThrough,
      completeThrough: this.window.completeThrough,
      backlog: this.backlog.length - this.backlogHead,
      pendingBlocks: this.pending.length,
      sealed: this.seals?.sealed ?? 0,
    });
  }

  private decodeFrames(id: number, bytes: Uint8Array): FramesMessage {
    if (id === Frame.id) {
      const message = decode(Frame, bytes);
      const { trace, block, frame, shapes } = message;
      const watch = this.effects.watchFrame?.(trace, block, frame, shapes.length);
      return { kind: "frame", message: watch ? { ...message, trace: watch.trace } : message, watch };
    }
    if (id === BlockOpen.id) return { kind: "open", message: decode(BlockOpen, bytes) };
    if (id === BlockClose.id) return { kind: "close", message: decode(BlockClose, bytes) };
    throw new SchedulerError("unexpected-message", `schema ${id} in the frames stream`);
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
    this.durableHeight = height;
    this.openedThrough = height;
    this.progress.durable = closeSeq;
    this.dispatcher.table.startAt(closeSeq);
    this.window.startAt(closeSeq + 1);
    this.progress.complete = closeSeq;
    this.announcedComplete = closeSeq;
    for (let e = 0; e < this.fleet.count; e++) this.startExecutor(e);
    this.pump();
  }

  private startExecutor(executor: number): void {
    const numbers = new Float64Array(this.hashes.length);
    const hashes = new Uint8Array(this.hashes.length * 32);
    this.hashes.forEach((known, i) => {
      numbers[i] = known.number;
      hashes.set(known.hash, i * 32);
    });
    this.effects.toExecutor(
      executor,
      encode(EpochStart, {
        epoch: this.epoch,
        executor,
        executors: this.fleet.count,
        height: this.durableHeight,
        numbers,
        hashes,
      }),
    );
  }

  private toAll(bytes: Uint8Array): void {
    for (let e = 0; e < this.fleet.count; e++) this.effects.toExecutor(e, bytes);
  }

  private rememberHash(number: number, hash: Uint8Array): void {
    const last = this.hashes[this.hashes.length - 1];
    if (last && number <= last.number) return;
    this.hashes.push({ number, hash: hash.slice() });
    if (this.hashes.length > HASH_WINDOW) this.hashes.shift();
  }

  /** A block is durable on every shard and announced. */
  private durable(number: number, bytes: Uint8Array): void {
    const block = this.pending[0];
    if (block?.number !== number) return; // a repeat
    this.pending.shift();
    this.durableHeight = number;
    this.progress.durable = Math.max(this.progress.durable, block.lastSeq);
    this.toAll(bytes);
    this.pump();
  }

  /** Takes from the backlog while that is possible. */
  private pump(): void {
    if (this.phase !== "running") return;
    while (this.backlogHead < this.backlog.length && this.take(this.backlog[this.backlogHead]!))
      this.backlogHead++;
    if (this.backlogHead === this.backlog.length || this.backlogHead > 1024) {
      this.backlog.splice(0, this.backlogHead);
      this.backlogHead = 0;
    }
  }

  /** True when the message is dealt with. */
  private take(entry: FramesMessage): boolean {
    if (entry.kind === "open") return this.openBlock(entry.message);
    if (entry.kind === "close") return this.closeBlock(entry.message);
    const frame = entry.message;
    if (frame.block <= this.beginning.height) return true;
    if (!(frame.tail === 1 ? this.takeTail(frame) : this.takeFrame(frame))) return false;
    if (entry.watch) this.watchDispatched(frame, entry.watch);
    return true;
  }

  private watchDispatched(frame: FrameMessage, watch: FrameWatch): void {
    const lastSeq = frame.firstSeq + frame.shapes.length - 1;
    if (lastSeq !== this.window.nextSeq - 1) return; // a repeat
    watch.dispatched();
    this.watched.push({ lastSeq, watch });
    this.endWatches();
  }

  private endWatches(): void {
    const { watched } = this;
    let done = 0;
    while (done < watched.length && watched[done]!.lastSeq <= this.window.completeThrough)
      watched[done++]!.watch.completed();
    if (done > 0) watched.splice(0, done);
  }

  private openBlock(open: Message<typeof BlockOpen>): boolean {
    if (open.number <= this.openedThrough) return true;
    if (open.number !== this.openedThrough + 1)
      throw new SchedulerError("frames-gap", `block ${open.number} opens after block ${this.openedThrough}`);
    if (open.number - 1 - this.durableHeight >= this.pendingLimit) {
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
    this.active.push(block);
    this.openedThrough = open.number;
    this.toAll(block.context(this.epoch));
    if (this.active.length === 1) this.giveFees(block);
    return true;
  }

  private closeBlock(close: Message<typeof BlockClose>): boolean {
    if (close.number <= this.beginning.height) return true;
    const block = this.active[this.active.length - 1];
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

  /** The block being framed, if the frame belongs to it and comes next; undefined for a repeat. */
  private blockOf(frame: FrameMessage, firstSeq: number): BlockState | undefined {
    if (firstSeq < this.window.nextSeq) {
      this.counters.repeatedFrames++;
      return undefined;
    }
    const block = this.active[this.active.length - 1];
    if (firstSeq > this.window.nextSeq || !block || block.number !== frame.block)
      throw new SchedulerError(
        "frames-gap",
        `frame at ${firstSeq} of block ${frame.block}, expected ${this.window.nextSeq} of block ${block?.number ?? "none"}`,
      );
    return block;
  }

  private takeFrame(frame: FrameMessage): boolean {
    const count = frame.shapes.length;
    if (count === 0) return true;
    const block = this.blockOf(frame, frame.firstSeq);
    if (!block) return true;
    if (!this.fleet.hasRoom(count, this.windowTransactions) || !this.window.hasRoom(count)) {
      this.counters.stallsWindow++;
      return false;
    }
    this.dispatch(frame, 0, count, block, false);
    this.counters.frames++;
    return true;
  }

  /** Serial: the next transaction goes out when everything before it is complete. */
  private takeTail(frame: FrameMessage): boolean {
    const count = frame.shapes.length;
    while (this.tailIndex < count) {
      const block = this.blockOf(frame, frame.firstSeq + this.tailIndex);
      if (!block) {
        this.tailIndex++;
        continue;
      }
      if (this.window.completeThrough !== this.window.nextSeq - 1) return false;
      this.dispatch(frame, this.tailIndex, this.tailIndex + 1, block, true);
      this.counters.tailTransactions++;
      this.tailIndex++;
    }
    if (this.window.completeThrough !== this.window.nextSeq - 1) return false;
    this.tailIndex = 0;
    this.counters.frames++;
    return true;
  }

  private dispatch(frame: FrameMessage, from: number, to: number, block: BlockState, settled: boolean): void {
    this.window.nextSeq += to - from;
    this.fleet.totalInFlight += to - from;
    this.counters.transactions += to - from;
    this.dispatcher.run(frame, from, to, this.epoch, block, this.fleet, settled);
    this.seals!.flush(this.epoch, this.effects.toShard.bind(this.effects));
  }

  private takeResults(executor: number, results: Message<typeof Results>): void {
    const { seqs, outcomes, gasUsed, blobGas, extraEnds } = results;
    let at = 0;
    for (let i = 0; i < seqs.length; i++) {
      const seq = seqs[i]!;
      if (!this.window.finish(seq, executor)) {
        this.counters.repeatedResults++;
        continue;
      }
      this.fleet.inFlight[executor]!--;
      this.fleet.totalInFlight--;
      while (at > 0 && this.active[at]!.firstSeq > seq) at--;
      while (at + 1 < this.active.length && this.active[at + 1]!.firstSeq <= seq) at++;
      const block = this.active[at]!;
      block.done++;
      block.executedGas += gasUsed[i]!;
      if (outcomes[i] === Outcome.included) {
        block.gasUsed += gasUsed[i]!;
        if (blobGas.length > 0) block.blobGasUsed += blobGas[i]!;
      }
      if (extraEnds.length > 0) this.takeExtras(executor, results, i, seq, block);
    }
  }

  private takeExtras(
    executor: number,
    results: Message<typeof Results>,
    index: number,
    seq: number,
    block: BlockState,
  ): void {
    const { extraEnds, extraHi, extraLo, extraKinds } = results;
    for (let a = index === 0 ? 0 : extraEnds[index - 1]!; a < extraEnds[index]!; a++) {
      const kind = extraKinds[a]!;
      if (kind !== AccessKind.W && kind !== AccessKind.D && kind !== AccessKind.X) continue;
      this.dispatcher.correct(extraHi[a]!, extraLo[a]!, seq, executor, block);
      this.counters.tailCorrections++;
    }
  }

  private completeBlocks(): void {
    for (let block = this.active[0]; block?.isDone; block = this.active[0]) {
      this.active.shift();
      this.pending.push(block);
      this.lastCompleted = block;
      this.counters.blocksCompleted++;
      this.counters.gasUsed += block.gasUsed;
      this.counters.executedGas += block.executedGas;
      const completed = block.completed(this.epoch);
      this.effects.toFramer(completed);
      this.effects.notice(completed);
      const close = block.close(this.epoch);
      for (let s = 0; s < this.options.shards; s++) this.effects.toShard(s, close);
      if (this.active[0]) this.giveFees(this.active[0]);
    }
  }

  private giveFees(block: BlockState): void {
    const parent = this.lastCompleted?.asParent() ?? { ...this.beginning.parent!, time: block.time };
    block.fees = this.options.nextFees(parent, block.number, block.time);
    this.toAll(block.feesMessage(this.epoch));
  }
}

export function createSchedulerCore(options: SchedulerOptions, effects: SchedulerEffects): SchedulerCore {
  return new SchedulerCore(options, effects);
}
