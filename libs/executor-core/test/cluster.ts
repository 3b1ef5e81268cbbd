/** Scheduler, shards and executors as cores in one place; every message takes a turn that a seeded die decides. */
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { decode, encode, type Message, schemaIdOf } from "@velarium/columns";
import { createReferenceEngine, type MemoryState } from "@velarium/engine";
import { createWasmEngine } from "@velarium/engine-wasm";
import { createSchedulerCore, type SchedulerCore } from "@velarium/scheduler-core";
import { ShardCore } from "@velarium/shard-core";
import {
  AccessKind,
  Domain,
  fieldKey,
  partitionOfId,
  SLOT_KEY_BYTES,
  SlotIds,
  shardOfPartition,
} from "@velarium/slots";
import {
  BlockClose,
  BlockCompleted,
  BlockHash,
  BlockOpen,
  CloseBlock,
  CodeReads,
  carriedKeys,
  EpochBegin,
  ExecutorHello,
  Frame,
  GrantMode,
  Publish,
  PublishAck,
  Receipts,
  Results,
  Seals,
  ShardState,
  SlotReads,
  SlotValues,
} from "@velarium/wire";
import { createExecutorCore } from "../src/index.ts";

export const PARTITIONS = 8;
export const CHAIN_ID = 7;
export const SECRET = new Uint8Array(32).fill(5);
export const BENEFICIARY = new Uint8Array(20).fill(0xbe);
export const BLOCK_TIME = 1000;
export const GAS_LIMIT = 30_000_000;
export const BASE_FEE = 10;
export const rules = createEthereumRules({
  ...configOfFork("prague", CHAIN_ID),
  baseFeePolicy: { kind: "fixed", wei: String(BASE_FEE) },
});
export const engine = createReferenceEngine();
export const ids = new SlotIds(SECRET, PARTITIONS);

export interface TestTx {
  readonly shape: number;
  readonly sender: Uint8Array;
  readonly raw: Uint8Array;
  readonly accesses: readonly { readonly key: Uint8Array; readonly kind: number }[];
}

export function idOf(key: Uint8Array): readonly [number, number] {
  const hi = new Uint32Array(1);
  const lo = new Uint32Array(1);
  ids.idsOf(key, 1, hi, lo);
  return [hi[0]!, lo[0]!];
}

const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export function frameOf(block: number, frame: number, firstSeq: number, txs: readonly TestTx[], tail = 0) {
  const accesses = txs.flatMap((tx) => tx.accesses);
  const keys = txs.flatMap(({ shape, accesses: own }) =>
    own.slice(own.length - carriedKeys(shape, own.length)).map(({ key }) => key),
  );
  let rawEnd = 0;
  let accessEnd = 0;
  const found = accesses.map((a) => idOf(a.key));
  return encode(Frame, {
    term: 1,
    block,
    frame,
    firstSeq,
    tail,
    openedMs: 0,
    shapes: Uint8Array.from(txs, (tx) => tx.shape),
    gasLimits: new Float64Array(txs.length).fill(100_000),
    senders: concat(txs.map((tx) => tx.sender)),
    raw: {
      ends: Uint32Array.from(txs, (tx) => (rawEnd += tx.raw.length)),
      blob: concat(txs.map((tx) => tx.raw)),
    },
    accessEnds: Uint32Array.from(txs, (tx) => (accessEnd += tx.accesses.length)),
    accessHi: Uint32Array.from(found, ([hi]) => hi),
    accessLo: Uint32Array.from(found, ([, lo]) => lo),
    accessKinds: Uint8Array.from(accesses, (a) => a.kind),
    keys: concat(keys),
    arrivals: new Float64Array(txs.length),
    attempts: new Uint8Array(txs.length),
    verified: new Uint8Array(txs.length),
    trace: new Uint8Array(0),
  });
}

/** Splits a stream into frames without conflicts, as a framer must. */
export function framesOf(txs: readonly TestTx[], atMost: number): TestTx[][] {
  const frames: TestTx[][] = [];
  let open: TestTx[] = [];
  let held = new Map<string, number>();
  const feeKey = Buffer.from(fieldKey(Domain.balance, BENEFICIARY)).toString("hex");
  const close = (): void => {
    if (open.length > 0) frames.push(open);
    open = [];
    held = new Map();
  };
  for (const tx of txs) {
    const named = tx.accesses.map((a) => [Buffer.from(a.key).toString("hex"), a.kind] as const);
    const alone = named.some(([key, kind]) => key === feeKey && kind !== AccessKind.D);
    const clash = named.some(([key, kind]) => {
      const before = held.get(key);
      return before !== undefined && !(before === kind && (kind === AccessKind.R || kind === AccessKind.D));
    });
    if (alone || clash || open.length === atMost) close();
    open.push(tx);
    for (const [key, kind] of named) held.set(key, kind);
    if (alone) close();
  }
  close();
  return frames;
}

