/**
 * What happens to a closed block: its record is assembled, given to the shards, sealed with their roots and announced, one
 * block after the other. Epochs of the scheduler end here as well, since what they repeat depends on what is announced.
 */
import { type BlockRecord, chunkRecord, headerHash, sealBlockRecord, sealHeader } from "@velarium/blocks";
import { encode, type Message } from "@velarium/columns";
import { combinedRoot } from "@velarium/state-tree";
import { BlockChunk, BlockCompleted, BlockHash, type Committed, type EpochNotice } from "@velarium/wire";
import { RecordAssembler } from "./assembly.ts";
import type { BlockState } from "./block-state.ts";
import type { FramerConfig, FramerEffects, FramerStart } from "./framer-types.ts";
import { openingFields } from "./header-fields.ts";
import { FramerError } from "./options.ts";
import type { Pool } from "./pool.ts";
import type { ResolvedArrivals } from "./resolved-arrivals.ts";

const KEPT_HASHES = 256;

interface Committing {
  readonly number: number;
  readonly record: BlockRecord;
  readonly bytes: Uint8Array;
  readonly roots: Uint8Array;
  readonly have: Uint8Array;
  missing: number;
}

export interface SealingContext {
  readonly config: FramerConfig;
  readonly effects: FramerEffects;
  readonly pool: Pool;
  /** Blocks opened and not yet announced, by number; an announced one is taken out. */
  readonly blocks: Map<number, BlockState>;
  readonly tracker: ResolvedArrivals;
  readonly nowMs: () => number;
  /** A block has been announced: there is room for another. */
  readonly onAnnounced: () => void;
}

export class BlockSealing {
  /** Height of the newest announced block. */
  announced: number;
  epoch = 0;
  /** Stream seq below which everything has its outcome in an announced record. */
  watermark: number;
  private readonly context: SealingContext;
  private readonly assembler: RecordAssembler;
  private hashes: Uint8Array;
  private lastHeader: Pick<FramerStart, "gasUsed" | "gasLimit" | "blobGasUsed" | "excessBlobGas" | "baseFee">;
  private committing: Committing | undefined;
  private notice: { epoch: number; height: number } | undefined;

  constructor(context: SealingContext, start: FramerStart) {
    this.context = context;
    this.assembler = new RecordAssembler(context.config.memory?.take);
    this.announced = start.height;
    this.watermark = start.watermark;
    this.hashes = start.hashes;
    this.lastHeader = start;
  }

  /** Assembles the next block when everything of it is here; one at a time, since a record holds its parent's hash. */
  assemble(): void {
    const block = this.context.blocks.get(this.announced + 1);
    if (this.committing || !block?.isClosed || !block.completed || block.missing > 0) return;
    const { config, tracker, pool } = this.context;
    const { arrival } = pool.slab;
    for (let at = 0; at < block.length; at++)
      if (block.rows[at]! >= 0) tracker.resolve(arrival[block.rows[at]!]!);
    const rejected = block.rejections?.arrivals;
    for (let i = 0; rejected && i < rejected.length; i++) tracker.resolve(rejected[i]!);
    const watermark = tracker.advance();
    const { bytes, record } = this.assembler.assemble(block, pool.slab, pool.accounts, {
      rules: config.chain.rulesAt(block.number, block.time),
      ...openingFields(config, block.number, block.time),
      ancestors: this.hashes,
      watermark,
      resolved: tracker.ranges(),
    });
    for (let at = 0; at < block.length; at++) if (block.rows[at]! >= 0) pool.slab.free(block.rows[at]!);
    const { partitions } = config;
    this.committing = {
      number: block.number,
      record,
      bytes,
      roots: new Uint8Array(partitions * 32),
      have: new Uint8Array(partitions),
      missing: partitions,
    };
    this.context.effects.commit(this.epoch, block.number, bytes);
  }

  committed(message: Message<typeof Committed>): void {
    if (message.epoch === this.epoch) this.rootsRead(message.number, message.partitions, message.roots);
  }

