/**
 * Our engine in resident state: records stay in the kernel's memory from call to call, as they do for an executor's hot
 * accounts; each call has its own journal, warm sets, logs and refunds, and is committed.
 */
import type { BlockContext } from "@velarium/engine";
import { type Compiler, createCompiler } from "@velarium/evm-compiler";
import { createKernel, type Kernel, type KernelTrace } from "@velarium/evm-kernel";
import { keccak256 } from "@velarium/hash-kernel";
import { precompilesOf } from "@velarium/precompiles";
import { CodeFlag, Domain, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";
import { PackedCalls } from "./packed-calls.ts";
import { type CallResult, failedCall, type Runner } from "./runner.ts";
import { type Workload, wordOf } from "./workload.ts";

/** Calls that show which codes a workload runs. */
const REHEARSED = 20;

export type Tier = "interpreter" | "compiled";

export interface ResidentOptions {
  /** As in KernelOptions. */
  readonly keccakMemo?: number;
  /** Leaves a packed trace of each call, whose records are copied out. */
  readonly traced?: boolean;
}

/** Bytes that the kernel hands over at a time; larger ones come alone. */
const TRACE_BYTES = 1 << 16;

/** Takes records as a reader does that keeps them: by a copy, here to the same place over and over. */
function traceCopy(): KernelTrace {
  let copy = new Uint8Array(TRACE_BYTES);
  return {
    write(records) {
      if (records.length > copy.length) copy = new Uint8Array(records.length);
      copy.set(records);
      return true;
    },
  };
}

/** Puts the accounts of a workload into a kernel whose absent slots are zero. */
function seed(kernel: Kernel, workload: Workload): void {
  for (const { address, balance = 0n, nonce = 0n, code, storage = [] } of workload.accounts) {
    kernel.seed(fieldKey(Domain.balance, address), wordOf(balance));
    kernel.seed(fieldKey(Domain.nonce, address), wordOf(nonce));
    const withCode = code !== undefined && code.length > 0;
    const hashPrefix = withCode ? keccak256(code).subarray(0, 28) : new Uint8Array(28);
    const flags = storage.length > 0 ? CodeFlag.storage : 0;
    kernel.seed(fieldKey(Domain.code, address), encodeCodeWord({ flags, incarnation: 0, hashPrefix }));
    if (withCode) kernel.addCode(code);
    for (const [key, word] of storage) kernel.seed(storageKey(address, key), word);
  }
}

/** Number of items of an RLP list of logs, each of which is a list. */
function countLogs(rlp: Uint8Array): number {
  const sizeAt = (at: number): [header: number, size: number] => {
    const first = rlp[at]!;
    if (first < 0xf8) return [1, first - 0xc0];
    let size = 0;
    for (let i = 1; i <= first - 0xf7; i++) size = size * 256 + rlp[at + i]!;
    return [1 + first - 0xf7, size];
  };
  let count = 0;
  for (let at = sizeAt(0)[0]; at < rlp.length; count++) {
    const [header, size] = sizeAt(at);
    at += header + size;
  }
  return count;
}

export class ResidentRunner implements Runner {
  readonly name: string;
  readonly kernel: Kernel;
  readonly compiler: Compiler | undefined;
  private readonly workload: Workload;
  private readonly context: BlockContext;
  private readonly calls: PackedCalls;
  /** Runs many calls by one entry into the kernel; not where each has to be taken back, or is traced. */
  private batches: boolean;

  constructor(tier: Tier, workload: Workload, context: BlockContext, options: ResidentOptions = {}) {
    const { keccakMemo, traced = false } = options;
    this.name = traced ? `${tier}, traced` : tier;
    this.workload = workload;
    this.context = context;
    this.calls = new PackedCalls(workload.calls);
    this.batches = workload.startsOver !== true && !traced;
    const precompiles = precompilesOf(context.rules);
    this.kernel = createKernel({
      missing: "zero",
      ...(keccakMemo === undefined ? {} : { keccakMemo }),
      ...(traced ? { trace: traceCopy() } : {}),
      precompile: (id, input, gasLimit) => {
        const result = precompiles.run(id, input, gasLimit);
        return result.ok ? result : undefined;
      },
    });
    this.kernel.setBlock(context);
    seed(this.kernel, workload);
    if (tier === "compiled")
      this.compiler = createCompiler({ kernel: this.kernel, background: false, optimise: true });
  }

  /**
   * Compiles every code that the first calls run; initcode, which runs once, is left to the interpreter as it is in use.
   * The state stays as it is.
   */
  compileAll(): void {
    const { kernel, compiler, context, workload } = this;
    if (compiler === undefined) return;
    // What is not committed is gone when the next call begins.
    for (let i = 0; i < Math.min(REHEARSED, workload.calls.length); i++) this.call(i);
    for (const { entry, calls, compiled } of kernel.codes())
      if (calls > 0 && !compiled) compiler.force(entry, context.rules);
  }

  /** From now on one entry into the kernel per call. */
  enterSingly(): void {
    this.batches = false;
  }

  private call(index: number): void {
    const { kernel, workload } = this;
    this.calls.begin(kernel, index);
    const status = kernel.run();
    if (status !== "done") throw failedCall(workload, this.name, index, status);
  }

  private end(): void {
    // What is not committed is gone when the next call begins.
    if (this.workload.startsOver !== true) this.kernel.commit();
  }

  run(from: number, count: number): void {
    if (this.batches) this.runBatches(from, count);
    else
      for (let i = from; i < from + count; i++) {
        this.call(i);
        this.end();
      }
    if (this.kernel.outcome().status !== 1)
      throw failedCall(this.workload, this.name, from + count - 1, "it ended without success");
  }

  private runBatches(from: number, count: number): void {
    const { kernel, calls } = this;
    for (let at = from; at < from + count; ) {
      const taken = calls.beginBatch(kernel, at, from + count - at);
      const status = kernel.runBatch();
      if (status !== "done") throw failedCall(this.workload, this.name, at + kernel.batchDone(), status);
      at += taken;
    }
  }

  inspect(index: number): CallResult {
    this.call(index);
    const { status, gasUsed, returnData, logs } = this.kernel.outcome();
    this.end();
    return { success: status === 1, gas: gasUsed, returnData, logs: countLogs(logs) };
  }

  wordAt(address: Uint8Array, slot: Uint8Array | undefined): Uint8Array {
    const key = slot === undefined ? fieldKey(Domain.balance, address) : storageKey(address, slot);
    return this.kernel.peek(key) ?? new Uint8Array(32);
  }

  /** Share of the gas of one call that is interpreted; 0 where no code runs. */
  interpretedShare(index: number): number {
    const before = this.kernel.interpretedGas();
    const { gas } = this.inspect(index);
    return gas === 0 ? 0 : Number(this.kernel.interpretedGas() - before) / gas;
  }
}