type Turn = () => void;

export class TestCluster {
  readonly outcomes = new Map<number, number>();
  readonly receipts: Message<typeof Receipts>[] = [];
  readonly results: Message<typeof Results>[] = [];
  readonly published: Message<typeof Publish>[] = [];
  readonly failures: Error[] = [];
  readonly executors: ReturnType<typeof createExecutorCore>[] = [];
  readonly shards: ShardCore[] = [];
  readonly scheduler: SchedulerCore;
  readonly state: MemoryState;
  /** Times each acknowledgement is delivered. */
  acknowledgements = 1;
  completed = 0;
  private readonly channels = new Map<string, Turn[]>();
  private readonly random: () => number;
  private readonly peers: number[][] = [];
  private probe: ((bytes: Uint8Array) => void) | undefined;

  constructor(state: MemoryState, executors: number, shards: number, random: () => number, cacheRows = 4096) {
    this.state = state;
    this.random = random;
    this.scheduler = createSchedulerCore(
      {
        shards,
        minExecutors: executors,
        slotGroups: 2,
        nextFees: () => ({ baseFee: BigInt(BASE_FEE), excessBlobGas: 0 }),
      },
      {
        toExecutor: (e, bytes) => this.post(`s>e${e}`, () => this.executors[e]!.onScheduler(bytes)),
        toShard: (s, bytes) => this.post(`s>h${s}`, () => this.control(s, bytes)),
        toFramer: (bytes) => {
          if (schemaIdOf(bytes) === BlockCompleted.id) this.completed++;
        },
        notice: () => {},
        epochLost: (reason) => this.failures.push(new Error(reason)),
      },
    );
    for (let s = 0; s < shards; s++) {
      const owned = Array.from({ length: PARTITIONS }, (_, p) => p).filter(
        (p) => shardOfPartition(p, shards) === s,
      );
      const shard = new ShardCore({
        owned,
        state: {
          getBatch: (keys, count, out) => {
            for (let i = 0; i < count; i++)
              out.set(this.state.read(keys.slice(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)), i * 32);
          },
          codeByPrefix: (prefix) => this.state.codeByPrefix(prefix.slice()),
        },
        send: (peer, bytes) => this.answer(s, peer, bytes),
      });
      this.shards.push(shard);
      this.peers.push(Array.from({ length: executors + 1 }, () => shard.connect()));
    }
    for (let e = 0; e < executors; e++)
      this.executors.push(
        createExecutorCore(
          {
            rules,
            // Whichever engine runs a transaction, what comes of it is the same.
            engine: e % 2 === 0 ? createWasmEngine() : engine,
            shards,
            partitions: PARTITIONS,
            chainSecret: SECRET,
            cacheRows,
            later: (work) => this.post(`e${e}`, work),
          },
          {
            toShard: (s, bytes) => {
              if (schemaIdOf(bytes) === Publish.id) this.published.push(decode(Publish, bytes));
              this.post(`e${e}>h${s}`, () => this.serve(s, this.peers[s]![e]!, bytes));
            },
            toScheduler: (bytes) => {
              const results = decode(Results, bytes);
              this.results.push(results);
              for (let i = 0; i < results.seqs.length; i++)
                this.outcomes.set(results.seqs[i]!, results.outcomes[i]!);
              this.post(`e${e}>s`, () => this.scheduler.onExecutor(e, bytes));
            },
            toFramer: (bytes) => void this.receipts.push(decode(Receipts, bytes)),
            failed: (error) => void this.failures.push(error),
          },
        ),
      );
    this.begin(executors, shards);
  }

