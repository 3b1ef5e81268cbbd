/**
 * The scheduler's rate without execution: frames of plain transfers, encoded as a framer encodes them, go in; grants
 * and dispatches come out; results come back as soon as a frame is dispatched. Run it with
 * `node libs/scheduler-core/bench/scheduler.ts [transactions] [accounts] [executors] [packing]`; with packing 1 every
 * transaction goes through ParaBloom first.
 */
import { decode, encode } from "@velarium/columns";
import { AccessKind } from "@velarium/slots";
import {
  BlockClose,
  BlockCompleted,
  BlockHash,
  BlockOpen,
  Dispatch,
  ExecutorHello,
  Frame,
  Outcome,
  Results,
  Shape,
  ShardState,
} from "@velarium/wire";
import { ParaBloom } from "../../parabloom/src/index.ts";
import { createSchedulerCore } from "../src/index.ts";

const PARTITIONS = 64;
const FRAME_TRANSACTIONS = 1024;
const BLOCK_FRAMES = 64;
/** Frames made; they are sent again and again under new seqs. */
const DISTINCT_FRAMES = 1024;
/** Size of a signed transfer of type 2. */
const RAW_BYTES = 112;

export interface SchedulerBenchOptions {
  readonly transactions: number;
  readonly accounts: number;
  readonly executors: number;
  /** Pack with ParaBloom in front, within the measured time. What it packs is thrown away: the frames are ready-made. */
  readonly packing?: boolean;
}
export interface SchedulerBenchResult extends SchedulerBenchOptions {
  readonly transactionsPerSecond: number;
  readonly nanosecondsPerTransaction: number;
  /** CPU time of the whole process, garbage collection included: comparable while other programs run. */
  readonly cpuNanosecondsPerTransaction: number;
  readonly dispatchedBytes: number;
  readonly slotRows: number;
}

