/** Frames as a framer would make them, and a world that records what a core says. */
import type { Message } from "@velarium/columns";
import { decode, encode, schemaIdOf } from "@velarium/columns";
import {
  BlockClose,
  BlockCompleted,
  BlockHash,
  BlockOpen,
  type Dispatch,
  Dispatch as DispatchSchema,
  EpochBegin,
  ExecutorHello,
  Frame,
  Outcome,
  Results,
  Shape,
  ShardState,
} from "@velarium/wire";
import {
  createSchedulerCore,
  type SchedulerCore,
  type SchedulerEffects,
  type SchedulerOptions,
} from "../src/index.ts";

export const PARTITIONS = 4;
/** Beneficiary's balance: partition 1, slot 99. */
export const BENEFICIARY: readonly [number, number] = [(1 << 24) >>> 0, 99];

export interface Access {
  readonly slot: number;
  readonly kind: number;
}
export interface Tx {
  readonly accesses: readonly Access[];
  readonly shape?: number;
}

/** Slot numbers below 1000; the partition is the number modulo PARTITIONS. */
export const idOf = (slot: number): [number, number] =>
  slot === 99 ? [...BENEFICIARY] : [((slot % PARTITIONS) << 24) | 7, Math.imul(slot, 16) >>> 0];

export function frameBytes(
  block: number,
  frame: number,
  firstSeq: number,
  txs: readonly Tx[],
  tail = 0,
): Uint8Array {
  const accessEnds = new Uint32Array(txs.length);
  const hi: number[] = [];
  const lo: number[] = [];
  const kinds: number[] = [];
  let keys = 0;
  const raw: number[] = [];
  const rawEnds = new Uint32Array(txs.length);
  txs.forEach((tx, i) => {
    for (const { slot, kind } of tx.accesses) {
      const [h, l] = idOf(slot);
      hi.push(h);
      lo.push(l);
      kinds.push(kind);
      if (tx.shape !== Shape.transfer) keys++;
    }
    accessEnds[i] = hi.length;
    for (let k = 0; k <= i % 5; k++) raw.push((firstSeq + i) & 255);
    rawEnds[i] = raw.length;
  });
  const senders = new Uint8Array(20 * txs.length);
  for (let i = 0; i < txs.length; i++) senders.fill((firstSeq + i) & 255, 20 * i, 20 * i + 20);
  const keyBytes = new Uint8Array(56 * keys);
  let k = 0;
  for (const tx of txs)
    if (tx.shape !== Shape.transfer) for (const { slot } of tx.accesses) keyBytes[56 * k++] = slot & 255;
  return encode(Frame, {
    term: 1,
    block,
    frame,
    firstSeq,
    tail,
    openedMs: 0,
    shapes: Uint8Array.from(txs, (tx) => tx.shape ?? Shape.general),
    gasLimits: Float64Array.from(txs, (_, i) => 21000 + firstSeq + i),
    senders,
    raw: { ends: rawEnds, blob: Uint8Array.from(raw) },
    accessEnds,
    accessHi: Uint32Array.from(hi),
    accessLo: Uint32Array.from(lo),
    accessKinds: Uint8Array.from(kinds),
    keys: keyBytes,
    arrivals: new Float64Array(txs.length),
    attempts: new Uint8Array(txs.length),
    verified: new Uint8Array(txs.length),
    trace: new Uint8Array(0),
  });
}

export const openBytes = (number: number, firstSeq: number): Uint8Array =>
  encode(BlockOpen, {
    term: 1,
    number,
    time: 1000 + number,
    gasLimit: 30_000_000,
    firstSeq,
    watermark: 0,
    beneficiary: new Uint8Array(20).fill(9),
    beneficiaryId: Uint32Array.from(BENEFICIARY),
    prevRandao: new Uint8Array(32),
    parentBeaconRoot: new Uint8Array(32),
    extraData: new Uint8Array(0),
  });

export const closeBytes = (number: number, lastSeq: number, transactions: number): Uint8Array =>
  encode(BlockClose, { term: 1, number, lastSeq, transactions });

