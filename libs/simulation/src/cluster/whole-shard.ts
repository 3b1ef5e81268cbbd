/** The real shard core over a real state store in memory; only the disk is simulated: what is not synced yet may wait. */
import { decode, encode, schemaIdOf } from "@velarium/columns";
import { type Genesis, genesisCodes, genesisSlots } from "@velarium/genesis";
import { ShardCore } from "@velarium/shard-core";
import {
  hashKey,
  hashKeys,
  partitionOf,
  SLOT_KEY_BYTES,
  shardOfPartition,
  WORD_BYTES,
} from "@velarium/slots";
import { StateStore } from "@velarium/state-tree";
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

export const PARTITIONS = 8;
const CLOSE_SEQ_BYTES = 8;
/** All blocks of a run: their roots are compared at its end. */
const KEPT_BLOCKS = 1024;
const MAX_UNSYNCED_BLOCKS = 4;
const prefixName = (prefix: Uint8Array): string => Buffer.from(prefix.subarray(0, 28)).toString("latin1");

export interface WholeShardWires {
  toExecutor(peer: number, bytes: Uint8Array): void;
  toScheduler(bytes: Uint8Array): void;
  toFramer(bytes: Uint8Array): void;
  /** Something that takes its time, in order. */
  toDisk(turn: () => void): void;
}

export interface ShardRecord {
  readonly closeSeq: number;
  readonly stripe: Uint8Array;
  readonly roots: Uint8Array;
}

export class WholeShard {
  readonly core: ShardCore;
  readonly store: StateStore;
  readonly owned: readonly number[];
  private readonly codes = new Map<string, Uint8Array>();
  private readonly index: number;
  private readonly shards: number;
  private readonly wires: WholeShardWires;
  private durableEpoch = 0;
  private durable = 0;
  private unsynced = 0;
  /** A scheduler knows the height and begins the next epoch from it: nothing more is committed before. */
  private isReported = false;