/** mulberry32 (Tommy Ettinger): enough for a reproducible choice of accounts. */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const mix = (x: number): number => {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

const TRANSFER: readonly (readonly [end: number, field: number, kind: number])[] = [
  [0, 0, AccessKind.W],
  [0, 1, AccessKind.W],
  [0, 2, AccessKind.R],
  [1, 2, AccessKind.R],
  [1, 0, AccessKind.D],
];

/** Frames of transfers between uniformly chosen accounts, without conflicts inside a frame. */
function transferFrames(options: SchedulerBenchOptions): Uint8Array[] {
  const next = random(1);
  const frames: Uint8Array[] = [];
  const raw = new Uint8Array(FRAME_TRANSACTIONS * RAW_BYTES);
  const rawEnds = Uint32Array.from({ length: FRAME_TRANSACTIONS }, (_, i) => (i + 1) * RAW_BYTES);
  const accessEnds = Uint32Array.from({ length: FRAME_TRANSACTIONS }, (_, i) => (i + 1) * 5);
  for (let n = 0; n < DISTINCT_FRAMES && n * FRAME_TRANSACTIONS < options.transactions; n++) {
    const hi = new Uint32Array(5 * FRAME_TRANSACTIONS);
    const lo = new Uint32Array(5 * FRAME_TRANSACTIONS);
    const kinds = new Uint8Array(5 * FRAME_TRANSACTIONS);
    const used = new Set<number>();
    for (let i = 0; i < FRAME_TRANSACTIONS; i++) {
      const ends: [number, number] = [0, 0];
      for (let k = 0; k < 2; k++) {
        do ends[k] = next() % options.accounts;
        while (used.has(ends[k]!));
        used.add(ends[k]!);
      }
      TRANSFER.forEach(([end, field, kind], a) => {
        const h = mix(4 * ends[end]! + field + 1);
        hi[5 * i + a] = (((h % PARTITIONS) << 24) | (mix(h) & 0xffffff)) >>> 0;
        lo[5 * i + a] = mix(h ^ 0x5bd1e995);
        kinds[5 * i + a] = kind;
      });
    }
    frames.push(
      encode(Frame, {
        term: 1,
        block: 0,
        frame: 0,
        firstSeq: 0,
        tail: 0,
        openedMs: 0,
        shapes: new Uint8Array(FRAME_TRANSACTIONS).fill(Shape.transfer),
        gasLimits: new Float64Array(FRAME_TRANSACTIONS).fill(21000),
        senders: new Uint8Array(20 * FRAME_TRANSACTIONS),
        raw: { ends: rawEnds, blob: raw },
        accessEnds,
        accessHi: hi,
        accessLo: lo,
        accessKinds: kinds,
        keys: new Uint8Array(0),
        arrivals: new Float64Array(FRAME_TRANSACTIONS),
        attempts: new Uint8Array(FRAME_TRANSACTIONS),
        verified: new Uint8Array(FRAME_TRANSACTIONS),
        trace: new Uint8Array(0),
      }),
    );
  }
  return frames;
}

/** Writes the place of the `n`-th frame into its scalars, which follow the 16 bytes of header. */
function placeFrame(bytes: Uint8Array, n: number): Uint8Array {
  const scalars = new Float64Array(bytes.buffer, bytes.byteOffset + 16, Frame.scalars.length);
  scalars[Frame.scalars.indexOf("block")] = 1 + Math.floor(n / BLOCK_FRAMES);
  scalars[Frame.scalars.indexOf("frame")] = n % BLOCK_FRAMES;
  scalars[Frame.scalars.indexOf("firstSeq")] = 1 + n * FRAME_TRANSACTIONS;
  return bytes;
}

const blockOpen = (number: number, firstSeq: number): Uint8Array =>
  encode(BlockOpen, {
    term: 1,
    number,
    time: number,
    gasLimit: 1.5e9,
    firstSeq,
    watermark: 0,
    beneficiary: new Uint8Array(20),
    beneficiaryId: Uint32Array.of(12345, 6789),
    prevRandao: new Uint8Array(32),
    parentBeaconRoot: new Uint8Array(32),
    extraData: new Uint8Array(0),
  });

/** Places a frame's transactions as a framer would, ejecting the largest frame when none takes one. */
function pack(bloom: ParaBloom, bytes: Uint8Array): void {
  const { accessHi, accessLo, accessKinds, accessEnds } = decode(Frame, bytes);
  let from = 0;
  for (let i = 0; i < accessEnds.length; i++) {
    const to = accessEnds[i]!;
    while (bloom.tryPlace(accessHi, accessLo, accessKinds, from, to) < 0) bloom.eject(bloom.largest());
    from = to;
  }
  // Frames are ejected at the size that the rest of the benchmark uses.
  for (let f = bloom.largest(); bloom.sizeOf(f) >= FRAME_TRANSACTIONS; f = bloom.largest()) bloom.eject(f);
}

/** Runs on the calling thread, whole blocks; the frames are made before the clock starts. */
export function benchScheduler(options: SchedulerBenchOptions): SchedulerBenchResult {
  const frames = transferFrames(options);
  /** Seqs dispatched to each executor and not answered yet. */
  const dispatched: { executor: number; bytes: Uint8Array }[] = [];
  const completed: number[] = [];
  let dispatchedBytes = 0;
  const core = createSchedulerCore(
    {
      shards: 1,
      minExecutors: options.executors,
      nextFees: (parent) => ({ baseFee: parent.baseFee, excessBlobGas: 0 }),
    },
    {
      toExecutor: (executor, bytes) => {
        dispatchedBytes += bytes.length;
        if (bytes[4] === Dispatch.id) dispatched.push({ executor, bytes });
      },
      toShard: () => {},
      toFramer: (bytes) => {
        if (bytes[4] === BlockCompleted.id) completed.push(decode(BlockCompleted, bytes).number);
      },
      notice: () => {},
      epochLost: (reason) => {
        throw new Error(reason);
      },
    },
  );
  const header = { gasUsed: 0, gasLimit: 1.5e9, blobGasUsed: 0, excessBlobGas: 0, executedGas: 0 };
  const state = { durableHeight: 0, closeSeq: 0, shard: 0, shards: 1, partitions: PARTITIONS };
  const owned = Uint8Array.from({ length: PARTITIONS }, (_, p) => p);
  for (let e = 0; e < options.executors; e++)
    core.joinExecutor(encode(ExecutorHello, { capacity: 1 << 15, name: new Uint8Array(0) }));
  core.framerConnected();
  for (const epoch of [0, 1])
    core.onShard(0, encode(ShardState, { epoch, ...state, owned, genesisHash: new Uint8Array(32) }));
  core.onFramer(encode(BlockCompleted, { epoch: 1, number: 0, ...header, baseFee: new Uint8Array(32) }));

  // What executors would say of each, made before the clock starts.
  const outcomes = new Uint8Array(FRAME_TRANSACTIONS).fill(Outcome.included);
  const gasUsed = new Float64Array(FRAME_TRANSACTIONS).fill(21000);
  const none = { blobGas: new Float64Array(0), ids: new Uint32Array(0), kinds: new Uint8Array(0) };
  const answer = (): void => {
    for (const { executor, bytes } of dispatched.splice(0)) {
      const { seqs } = decode(Dispatch, bytes);
      core.onExecutor(
        executor,
        encode(Results, {
          epoch: 1,
          seqs,
          outcomes: outcomes.subarray(0, seqs.length),
          gasUsed: gasUsed.subarray(0, seqs.length),
          blobGas: none.blobGas,
          extraEnds: none.ids,
          extraHi: none.ids,
          extraLo: none.ids,
          extraKinds: none.kinds,
        }),
      );
    }
    for (const number of completed.splice(0))
      core.onFramer(encode(BlockHash, { epoch: 1, number, hash: new Uint8Array(32) }));
  };
  const bloom = options.packing ? new ParaBloom() : undefined;
  let n = 0;
  /** Goes on with whole blocks, through the `until`-th frame at least. */
  const runUntil = (until: number): void => {
    for (; n < until || n % BLOCK_FRAMES !== 0; n++) {
      const number = 1 + Math.floor(n / BLOCK_FRAMES);
      if (n % BLOCK_FRAMES === 0) core.onFrames(blockOpen(number, 1 + n * FRAME_TRANSACTIONS));
      if (bloom) pack(bloom, frames[n % frames.length]!);
      core.onFrames(placeFrame(frames[n % frames.length]!, n));
      // Eight frames stay in flight, so that grants name versions that are not complete.
      if (n % 8 === 7) answer();
      if (n % BLOCK_FRAMES === BLOCK_FRAMES - 1) {
        const lastSeq = (n + 1) * FRAME_TRANSACTIONS;
        core.onFrames(encode(BlockClose, { term: 1, number, lastSeq, transactions: 0 }));
        answer();
      }
    }
  };
  // Each frame once, before the clock starts: what is measured is a scheduler that runs, not the growth of its tables.
  runUntil(frames.length);
  const before = { frames: n, bytes: dispatchedBytes };
  const cpuBefore = process.cpuUsage();
  const start = process.hrtime.bigint();
  runUntil(n + Math.ceil(options.transactions / FRAME_TRANSACTIONS));
  answer();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const cpu = process.cpuUsage(cpuBefore);
  const transactions = (n - before.frames) * FRAME_TRANSACTIONS;
  if (core.stats().completeThrough !== n * FRAME_TRANSACTIONS) throw new Error("not everything completed");
  return {
    ...options,
    transactions,
    transactionsPerSecond: Math.round(transactions / seconds),
    nanosecondsPerTransaction: Math.round((seconds / transactions) * 1e9),
    cpuNanosecondsPerTransaction: Math.round(((cpu.user + cpu.system) / transactions) * 1e3),
    dispatchedBytes: dispatchedBytes - before.bytes,
    slotRows: core.stats().slotRows,
  };
}

if (process.argv[1] === import.meta.filename) {
  const [transactions = 1 << 20, accounts = 1_000_000, executors = 1, packing = 0] = process.argv
    .slice(2)
    .map(Number);
  benchScheduler({ transactions: 1 << 18, accounts, executors, packing: packing === 1 }); // warm-up
  console.log(benchScheduler({ transactions, accounts, executors, packing: packing === 1 }));
}
