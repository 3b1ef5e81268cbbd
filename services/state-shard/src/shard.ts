/**
 * Wires the shard's state machine to its streams and its store. Blocks are applied as soon as they are whole, and made
 * durable one after the other; epochs wait for a write that is on its way.
 */
import { decode, encode, schemaIdOf } from "@velarium/columns";
import type { PackedStream } from "@velarium/rpc";
import type { FrameSpan, Logger, Tracing } from "@velarium/service-kit";
import { ShardCore } from "@velarium/shard-core";
import {
  CloseBlock,
  CodeReads,
  Committed,
  EpochBegin,
  Publish,
  Seals,
  ShardState,
  SlotReads,
  Stripe,
} from "@velarium/wire";
import { AlignedBytes } from "./aligned-bytes.ts";
import type { StateShardOptions } from "./options.ts";
import { readRecord, recordOf, type StoredState } from "./stored-state.ts";

/** Blocks between two rounds of giving back log space. */
const RECLAIM_EVERY = 16;
/** Blocks applied and not yet durable. */
const MAX_UNSYNCED_BLOCKS = 4;

export class Shard {
  readonly core: ShardCore;
  private readonly options: StateShardOptions;
  private readonly state: StoredState;
  private readonly log: Logger;
  private readonly tracing: Tracing;
  private readonly onFatal: (error: unknown) => void;
  private readonly executors = new Map<number, PackedStream>();
  private readonly controls = new Set<PackedStream>();
  private readonly committers = new Set<PackedStream>();
  private writing: Promise<void> = Promise.resolve();
  private unsynced = 0;
  /** A scheduler knows the height, and begins the next epoch from it: nothing more is committed before. */
  private isReported = false;
  private readonly aligned = new AlignedBytes();

  constructor(
    options: StateShardOptions,
    state: StoredState,
    log: Logger,
    tracing: Tracing,
    onFatal: (error: unknown) => void,
  ) {
    this.options = options;
    this.state = state;
    this.log = log;
    this.tracing = tracing;
    this.onFatal = onFatal;
    const { store, codes } = state;
    this.core = new ShardCore({
      state: {
        getBatch: (keys, count, out) => store.getBatch(keys, count, out),
        readForBlock: (keys, count, out) => store.readForBlock(keys, count, out),
        codeFilter: () => store.codeFilter,
        codeByPrefix: (prefix) => codes.get(prefix),
      },
      owned: state.owned,
      send: (peer, bytes) => {
        const stream = this.executors.get(peer);
        if (stream && !stream.isClosed) stream.give(bytes);
      },
      maxVersions: options.maxVersions,
      maxParkedReads: options.maxParkedReads,
    });
    this.core.begin(state.epoch.epoch, store.durableHeight, this.closeSeqAt(store.durableHeight));
  }

  /** `StateShard.Slots`. */
  serveExecutor(peer: PackedStream): void {
    const number = this.core.connect();
    this.executors.set(number, peer);
    peer.onClose(() => {
      this.executors.delete(number);
      this.core.disconnect(number);
    });
    peer.onMessage((received) =>
      this.guard(peer, () => {
        const bytes = this.aligned.of(received);
        const id = schemaIdOf(bytes);
        if (id === SlotReads.id) this.core.reads(number, decode(SlotReads, bytes));
        else if (id === Publish.id) {
          this.core.publish(number, decode(Publish, bytes));
          this.commitNext();
        } else if (id === CodeReads.id) this.core.codeReads(number, decode(CodeReads, bytes));
      }),
    );
    peer.send(this.shardState());
    this.core.greet(number);
  }

  /** `StateShard.Control`. */
  serveScheduler(peer: PackedStream): void {
    this.controls.add(peer);
    peer.onClose(() => this.controls.delete(peer));
    peer.onMessage((bytes) =>
      this.guard(peer, () => {
        const id = schemaIdOf(bytes);
        if (id === EpochBegin.id) {
          const { epoch, rollbackTo } = decode(EpochBegin, bytes);
          if (rollbackTo < 0) this.report(peer);
          else this.begin(peer, epoch, rollbackTo);
        } else if (id === CloseBlock.id) {
          this.core.close(decode(CloseBlock, bytes));
          this.commitNext();
        } else if (id === Seals.id) this.core.seals(decode(Seals, bytes));
      }),
    );
    this.report(peer);
  }

