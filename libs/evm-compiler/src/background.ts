/** The compile worker as its owner sees it: one request at a time, a bounded queue, and a watch on time and memory. */
import { Worker } from "node:worker_threads";
import type { BlockRules } from "@velarium/chain-rules";
import type { RefusedCode } from "./compile.ts";
import type { CompilerBudgets } from "./types.ts";
import { WARM_UP } from "./warm-up.ts";
import type { CompiledModule, CompileReply, CompileRequest } from "./worker.ts";

export type CompileResult = CompiledModule | RefusedCode;

interface Job {
  readonly request: CompileRequest;
  readonly done: (result: CompileResult) => void;
}

/** Room that the worker gets beyond its budget before it is ended: it checks the budget itself while it builds. */
const GRACE = 1.5;

/** Most of what a build allocates lives until its end: the default of 16 MiB copies it several times. */
const YOUNG_GENERATION_MB = 96;

export class BackgroundCompiler {
  readonly #budgets: CompilerBudgets;
  readonly #queueLimit: number;
  readonly #queue: Job[] = [];
  #worker: Worker | undefined;
  #current: Job | undefined;
  #timer: NodeJS.Timeout | undefined;
  #nextId = 0;
  #closed = false;
  /** Calls back whoever waits until the worker is warm. */
  #warm: (() => void) | undefined;
  #warming: Promise<void> | undefined;

  constructor(budgets: CompilerBudgets, queueLimit: number) {
    this.#budgets = budgets;
    this.#queueLimit = queueLimit;
  }

  get isFull(): boolean {
    return this.#queue.length >= this.#queueLimit;
  }

  /** Queues a code; `done` is called once, from the event loop. False when the queue is full. */
  add(code: Uint8Array, rules: BlockRules, done: (result: CompileResult) => void): boolean {
    if (this.#closed || this.isFull) return false;
    this.#queue.push({ request: { id: this.#nextId++, code, rules, budgets: this.#budgets }, done });
    this.#next();
    return true;
  }

  /**
   * Starts the worker and has it compile something of no use for a while, once, so that the first code is not the one that
   * V8 learns the compiler from. Work that comes meanwhile goes first. Resolves when it is over.
   */
  warmUp(): Promise<void> {
    if (this.#warming !== undefined) return this.#warming;
    if (this.#closed || this.#worker !== undefined) return Promise.resolve();
    this.#warming = new Promise((resolve) => {
      this.#warm = resolve;
    });
    this.#worker = this.#start();
    this.#worker.postMessage(WARM_UP);
    return this.#warming;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#warm?.();
    this.#queue.length = 0;
    this.#current = undefined;
    clearTimeout(this.#timer);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #next(): void {
    if (this.#current !== undefined || this.#closed) return;
    const job = this.#queue.shift();
    if (job === undefined) return;
    this.#current = job;
    this.#worker ??= this.#start();
    this.#worker.postMessage(job.request);
    this.#timer = setTimeout(() => this.#overdue(), this.#budgets.wallMs * GRACE);
    this.#timer.unref();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      resourceLimits: {
        maxOldGenerationSizeMb: this.#budgets.workerMemoryMb,
        maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
      },
    });
    worker.unref();
    worker.on("message", (reply: CompileReply | typeof WARM_UP) => {
      if (reply === WARM_UP) this.#warm?.();
      else if (reply.id === this.#current?.request.id) this.#finish(reply);
    });
    worker.on("error", (error: Error & { code?: string }) => {
      if (worker !== this.#worker) return;
      this.#worker = undefined;
      this.#warm?.();
      const isMemory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      const message = isMemory ? `needs more than ${this.#budgets.workerMemoryMb} MiB` : String(error.stack);
      this.#finish({ ok: false, reason: isMemory ? "memory" : "crash", message });
    });
    return worker;
  }

  #overdue(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#warm?.();
    void worker?.terminate();
    this.#finish({ ok: false, reason: "time", message: `needs more than ${this.#budgets.wallMs} ms` });
  }

  #finish(result: CompileResult): void {
    const job = this.#current;
    this.#current = undefined;
    clearTimeout(this.#timer);
    job?.done(result);
    this.#next();
  }
}
