/** Frames on their way to the dispatcher: whether one comes next, whether there is room, and the marked tail one by one. */
import type { BlockState } from "./block-state.ts";
import type { Blocks } from "./blocks.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { SchedulerError } from "./error.ts";
import type { Fleet } from "./fleet.ts";
import type { FrameMessage } from "./placed.ts";
import type { SealBatches } from "./seals.ts";
import type { SchedulerCounters } from "./stats.ts";
import type { SeqWindow } from "./window.ts";

export interface IntakeParts {
  readonly window: SeqWindow;
  readonly fleet: Fleet;
  readonly blocks: Blocks;
  readonly dispatcher: Dispatcher;
  readonly counters: SchedulerCounters;
  /** Transactions in flight over all executors. */
  readonly windowTransactions: number;
  readonly toShard: (shard: number, bytes: Uint8Array) => void;
}

export class FrameIntake {
  private readonly parts: IntakeParts;
  private epoch = 0;
  private seals: SealBatches | undefined;
  /** Next transaction of the tail frame that is being taken. */
  private tailIndex = 0;

  constructor(parts: IntakeParts) {
    this.parts = parts;
  }

  begin(epoch: number, seals: SealBatches): void {
    this.epoch = epoch;
    this.seals = seals;
  }

  /** True when the frame is dealt with, false when it has to come again. Throws SchedulerError `frames-gap`. */
  take(frame: FrameMessage): boolean {
    return frame.tail === 1 ? this.takeTail(frame) : this.takeFrame(frame);
  }

  private takeFrame(frame: FrameMessage): boolean {
    const { fleet, window, counters, windowTransactions } = this.parts;
    const count = frame.shapes.length;
    if (count === 0) return true;
    const block = this.blockOf(frame, frame.firstSeq);
    if (!block) return true;
    if (!fleet.hasRoom(count, windowTransactions) || !window.hasRoom(count)) {
      counters.stallsWindow++;
      return false;
    }
    this.dispatch(frame, 0, count, block, false);
    counters.frames++;
    return true;
  }

  /** Serial: the next transaction goes out when everything before it is complete. */
  private takeTail(frame: FrameMessage): boolean {
    const { window, counters } = this.parts;
    const count = frame.shapes.length;
    while (this.tailIndex < count) {
      const block = this.blockOf(frame, frame.firstSeq + this.tailIndex);
      if (!block) {
        this.tailIndex++;
        continue;
      }
      if (window.completeThrough !== window.nextSeq - 1) return false;
      this.dispatch(frame, this.tailIndex, this.tailIndex + 1, block, true);
      counters.tailTransactions++;
      this.tailIndex++;
    }
    if (window.completeThrough !== window.nextSeq - 1) return false;
    this.tailIndex = 0;
    counters.frames++;
    return true;
  }

  /** The block being framed, if the frame belongs to it and comes next; undefined for a repeat. */
  private blockOf(frame: FrameMessage, firstSeq: number): BlockState | undefined {
    const { window, blocks, counters } = this.parts;
    if (firstSeq < window.nextSeq) {
      counters.repeatedFrames++;
      return undefined;
    }
    const block = blocks.newest;
    if (firstSeq > window.nextSeq || !block || block.number !== frame.block)
      throw new SchedulerError(
        "frames-gap",
        `frame at ${firstSeq} of block ${frame.block}, expected ${window.nextSeq} of block ${block?.number ?? "none"}`,
      );
    return block;
  }

  private dispatch(frame: FrameMessage, from: number, to: number, block: BlockState, settled: boolean): void {
    const { window, fleet, counters, dispatcher, toShard } = this.parts;
    window.nextSeq += to - from;
    fleet.totalInFlight += to - from;
    counters.transactions += to - from;
    dispatcher.run(frame, from, to, this.epoch, block, fleet, settled);
    this.seals!.flush(this.epoch, toShard);
  }
}