  constructor(genesis: Genesis, index: number, shards: number, wires: WholeShardWires) {
    this.index = index;
    this.shards = shards;
    this.wires = wires;
    this.owned = Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => this.isHome(p));
    this.store = StateStore.open({
      dir: null,
      chain: { chainId: genesis.config.chainId, genesisHash: "simulated" },
      partitions: PARTITIONS,
      owned: this.owned,
      undoBlocks: KEPT_BLOCKS,
    });
    this.loadGenesis(genesis);
    this.core = new ShardCore({
      owned: this.owned,
      state: {
        getBatch: (keys, count, out) => this.store.getBatch(keys, count, out),
        codeFilter: () => this.store.codeFilter,
        codeByPrefix: (prefix) => this.codes.get(prefixName(prefix)),
      },
      send: (peer, bytes) => wires.toExecutor(peer, bytes),
      maxVersions: 1 << 12,
      maxParkedReads: 1 << 12,
    });
    this.core.begin(0, 0, 0);
  }

  get durableHeight(): number {
    return this.durable;
  }

  private isHome(partition: number): boolean {
    return shardOfPartition(partition, this.shards) === this.index;
  }

  private loadGenesis(genesis: Genesis): void {
    for (const { hash, bytes } of genesisCodes(genesis))
      if (this.isHome(partitionOf(hash, 0, PARTITIONS))) this.codes.set(prefixName(hash), bytes);
    for (const { count, keys, words } of genesisSlots(genesis)) {
      const hashes = new Uint8Array(count * 32);
      hashKeys(keys, count, hashes);
      const mine = Array.from({ length: count }, (_, i) => i).filter((i) =>
        this.isHome(partitionOf(hashes, i * 32, PARTITIONS)),
      );
      const pick = (from: Uint8Array, width: number): Uint8Array =>
        new Uint8Array(Buffer.concat(mine.map((i) => from.subarray(i * width, (i + 1) * width))));
      this.store.addGenesis(pick(keys, SLOT_KEY_BYTES), pick(words, WORD_BYTES), mine.length);
    }
    this.store.commitGenesis({ height: 0, record: recordOf(0, new Uint8Array(0)), sync: false });
  }

  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined {
    return this.codes.get(prefixName(prefix));
  }

  /** What it keeps of a durable block. */
  recordAt(height: number): ShardRecord {
    const record = this.store.recordAt(height)!;
    const view = new DataView(record.buffer, record.byteOffset, CLOSE_SEQ_BYTES);
    return {
      closeSeq: view.getFloat64(0, true),
      stripe: record.subarray(CLOSE_SEQ_BYTES),
      roots: this.store.partitionRoots(height),
    };
  }

  fromScheduler(bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === EpochBegin.id) {
      const { epoch, rollbackTo } = decode(EpochBegin, bytes);
      if (rollbackTo < 0) {
        this.isReported = true;
        this.wires.toDisk(() => this.sendState());
      } else if (epoch <= this.durableEpoch) this.sendState();
      else this.wires.toDisk(() => this.begin(epoch, rollbackTo));
    } else if (id === CloseBlock.id) {
      this.core.close(decode(CloseBlock, bytes));
      this.commitNext();
    } else if (id === Seals.id) this.core.seals(decode(Seals, bytes));
    else throw new Error(`schema ${id} from the scheduler to a shard`);
  }

  fromExecutor(peer: number, bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === SlotReads.id) this.core.reads(peer, decode(SlotReads, bytes));
    else if (id === Publish.id) {
      this.core.publish(peer, decode(Publish, bytes));
      this.commitNext();
    } else if (id === CodeReads.id) this.core.codeReads(peer, decode(CodeReads, bytes));
    else throw new Error(`schema ${id} from an executor to a shard`);
  }

  fromFramer(bytes: Uint8Array): void {
    const { epoch, number, stripe } = decode(Stripe, bytes);
    if (number <= this.durable && epoch === this.core.epoch) this.sendCommitted(number);
    else {
      this.core.stripe(epoch, number, stripe);
      this.commitNext();
    }
  }

  sendState(): void {
    this.wires.toScheduler(
      encode(ShardState, {
        epoch: this.core.epoch,
        durableHeight: this.durable,
        closeSeq: this.recordAt(this.durable).closeSeq,
        shard: this.index,
        shards: this.shards,
        partitions: PARTITIONS,
        owned: Uint8Array.from(this.owned),
        genesisHash: new Uint8Array(32),
      }),
    );
  }

  private begin(epoch: number, height: number): void {
    this.durableEpoch = epoch;
    if (this.store.height > height) this.store.rollbackTo(height);
    this.durable = Math.min(this.durable, height);
    this.unsynced = 0;
    this.isReported = false;
    this.core.begin(epoch, height, this.recordAt(height).closeSeq);
    this.sendState();
  }

  private commitNext(): void {
    while (!this.isReported && this.unsynced < MAX_UNSYNCED_BLOCKS) {
      const block = this.core.nextCommit();
      if (!block) return;
      for (const { hash, bytes } of block.codes) this.codes.set(prefixName(hash), bytes);
      const { keys, values, count } = block.changes;
      const { number } = block;
      this.store.apply({
        height: number,
        keys,
        values,
        count,
        record: recordOf(block.closeSeq, block.stripe),
      });
      this.core.committed();
      this.unsynced++;
      const { epoch } = this.core;
      this.wires.toDisk(() => {
        if (this.core.epoch !== epoch) return;
        this.store.persist(number, false);
        this.durable = number;
        this.unsynced--;
        this.sendCommitted(number);
        this.commitNext();
      });
    }
  }

  private sendCommitted(number: number): void {
    this.wires.toFramer(
      encode(Committed, {
        epoch: this.core.epoch,
        number,
        partitions: Uint8Array.from(this.owned),
        roots: this.store.partitionRoots(number),
      }),
    );
  }
}

function recordOf(closeSeq: number, stripe: Uint8Array): Uint8Array {
  const record = new Uint8Array(CLOSE_SEQ_BYTES + stripe.length);
  new DataView(record.buffer).setFloat64(0, closeSeq, true);
  record.set(stripe, CLOSE_SEQ_BYTES);
  return record;
}

/** Committed values by key, from their home shards. */
export function committedWords(shards: readonly WholeShard[], keys: Uint8Array, count: number): Uint8Array {
  const out = new Uint8Array(count * WORD_BYTES);
  for (let i = 0; i < count; i++) {
    const key = keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES);
    const home = shardOfPartition(partitionOf(hashKey(key), 0, PARTITIONS), shards.length);
    const shard = shards[home]!;
    out.set(shard.store.get(key.slice(), shard.durableHeight), i * WORD_BYTES);
  }
  return out;
}
