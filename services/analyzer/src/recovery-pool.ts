/**
 * Sender recovery on threads of this process. A message is cut into chunks, so that threads share even a single one; a
 * thread has two chunks at most, one at work and one waiting, and the rest wait here in order. What waits is bounded by
 * the messages under analysis (`--in-flight`).
 */
import { Worker } from "node:worker_threads";
import type { SenderRecovery } from "@velarium/analyzer-core";
import type { BytesColumn } from "@velarium/columns";
import type { RecoveredColumn } from "@velarium/tx-codec";

/** Rows of a chunk: some 3 ms of work, beside which its two messages (some 20 µs) are nothing. */
const CHUNK_ROWS = 64;
const CHUNKS_PER_THREAD = 2;

/** Raw transactions (end offsets and bytes) and which of them need nothing. */
export interface RecoveryChunk {
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly blob: Uint8Array<ArrayBuffer>;
  readonly verified: Uint8Array<ArrayBuffer>;
}
export type RecoveredChunk = RecoveredColumn;

interface Job {
  readonly chunk: RecoveryChunk;
  readonly done: (recovered: RecoveredChunk) => void;
  readonly failed: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Oldest first: answers come in the order asked. */
  readonly jobs: Job[];
}

export class RecoveryPool {
  /** Rows recovered since the start. */
  rows = 0;
  private readonly size: number;
  private readonly threads: Thread[] = [];
  private queue: Job[] = [];
  private stopped = false;

  /** Threads start with the first transaction that needs one. */
  constructor(threads: number) {
    this.size = threads;
  }

  get runningThreads(): number {
    return this.threads.length;
  }
  get queuedChunks(): number {
    return this.queue.length;
  }

  readonly recover: SenderRecovery = async (raw, verified) => {
    const count = raw.ends.length;
    const senders = new Uint8Array(20 * count);
    const hashes = new Uint8Array(32 * count);
    const statuses = new Uint8Array(count);
    const chunks: Promise<void>[] = [];
    for (let from = 0; from < count; from += CHUNK_ROWS) {
      const to = Math.min(count, from + CHUNK_ROWS);
      const chunk = this.submit(chunkOf(raw, verified, from, to)).then((recovered) => {
        senders.set(recovered.senders, 20 * from);
        hashes.set(recovered.hashes, 32 * from);
        statuses.set(recovered.statuses, from);
      });
      chunks.push(chunk);
    }
    await Promise.all(chunks);
    this.rows += count;
    return { senders, hashes, statuses };
  };

  /** What is under way fails. */
  async stop(): Promise<void> {
    this.stopped = true;
    const waiting = this.queue;
    this.queue = [];
    for (const job of waiting) job.failed(new Error("the recovery threads are stopped"));
    await Promise.all(this.threads.slice().map(({ worker }) => worker.terminate()));
  }

  private submit(chunk: RecoveryChunk): Promise<RecoveredChunk> {
    if (this.stopped) return Promise.reject(new Error("the recovery threads are stopped"));
    return new Promise((done, failed) => {
      this.queue.push({ chunk, done, failed });
      this.handOut();
    });
  }

  private handOut(): void {
    while (this.queue.length > 0) {
      const thread = this.idlest();
      if (thread === undefined) return;
      const job = this.queue.shift()!;
      thread.jobs.push(job);
      const { ends, blob, verified } = job.chunk;
      thread.worker.postMessage(job.chunk, [ends.buffer, blob.buffer, verified.buffer]);
    }
  }

  /** A thread that may take one more; a new one before any has two. */
  private idlest(): Thread | undefined {
    let best: Thread | undefined;
    for (const thread of this.threads)
      if (best === undefined || thread.jobs.length < best.jobs.length) best = thread;
    if ((best === undefined || best.jobs.length > 0) && this.threads.length < this.size) return this.start();
    return best !== undefined && best.jobs.length < CHUNKS_PER_THREAD ? best : undefined;
  }

  private start(): Thread {
    const worker = new Worker(new URL("./recovery-worker.ts", import.meta.url));
    const thread: Thread = { worker, jobs: [] };
    this.threads.push(thread);
    worker.on("message", (recovered: RecoveredChunk) => {
      thread.jobs.shift()?.done(recovered);
      this.handOut();
    });
    const end = (error: Error): void => {
      const at = this.threads.indexOf(thread);
      if (at >= 0) this.threads.splice(at, 1);
      for (const job of thread.jobs.splice(0)) job.failed(error);
      if (!this.stopped) this.handOut();
    };
    worker.on("error", (error) => end(error as Error));
    worker.on("exit", (code) => end(new Error(`a recovery thread ended with code ${code}`)));
    return thread;
  }
}

/** A copy of rows `from`..`to` that a thread may own. */
function chunkOf(raw: BytesColumn, verified: Uint8Array, from: number, to: number): RecoveryChunk {
  const start = from === 0 ? 0 : raw.ends[from - 1]!;
  const ends = new Uint32Array(to - from);
  for (let i = from; i < to; i++) ends[i - from] = raw.ends[i]! - start;
  return {
    ends,
    blob: new Uint8Array(raw.blob.subarray(start, raw.ends[to - 1]!)),
    verified: new Uint8Array(verified.subarray(from, to)),
  };
}