export interface Extra {
  readonly slot: number;
  readonly kind: number;
}
export function resultsBytes(
  epoch: number,
  seqs: readonly number[],
  extras?: readonly (readonly Extra[])[],
): Uint8Array {
  const flat = extras?.flat() ?? [];
  let end = 0;
  return encode(Results, {
    epoch,
    seqs: Float64Array.from(seqs),
    outcomes: new Uint8Array(seqs.length).fill(Outcome.included),
    gasUsed: new Float64Array(seqs.length).fill(21000),
    blobGas: new Float64Array(0),
    extraEnds: extras ? Uint32Array.from(extras, (list) => (end += list.length)) : new Uint32Array(0),
    extraHi: Uint32Array.from(flat, (x) => idOf(x.slot)[0]),
    extraLo: Uint32Array.from(flat, (x) => idOf(x.slot)[1]),
    extraKinds: Uint8Array.from(flat, (x) => x.kind),
  });
}

export interface Sent {
  readonly to: "executor" | "shard" | "framer" | "notice";
  readonly index: number;
  readonly id: number;
  readonly bytes: Uint8Array;
}

export class World {
  readonly sent: Sent[] = [];
  readonly core: SchedulerCore;
  readonly shards: number;
  lost = "";

  constructor(options: Partial<SchedulerOptions> = {}, watch: Pick<SchedulerEffects, "watchFrame"> = {}) {
    this.shards = options.shards ?? 2;
    const record = (to: Sent["to"], index: number, bytes: Uint8Array) =>
      void this.sent.push({ to, index, id: schemaIdOf(bytes), bytes });
    this.core = createSchedulerCore(
      {
        minExecutors: 1,
        nextFees: (parent, number) => ({
          baseFee: parent.baseFee + BigInt(parent.gasUsed),
          excessBlobGas: number,
        }),
        slotGroups: 2,
        ...options,
        shards: this.shards,
      },
      {
        toExecutor: (i, bytes) => record("executor", i, bytes),
        toShard: (i, bytes) => record("shard", i, bytes),
        toFramer: (bytes) => record("framer", 0, bytes),
        notice: (bytes) => record("notice", 0, bytes),
        epochLost: (reason) => {
          this.lost = reason;
        },
        ...watch,
      },
    );
  }

  /** Messages of one schema sent so far, and forgets them. */
  take<S extends { id: number }>(schema: S, to?: Sent["to"]): Sent[] {
    const wanted = this.sent.filter((s) => s.id === schema.id && (to === undefined || s.to === to));
    for (const s of wanted) this.sent.splice(this.sent.indexOf(s), 1);
    return wanted;
  }

  hello(capacity = 1000): number {
    return this.core.joinExecutor(encode(ExecutorHello, { capacity, name: new Uint8Array(0) }));
  }

  shardState(shard: number, epoch: number, durableHeight: number, closeSeq: number): void {
    const owned = Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % this.shards === shard);
    this.core.onShard(
      shard,
      encode(ShardState, {
        epoch,
        durableHeight,
        closeSeq,
        shard,
        shards: this.shards,
        partitions: PARTITIONS,
        owned: Uint8Array.from(owned),
        genesisHash: new Uint8Array(32),
      }),
    );
  }

  header(number: number, baseFee: number): void {
    const word = new Uint8Array(32);
    word[31] = baseFee;
    this.core.onFramer(
      encode(BlockCompleted, {
        epoch: this.core.epoch,
        number,
        gasUsed: 7,
        gasLimit: 30_000_000,
        blobGasUsed: 0,
        excessBlobGas: 0,
        executedGas: 7,
        baseFee: word,
      }),
    );
  }

  blockHash(number: number): void {
    this.core.onFramer(
      encode(BlockHash, { epoch: this.core.epoch, number, hash: new Uint8Array(32).fill(number) }),
    );
  }

  /** All the way to a running epoch above height 0. */
  start(executors = 1, capacity = 1000): this {
    for (let e = 0; e < executors; e++) this.hello(capacity);
    for (let s = 0; s < this.shards; s++) this.shardState(s, 0, 0, 0);
    const { epoch, rollbackTo } = decode(EpochBegin, this.take(EpochBegin)[0]!.bytes);
    for (let s = 0; s < this.shards; s++) this.shardState(s, epoch, rollbackTo, 0);
    this.core.framerConnected();
    this.blockHash(0);
    this.header(0, 10);
    return this;
  }

  dispatches(): { executor: number; message: Message<typeof Dispatch> }[] {
    return this.take(DispatchSchema).map((s) => ({
      executor: s.index,
      message: decode(DispatchSchema, s.bytes),
    }));
  }
}
