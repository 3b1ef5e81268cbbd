/**
 * The beginning of an epoch (docs/protocol.md, "Start and recovery"): collect the shards' states, choose the height and
 * a greater epoch, fence every shard, then ask the framer for the parent header and recent hashes.
 */
import type { Message } from "@velarium/columns";
import { encode } from "@velarium/columns";
import { type BlockCompleted, EpochBegin, EpochNotice, type ShardState } from "@velarium/wire";
import { SchedulerError } from "./error.ts";
import type { FeeParent, SchedulerEffects } from "./options.ts";
import { wordToBigint } from "./words.ts";

type ShardStateMessage = Message<typeof ShardState>;

/** `collecting` shards and executors; `fencing` the shards; asking for the `parent`; `running`; `lost`. */
export type EpochPhase = "collecting" | "fencing" | "parent" | "running" | "lost";

export class EpochBeginning {
  phase: EpochPhase = "collecting";
  epoch = 0;
  height = -1;
  /** Last seq of the block at `height`. */
  closeSeq = 0;
  partitions = 0;
  /** Home shard of each partition. */
  shardOfPartition = new Uint8Array(0);
  parent: Omit<FeeParent, "time"> | undefined;
  private readonly states: (ShardStateMessage | undefined)[];
  private readonly lastEpoch: number;
  private readonly effects: SchedulerEffects;
  private framer = false;

  constructor(shards: number, lastEpoch: number, effects: SchedulerEffects) {
    this.states = new Array(shards).fill(undefined);
    this.lastEpoch = lastEpoch;
    this.effects = effects;
  }

  /** No epoch that is known is greater: the next core's `lastEpoch`, also when this one was lost before it began. */
  get greatestEpoch(): number {
    return Math.max(this.epoch, this.lastEpoch);
  }

  /** Asks a shard that is connected already for its state. */
  askShard(shard: number): void {
    this.effects.toShard(shard, encode(EpochBegin, { epoch: this.lastEpoch, rollbackTo: -1 }));
  }

  shardState(shard: number, state: ShardStateMessage): void {
    if (shard >= this.states.length)
      throw new SchedulerError("shard-mismatch", `shard ${shard} of ${this.states.length} reported`);
    if (this.phase === "collecting") this.states[shard] = state;
    else if (this.phase === "fencing" && state.epoch === this.epoch) {
      this.states[shard] = state;
      if (this.states.every((s) => s?.epoch === this.epoch)) this.fenced();
    }
  }

  framerConnected(): void {
    this.framer = true;
    if (this.phase === "parent") this.askParent();
  }

  /** Begins when everybody is here. */
  tryBegin(enoughExecutors: boolean): void {
    if (this.phase !== "collecting" || !enoughExecutors || !this.states.every((s) => s !== undefined)) return;
    this.epoch = this.lastEpoch + 1;
    this.height = Number.POSITIVE_INFINITY;
    for (const state of this.states) {
      this.epoch = Math.max(this.epoch, state!.epoch + 1);
      this.height = Math.min(this.height, state!.durableHeight);
    }
    this.partitions = this.states[0]!.partitions;
    this.mapPartitions();
    this.phase = "fencing";
    const begin = encode(EpochBegin, { epoch: this.epoch, rollbackTo: this.height });
    for (let s = 0; s < this.states.length; s++) this.effects.toShard(s, begin);
  }

  private mapPartitions(): void {
    const map = new Uint8Array(this.partitions).fill(255);
    this.states.forEach((state, s) => {
      if (state!.partitions !== this.partitions)
        throw new SchedulerError(
          "shard-mismatch",
          `shard ${s} has ${state!.partitions} partitions, not ${this.partitions}`,
        );
      for (const p of state!.owned) map[p] = s;
    });
    const orphan = map.indexOf(255);
    if (orphan >= 0) throw new SchedulerError("shard-mismatch", `no shard owns partition ${orphan}`);
    this.shardOfPartition = map;
  }

  private fenced(): void {
    this.closeSeq = this.states.reduce((n, s) => Math.max(n, s!.closeSeq), 0);
    this.phase = "parent";
    if (this.framer) this.askParent();
  }

  private askParent(): void {
    const notice = encode(EpochNotice, { epoch: this.epoch, height: this.height });
    this.effects.toFramer(notice);
    this.effects.notice(notice);
  }

  /** The header of `height`, from the framer. True when the epoch runs from here on. */
  parentHeader(message: Message<typeof BlockCompleted>): boolean {
    if (this.phase !== "parent" || message.epoch !== this.epoch || message.number !== this.height)
      return false;
    this.parent = {
      number: message.number,
      baseFee: wordToBigint(message.baseFee),
      gasUsed: message.gasUsed,
      gasLimit: message.gasLimit,
      excessBlobGas: message.excessBlobGas,
      blobGasUsed: message.blobGasUsed,
    };
    this.phase = "running";
    return true;
  }
}
