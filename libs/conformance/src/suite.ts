/**
 * All cases of many files, spread over worker threads. A case may take a limited time: it runs where it can be stopped
 * from outside, and when it is stopped its thread is replaced by a new one that goes on with the next case.
 */
import { Worker } from "node:worker_threads";
import type { CaseStart, FileOrder } from "./file-run.ts";
import { SuiteResult } from "./suite-result.ts";
import type { ToParent, WorkerSettings } from "./thread-messages.ts";

export interface SuiteOptions extends WorkerSettings {
  readonly files: readonly string[];
  readonly fork?: string;
  /** Worker threads. */
  readonly jobs: number;
  /** Time that one case may take, ms. */
  readonly caseLimitMs: number;
  /** Told after each file, and after each case that failed. */
  readonly progress?: (filesDone: number, result: SuiteResult) => void;
}

/** Time that a thread may take to start and to read a file, ms: far more than any takes. */
const START_LIMIT_MS = 60_000;
/** How often running cases are looked at. */
const WATCH_MS = 200;
/** A longer time between two looks is not that of a busy machine. */
const LONGEST_LOOK_MS = 5 * WATCH_MS;

export async function runSuite(options: SuiteOptions): Promise<SuiteResult> {
  const result = new SuiteResult(options.engine, options.suspendEverywhere);
  let next = 0;
  let done = 0;
  const started = performance.now();
  const work = async (): Promise<void> => {
    const lane = new Lane(options, result);
    try {
      while (next < options.files.length) {
        await lane.run(options.files[next++]!);
        options.progress?.(++done, result);
      }
    } finally {
      await lane.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.jobs, options.files.length) }, work));
  result.seconds = (performance.now() - started) / 1000;
  return result;
}

/** One thread after the other, of which one runs at a time. */
class Lane {
  private readonly options: SuiteOptions;
  private readonly result: SuiteResult;
  private worker: Worker | undefined;
  /** What the threads of this lane that are gone had told in their last word. */
  private lastWord: (ToParent & { kind: "file" }) | undefined;

  constructor(options: SuiteOptions, result: SuiteResult) {
    this.options = options;
    this.result = result;
  }

  async run(file: string): Promise<void> {
    for (let from = 0; ; ) {
      const stopped = await this.runFrom(file, from);
      if (stopped === undefined) return;
      this.result.addTimeout(file, stopped.name, stopped.fork, this.options.caseLimitMs);
      await this.close();
      from = stopped.index + 1;
    }
  }

  async close(): Promise<void> {
    if (this.lastWord !== undefined) this.result.addAccount(this.lastWord.account, this.lastWord.suspensions);
    this.lastWord = undefined;
    const worker = this.worker;
    this.worker = undefined;
    await worker?.terminate();
  }

  private start(): Worker {
    const { engine, suspendEverywhere } = this.options;
    const settings: WorkerSettings = { engine, suspendEverywhere };
    return new Worker(new URL("./worker.ts", import.meta.url), { workerData: settings });
  }

  /** Resolves to the case that ran into the limit, or to undefined when the file is done. */
  private runFrom(file: string, from: number): Promise<CaseStart | undefined> {
    const worker = (this.worker ??= this.start());
    const { fork, caseLimitMs } = this.options;
    return new Promise((resolve) => {
      let current: CaseStart = { index: from, name: "reading the file", fork: "" };
      // Time that has passed in looks at it: while this process is stopped, nothing runs and nothing is late.
      let ranMs = 0;
      let looked = performance.now();
      const settle = (value: CaseStart | undefined): void => {
        clearInterval(watch);
        worker.off("message", hear);
        worker.off("error", fail);
        resolve(value);
      };
      let limitMs = Math.max(caseLimitMs, START_LIMIT_MS);
      const watch = setInterval(() => {
        const now = performance.now();
        ranMs += Math.min(now - looked, LONGEST_LOOK_MS);
        looked = now;
        if (ranMs > limitMs) settle(current);
      }, WATCH_MS);
      const hear = (message: ToParent): void => {
        ranMs = 0;
        if (message.kind === "start") {
          current = message.start;
          limitMs = caseLimitMs;
          return;
        }
        if (message.kind === "case") return this.result.addCase(file, message.report);
        if (message.kind === "broken") this.result.addBroken(file, message.why);
        else this.lastWord = message;
        settle(undefined);
      };
      const fail = (error: Error): void => {
        this.result.addBroken(file, `the thread died at ${current.name}: ${error.message}`);
        this.worker = undefined;
        settle(undefined);
      };
      worker.on("message", hear);
      worker.on("error", fail);
      const order: FileOrder = { file, from, ...(fork === undefined ? {} : { fork }) };
      worker.postMessage(order);
    });
  }
}
