/** The real shard core over a map that keeps its past, so that it can be rolled back. */
import { decode, encode, schemaIdOf } from "@velarium/columns";
import { ShardCore } from "@velarium/shard-core";
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import {
  CloseBlock,
  Committed,
  EpochBegin,
  Publish,
  Seals,
  ShardState,
  SlotReads,
  Stripe,
} from "@velarium/wire";
import { digestOf } from "./toy-chain.ts";
import { fromWord, nameOf, toWord } from "./toy-transaction.ts";

export const PARTITIONS = 4;

interface Height {
  readonly closeSeq: number;
  readonly state: Map<string, number>;
  /** Stands for the partition roots. */
  readonly digest: number;
}

export interface ShardWires {
  toExecutor(executor: number, bytes: Uint8Array): void;
  toScheduler(bytes: Uint8Array): void;
  toFramer(bytes: Uint8Array): void;
}

export class ToyShard {
  readonly core: ShardCore;
  state = new Map<string, number>();
  private readonly heights: Height[] = [{ closeSeq: 0, state: new Map(), digest: 0 }];
  private readonly index: number;
  private readonly shards: number;
  private readonly owned: number[];
  private readonly wires: ShardWires;
  private epoch = 0;

  constructor(index: number, shards: number, wires: ShardWires) {
    this.index = index;
    this.shards = shards;
    this.wires = wires;
    this.owned = Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % shards === index);
    this.core = new ShardCore({
      owned: this.owned,
      state: {
        getBatch: (keys, count, out) => {
          for (let i = 0; i < count; i++)
            out.set(toWord(this.state.get(nameOf(keys, i * SLOT_KEY_BYTES)) ?? 0), i * WORD_BYTES);
        },
        codeByPrefix: () => undefined,
      },
      send: (peer, bytes) => wires.toExecutor(peer, bytes),
      maxVersions: 1 << 14,
      maxParkedReads: 1 << 14,
    });
  }

  get durableHeight(): number {
    return this.heights.length - 1;
  }

  /** What a read of the roots of a durable block answers. */
  digestAt(height: number): number {
    return this.heights[height]!.digest;
  }

  sendState(): void {
    const height = this.durableHeight;
    this.wires.toScheduler(
      encode(ShardState, {
        epoch: this.epoch,
        durableHeight: height,
        closeSeq: this.heights[height]!.closeSeq,
        shard: this.index,
        shards: this.shards,
        partitions: PARTITIONS,
        owned: Uint8Array.from(this.owned),
        genesisHash: new Uint8Array(32),
      }),
    );
  }

  fromScheduler(bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === EpochBegin.id) {
      const { epoch, rollbackTo } = decode(EpochBegin, bytes);
      if (rollbackTo >= 0 && epoch > this.epoch) {
        this.epoch = epoch;
        this.heights.length = rollbackTo + 1;
        this.state = new Map(this.heights[rollbackTo]!.state);
        this.core.begin(epoch, rollbackTo, this.heights[rollbackTo]!.closeSeq);
      }
      this.sendState();
    } else if (id === CloseBlock.id) this.core.close(decode(CloseBlock, bytes));
    else this.core.seals(decode(Seals, bytes));
    this.commit();
  }

  fromFramer(bytes: Uint8Array): void {
    const { epoch, number, stripe } = decode(Stripe, bytes);
    this.core.stripe(epoch, number, stripe);
    this.commit();
  }

  fromExecutor(executor: number, bytes: Uint8Array): void {
    if (schemaIdOf(bytes) === SlotReads.id) this.core.reads(executor, decode(SlotReads, bytes));
    else this.core.publish(executor, decode(Publish, bytes));
    this.commit();
  }

  private commit(): void {
    for (let block = this.core.nextCommit(); block; block = this.core.nextCommit()) {
      const { keys, values, count } = block.changes;
      let digest = 0;
      for (let i = 0; i < count; i++) {
        const name = nameOf(keys, i * SLOT_KEY_BYTES);
        const value = fromWord(values, i * WORD_BYTES);
        this.state.set(name, value);
        digest ^= digestOf(name, value);
      }
      this.heights.push({ closeSeq: block.closeSeq, state: new Map(this.state), digest });
      this.core.committed();
      const roots = toWord(digest >>> 0);
      this.wires.toFramer(
        encode(Committed, {
          epoch: this.epoch,
          number: block.number,
          partitions: Uint8Array.of(this.owned[0] ?? 0),
          roots,
        }),
      );
    }
  }
}
