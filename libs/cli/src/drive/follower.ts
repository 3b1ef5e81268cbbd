/** Follows a cluster's announced blocks: exports them, and measures what became of what was fed. */
import {
  type BlockExportWriter,
  type BlockRecord,
  ChunkReassembly,
  decodeBlockRecord,
  decodeHeader,
  headerHash,
} from "@velarium/blocks";
import { decode } from "@velarium/columns";
import type { LogStreams } from "@velarium/streams";
import { BlockChunk, MAX_BATCH_TRANSACTIONS, reasonName, streamSeqOf } from "@velarium/wire";

export interface FollowedBlock {
  readonly number: number;
  readonly hash: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly transactions: number;
  readonly gasUsed: number;
  readonly frames: number;
  readonly returned: number;
  readonly atMs: number;
}

/** Latency bins, upper bounds in ms. */
export const LATENCY_BINS_MS = [
  5,
  10,
  20,
  50,
  100,
  200,
  300,
  500,
  750,
  1000,
  1500,
  2000,
  3000,
  5000,
  10_000,
  30_000,
  Number.POSITIVE_INFINITY,
];

export class BlockFollower {
  readonly blocks: FollowedBlock[] = [];
  included = 0;
  failed = 0;
  rejected = 0;
  readonly rejectedBy = new Map<string, number>();
  /** Exact latencies in ms of a bounded sample: one per stream message and block. */
  private readonly latencySum = new Map<number, number>();
  private readonly acknowledgedAt = new Map<number, number>();
  private readonly reassembly = new ChunkReassembly();
  private readonly writer: BlockExportWriter | undefined;
  private waiters: { readonly outcomes: number; readonly done: () => void }[] = [];
  private failure: Error | undefined;
  private failed_: ((error: Error) => void) | undefined;
  private stop_: (() => void) | undefined;

  constructor(writer: BlockExportWriter | undefined) {
    this.writer = writer;
  }

  /** From the next block on, or from the first that the stream still has: those of a cluster that has just begun. */
  async follow(streams: LogStreams, from: "next" | "first" = "next"): Promise<void> {
    const log = await streams.open("blocks");
    const { first, last } = await log.info();
    const consumption = log.consume(
      from === "next" ? last + 1 : first,
      (_seq, bytes) => this.takeChunk(bytes),
      (error) => this.fail(error),
    );
    this.stop_ = () => consumption.stop();
  }

  stop(): void {
    this.stop_?.();
  }

  get outcomes(): number {
    return this.included + this.rejected;
  }

  /** The stream message `firstArrival` was acknowledged. */
  noteAcknowledged(firstArrival: number, atMs: number): void {
    this.acknowledgedAt.set(streamSeqOf(firstArrival), atMs);
  }

  /** Resolves when so many transactions have an outcome; rejects when following fails. */
  untilOutcomes(outcomes: number): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    if (this.outcomes >= outcomes) return Promise.resolve();
    return new Promise((done, failed) => {
      this.waiters.push({ outcomes, done });
      this.failed_ = failed;
    });
  }

  fail(error: Error): void {
    this.failure = error;
    this.failed_?.(error);
  }

  /** Transactions by latency in whole ms. */
  latencies(): ReadonlyMap<number, number> {
    return this.latencySum;
  }

  latencyPercentile(p: number): number {
    const sorted = [...this.latencySum].sort((a, b) => a[0] - b[0]);
    const total = sorted.reduce((n, [, count]) => n + count, 0);
    let sum = 0;
    for (const [ms, count] of sorted) if ((sum += count) >= total * p) return ms;
    return 0;
  }

  private takeChunk(bytes: Uint8Array): void {
    try {
      const chunk = decode(BlockChunk, bytes);
      const record = this.reassembly.add(chunk.number, chunk.index, chunk.count, chunk.bytes);
      if (record) this.take(decodeBlockRecord(record), record);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private take(record: BlockRecord, bytes: Uint8Array): void {
    const atMs = performance.now();
    this.writer?.write(record.number, bytes);
    const header = decodeHeader(record.header);
    const transactions = record.raw.ends.length;
    this.blocks.push({
      number: record.number,
      hash: headerHash(record.header),
      stateRoot: header.stateRoot,
      transactions,
      gasUsed: header.gasUsed,
      frames: record.frames,
      returned: record.returned,
      atMs,
    });
    for (let i = 0; i < transactions; i++) if (record.statuses[i] !== 1) this.failed++;
    this.noteLatencies(record.arrivals, atMs);
    record.rejectedReasons.forEach((reason) => {
      const name = reasonName(reason);
      this.rejectedBy.set(name, (this.rejectedBy.get(name) ?? 0) + 1);
    });
    this.included += transactions;
    this.rejected += record.rejectedReasons.length;
    const reached = this.waiters.filter((w) => this.outcomes >= w.outcomes);
    this.waiters = this.waiters.filter((w) => this.outcomes < w.outcomes);
    for (const waiter of reached) waiter.done();
  }

  private noteLatencies(arrivals: Float64Array, atMs: number): void {
    let lastSeq = -1;
    let ms = -1;
    for (let i = 0; i < arrivals.length; i++) {
      const seq = Math.floor(arrivals[i]! / MAX_BATCH_TRANSACTIONS);
      if (seq !== lastSeq) {
        lastSeq = seq;
        const since = this.acknowledgedAt.get(seq);
        ms = since === undefined ? -1 : Math.max(0, Math.round(atMs - since));
      }
      if (ms >= 0) this.latencySum.set(ms, (this.latencySum.get(ms) ?? 0) + 1);
    }
  }
}