  /** `StateShard.Commit`. */
  serveFramer(peer: PackedStream): void {
    this.committers.add(peer);
    peer.onClose(() => this.committers.delete(peer));
    peer.onMessage((bytes) =>
      this.guard(peer, () => {
        if (schemaIdOf(bytes) !== Stripe.id) return;
        const { epoch, number, stripe } = decode(Stripe, bytes);
        // Sent again after a lost connection: the answer is what was lost.
        if (number <= this.state.store.durableHeight && epoch === this.core.epoch)
          peer.send(this.committedMessage(number));
        else {
          this.core.stripe(epoch, number, stripe);
          this.commitNext();
        }
      }),
    );
    peer.send(this.shardState());
  }

  /** Resolves when nothing is being written. */
  settled(): Promise<void> {
    return this.writing;
  }

  private closeSeqAt(height: number): number {
    return readRecord(this.state.store, height)?.closeSeq ?? 0;
  }

  private shardState(): Uint8Array {
    const { store, owned, genesisHash } = this.state;
    const durableHeight = store.durableHeight;
    return encode(ShardState, {
      epoch: this.core.epoch,
      durableHeight,
      closeSeq: this.closeSeqAt(durableHeight),
      shard: this.options.shard,
      shards: this.options.shards,
      partitions: this.options.partitions,
      owned: Uint8Array.from(owned),
      genesisHash,
    });
  }

  /**
   * Tells a scheduler what is durable here. The epochs before are over with that: if another block became durable and
   * were announced now, the epoch that begins at the height told would take it back.
   */
  private report(peer: PackedStream): void {
    this.isReported = true;
    this.writing = this.writing.then(() => {
      if (!peer.isClosed) peer.send(this.shardState());
    });
    this.writing.catch((error: unknown) => this.onFatal(error));
  }

  private begin(peer: PackedStream, epoch: number, height: number): void {
    if (epoch <= this.state.epoch.epoch) {
      this.log.warn({ epoch, present: this.state.epoch.epoch }, "an epoch that is over was refused");
      peer.send(this.shardState());
      return;
    }
    this.writing = this.writing.then(() => {
      this.state.epoch.raise(epoch);
      if (this.state.store.height > height) this.state.store.rollbackTo(height);
      this.unsynced = 0;
      this.isReported = false;
      this.core.begin(epoch, height, this.closeSeqAt(height));
      this.log.info({ epoch, height }, "epoch begins");
      if (!peer.isClosed) peer.send(this.shardState());
    });
    this.writing.catch((error: unknown) => this.onFatal(error));
  }

  private commitNext(): void {
    while (!this.isReported && this.unsynced < MAX_UNSYNCED_BLOCKS) {
      const block = this.core.nextCommit();
      if (!block) return;
      // A trace of its own: what it commits comes from all frames of the block.
      const span = this.tracing.frameSpan("shard.commit");
      if (span.isRecording) span.setAttribute("block", block.number);
      const { store, codes } = this.state;
      codes.add(block.codes, this.options.sync);
      const record = recordOf(block.closeSeq, block.stripe);
      store.apply({ height: block.number, ...block.changes, record });
      this.core.committed();
      this.unsynced++;
      this.persist(block.number, this.core.epoch, span);
    }
  }

  /** `span` ends when the block is durable. */
  private persist(height: number, epoch: number, span: FrameSpan): void {
    const { store } = this.state;
    this.writing = this.writing.then(async () => {
      if (this.core.epoch !== epoch) return; // rolled back in between
      if (this.options.sync) await store.persistAsync(height);
      else store.persist(height, false);
      this.unsynced--;
      span.end();
      const message = this.committedMessage(height);
      for (const peer of this.committers) if (!peer.isClosed) peer.send(message);
      if (height % RECLAIM_EVERY === 0)
        store.reclaim(Math.max(store.oldestHeight, height - this.options.recordBlocks));
      this.commitNext();
    });
    this.writing.catch((error: unknown) => this.onFatal(error));
  }

  private committedMessage(number: number): Uint8Array {
    const { store, owned } = this.state;
    return encode(Committed, {
      epoch: this.core.epoch,
      number,
      partitions: Uint8Array.from(owned),
      roots: store.partitionRoots(number),
    });
  }

  /** A message that cannot be right ends the stream of who sent it; what breaks the shard itself ends the shard. */
  private guard(peer: PackedStream, work: () => void): void {
    try {
      work();
    } catch (error) {
      const { name } = error as Error;
      if (name !== "ShardError" && name !== "ColumnError") {
        this.onFatal(error);
        return;
      }
      this.log.error({ err: error, peer: peer.peer }, "a peer's message was refused");
      peer.close();
    }
  }
}
