/** The blocks of an epoch, from their open until they are durable. */
import type { BlockState } from "./block-state.ts";

export class Blocks {
  /** Opened and not complete, in order; the last one is dispatching while it is not closed. */
  readonly active: BlockState[] = [];
  /** Complete and not durable. */
  readonly pending: BlockState[] = [];
  lastCompleted: BlockState | undefined;
  openedThrough = -1;
  durableHeight = -1;

  /** Before the first block: everything through `height` is durable. */
  startAt(height: number): void {
    this.durableHeight = height;
    this.openedThrough = height;
  }

  /** The block that was opened last, unless it is complete. */
  get newest(): BlockState | undefined {
    return this.active[this.active.length - 1];
  }

  open(block: BlockState): void {
    this.active.push(block);
    this.openedThrough = block.number;
  }

  /** Place in `active` of the block that a seq belongs to, looked for from `near` on: results come by and large in order. */
  indexOf(seq: number, near: number): number {
    const { active } = this;
    let at = near;
    while (at > 0 && active[at]!.firstSeq > seq) at--;
    while (at + 1 < active.length && active[at + 1]!.firstSeq <= seq) at++;
    return at;
  }

  /** The lowest active block if everything in it is done; it waits for its durability then. */
  completeFirst(): BlockState | undefined {
    const block = this.active[0];
    if (!block?.isDone) return undefined;
    this.active.shift();
    this.pending.push(block);
    this.lastCompleted = block;
    return block;
  }

  /** A block is durable on every shard and announced; undefined when that is known or is not yet to be. */
  becomeDurable(number: number): BlockState | undefined {
    const block = this.pending[0];
    if (block?.number !== number) return undefined;
    this.pending.shift();
    this.durableHeight = number;
    return block;
  }
}
