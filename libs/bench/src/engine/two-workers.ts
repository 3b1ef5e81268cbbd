/** Two execution threads on separate memories against one: what sharing a machine costs them. */
import { Worker } from "node:worker_threads";
import { type BenchRow, row } from "../report.ts";
import { FULL, median, SMALL } from "./measure.ts";

const TARGET = 1.85;

export interface TransferOrder {
  readonly holders: number;
  readonly calls: number;
}
/** Told by a worker: `ready`, then per pass how many calls it made and how long they took. */
export type TransferReply =
  | { readonly kind: "ready" }
  | { readonly kind: "pass"; readonly callsPerSecond: number };

class TransferWorker {
  private readonly worker: Worker;
  private readonly replies: TransferReply[] = [];
  private wake: (() => void) | undefined;
  private failure: Error | undefined;

  constructor(order: TransferOrder) {
    this.worker = new Worker(new URL("./transfer-worker.ts", import.meta.url), { workerData: order });
    this.worker.on("message", (reply: TransferReply) => {
      this.replies.push(reply);
      this.wake?.();
    });
    this.worker.on("error", (error) => {
      this.failure = error;
      this.wake?.();
    });
  }

  async next(): Promise<TransferReply> {
    while (this.replies.length === 0) {
      if (this.failure !== undefined) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.replies.shift()!;
  }

  /** Calls per second of one pass, by the clock: two threads that wait for one core are not fast. */
  async pass(): Promise<number> {
    this.worker.postMessage("pass");
    const reply = await this.next();
    return reply.kind === "pass" ? reply.callsPerSecond : 0;
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}

export async function workersRow(small: boolean): Promise<BenchRow> {
  const order: TransferOrder = small ? { holders: 200, calls: 500 } : { holders: 100_000, calls: 400_000 };
  const { passes } = small ? SMALL : FULL;
  const workers = [new TransferWorker(order), new TransferWorker(order)] as const;
  try {
    for (const worker of workers) await worker.next();
    const one: number[] = [];
    const both: number[] = [];
    for (let i = 0; i < passes; i++) {
      one.push(await workers[0].pass());
      const speeds = await Promise.all(workers.map((worker) => worker.pass()));
      both.push(speeds[0]! + speeds[1]!);
    }
    const [alone, together] = [median(one), median(both)];
    return row("two workers, disjoint state, over one", together / alone, "×", {
      target: TARGET,
      detail: `ERC-20 transfers, ${Math.round(alone).toLocaleString("en")}/s alone, ${Math.round(together).toLocaleString("en")}/s together`,
    });
  } finally {
    for (const worker of workers) await worker.close();
  }
}