  private begin(executors: number, shards: number): void {
    for (let e = 0; e < executors; e++)
      this.scheduler.joinExecutor(encode(ExecutorHello, { capacity: 1000, name: new Uint8Array(0) }));
    const state = (shard: number, epoch: number) =>
      this.scheduler.onShard(
        shard,
        encode(ShardState, {
          epoch,
          durableHeight: 0,
          closeSeq: 0,
          shard,
          shards,
          partitions: PARTITIONS,
          owned: Uint8Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % shards === shard),
          genesisHash: new Uint8Array(32),
        }),
      );
    for (let s = 0; s < shards; s++) state(s, 0);
    for (let s = 0; s < shards; s++) {
      this.shards[s]!.begin(1, 0, 0);
      state(s, 1);
    }
    this.channels.clear();
    this.scheduler.framerConnected();
    this.hash(0);
    const baseFee = new Uint8Array(32);
    baseFee[31] = BASE_FEE;
    this.scheduler.onFramer(
      encode(BlockCompleted, {
        epoch: 1,
        number: 0,
        gasUsed: 0,
        gasLimit: GAS_LIMIT,
        blobGasUsed: 0,
        excessBlobGas: 0,
        executedGas: 0,
        baseFee,
      }),
    );
  }

  hash(number: number): void {
    this.scheduler.onFramer(
      encode(BlockHash, { epoch: 1, number, hash: new Uint8Array(32).fill(number + 1) }),
    );
  }

  open(number: number, firstSeq: number): void {
    this.scheduler.onFrames(
      encode(BlockOpen, {
        term: 1,
        number,
        time: BLOCK_TIME + number,
        gasLimit: GAS_LIMIT,
        firstSeq,
        watermark: 0,
        beneficiary: BENEFICIARY,
        beneficiaryId: Uint32Array.from(idOf(fieldKey(Domain.balance, BENEFICIARY))),
        prevRandao: new Uint8Array(32),
        parentBeaconRoot: new Uint8Array(32).fill(3),
        extraData: new Uint8Array(0),
      }),
    );
  }

  close(number: number, lastSeq: number, transactions: number): void {
    this.scheduler.onFrames(encode(BlockClose, { term: 1, number, lastSeq, transactions }));
  }

  /** Delivers messages in random order between channels until nothing moves. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 20; ) {
      const busy = [...this.channels.entries()].filter(([, turns]) => turns.length > 0);
      if (busy.length === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        idle++;
        continue;
      }
      idle = 0;
      const [, turns] = busy[Math.floor(this.random() * busy.length)]!;
      turns.shift()!();
      if (this.random() < 0.2) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The value as of `seq`, from the home shard. */
  read(key: Uint8Array, seq: number): Uint8Array {
    const [hi, lo] = idOf(key);
    const s = shardOfPartition(partitionOfId(hi), this.shards.length);
    let value: Uint8Array | undefined;
    this.probe = (bytes) => {
      value = decode(SlotValues, bytes).values.slice();
    };
    this.shards[s]!.reads(
      this.peers[s]!.at(-1)!,
      decode(
        SlotReads,
        encode(SlotReads, {
          epoch: 1,
          executor: 99,
          tokens: Uint32Array.of(0),
          hi: Uint32Array.of(hi),
          lo: Uint32Array.of(lo),
          modes: Uint8Array.of(GrantMode.settled),
          versions: Float64Array.of(seq),
          keys: key,
          genSeqs: new Float64Array(0),
          genCounts: new Uint32Array(0),
          genLasts: new Float64Array(0),
        }),
      ),
    );
    return value!;
  }

  private post(channel: string, turn: Turn): void {
    const turns = this.channels.get(channel);
    if (turns === undefined) this.channels.set(channel, [turn]);
    else turns.push(turn);
  }

  private control(s: number, bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === Seals.id) this.shards[s]!.seals(decode(Seals, bytes));
    else if (id === CloseBlock.id) this.shards[s]!.close(decode(CloseBlock, bytes));
    else if (id !== EpochBegin.id) throw new Error(`schema ${id} to a shard`);
  }

  private serve(s: number, peer: number, bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === SlotReads.id) this.shards[s]!.reads(peer, decode(SlotReads, bytes));
    else if (id === Publish.id) this.shards[s]!.publish(peer, decode(Publish, bytes));
    else if (id === CodeReads.id) this.shards[s]!.codeReads(peer, decode(CodeReads, bytes));
    else throw new Error(`schema ${id} to a shard`);
  }

  private answer(s: number, peer: number, bytes: Uint8Array): void {
    const e = this.peers[s]!.indexOf(peer);
    if (e === this.executors.length) this.probe!(bytes);
    else {
      const times = schemaIdOf(bytes) === PublishAck.id ? this.acknowledgements : 1;
      for (let i = 0; i < times; i++) this.post(`h${s}>e${e}`, () => this.executors[e]!.onShard(s, bytes));
    }
  }
}