  /** Partition roots of a block that is durable on the shard that sent them. */
  rootsRead(number: number, partitions: Uint8Array, roots: Uint8Array): void {
    const committing = this.committing;
    if (!committing || committing.number !== number) return;
    for (let i = 0; i < partitions.length; i++) {
      const partition = partitions[i]!;
      if (partition >= committing.have.length || committing.have[partition]) continue;
      committing.have[partition] = 1;
      committing.roots.set(roots.subarray(i * 32, i * 32 + 32), partition * 32);
      committing.missing--;
    }
    if (committing.missing === 0) this.announce(committing);
  }

  private announce(committing: Committing): void {
    const block = this.context.blocks.get(committing.number)!;
    const header = sealHeader(
      committing.record.header,
      combinedRoot(committing.roots, this.context.config.partitions),
    );
    const hash = headerHash(header);
    sealBlockRecord(committing.bytes, header);
    const parts = chunkRecord(committing.bytes);
    const { memory } = this.context.config;
    this.context.effects.announce(
      block.number,
      parts.map((part, index) =>
        encode(
          BlockChunk,
          {
            number: block.number,
            index,
            count: parts.length,
            announcedMs: this.context.nowMs(),
            bytes: part,
          },
          memory?.take,
        ),
      ),
      hash,
    );
    // Stripes were copied out of it when they were sent, and nobody asks for an announced block's again.
    memory?.giveBack(committing.bytes);
    this.announced = this.context.pool.announced = block.number;
    this.watermark = committing.record.watermark;
    const kept = this.hashes.subarray(Math.max(0, this.hashes.length - (KEPT_HASHES - 1) * 32));
    const hashes = new Uint8Array(kept.length + 32);
    hashes.set(kept);
    hashes.set(hash, kept.length);
    this.hashes = hashes;
    this.lastHeader = { ...block.completed!, gasLimit: block.gasLimit };
    this.context.blocks.delete(block.number);
    this.committing = undefined;
    if (this.notice) this.answerNotice();
    else
      this.context.effects.toScheduler(encode(BlockHash, { epoch: this.epoch, number: block.number, hash }));
    this.assemble();
    this.context.onAnnounced();
  }

  /** A scheduler repeats everything above a height. Outcomes known here stay: repetition gives the same. */
  epochNotice(message: Message<typeof EpochNotice>): void {
    if (message.epoch < this.epoch) return;
    this.epoch = message.epoch;
    if (message.height < this.announced || message.height > this.announced + (this.committing ? 1 : 0))
      throw new FramerError(
        "state",
        `block ${this.announced} is announced, but the shards are at ${message.height}: this framer has to start over`,
      );
    this.notice = { epoch: message.epoch, height: message.height };
    const committing = this.committing;
    if (committing && committing.number <= message.height) {
      this.context.effects.readRoots(committing.number);
      return;
    }
    if (committing) {
      committing.have.fill(0);
      committing.missing = committing.have.length;
      this.context.effects.commit(this.epoch, committing.number, committing.bytes);
    }
    this.answerNotice();
  }

  private answerNotice(): void {
    const notice = this.notice;
    if (!notice || this.announced < notice.height) return;
    this.notice = undefined;
    const { epoch } = notice;
    const n = this.hashes.length / 32;
    for (let i = 0; i < n; i++)
      this.context.effects.toScheduler(
        encode(BlockHash, {
          epoch,
          number: this.announced - n + 1 + i,
          hash: this.hashes.subarray(i * 32, i * 32 + 32),
        }),
      );
    const { gasUsed, gasLimit, blobGasUsed, excessBlobGas, baseFee } = this.lastHeader;
    this.context.effects.toScheduler(
      encode(BlockCompleted, {
        epoch,
        number: this.announced,
        gasUsed,
        gasLimit,
        blobGasUsed,
        excessBlobGas,
        executedGas: 0,
        baseFee,
      }),
    );
  }
}
