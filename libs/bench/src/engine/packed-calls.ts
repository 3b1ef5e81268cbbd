/** The calls of a workload as the kernel reads them, one behind the other: executors get theirs in columns, too. */
import { type Kernel, packCall } from "@velarium/evm-kernel";
import type { WorkloadCall } from "./workload.ts";

/** Calls that one entry into the kernel runs: their packed forms fit a cache together with what they touch. */
const BATCH = 256;

export class PackedCalls {
  private readonly words: Uint32Array;
  private readonly bytes: Uint8Array;
  private readonly ends: Uint32Array;

  constructor(calls: readonly WorkloadCall[]) {
    const packed = calls.map(packCall);
    this.ends = new Uint32Array(packed.length);
    let end = 0;
    for (const [i, { length }] of packed.entries()) this.ends[i] = end += length >> 2;
    this.words = new Uint32Array(end);
    this.bytes = new Uint8Array(this.words.buffer);
    for (const [i, call] of packed.entries()) this.bytes.set(call, i === 0 ? 0 : this.ends[i - 1]! * 4);
  }

  /** Begins a batch of `count` calls at most, from call `index` on, counted round the list; tells how many. */
  beginBatch(kernel: Kernel, index: number, count: number): number {
    const at = index % this.ends.length;
    const end = Math.min(at + Math.min(count, BATCH), this.ends.length);
    const from = at === 0 ? 0 : this.ends[at - 1]! * 4;
    kernel.beginBatch(this.bytes.subarray(from, this.ends[end - 1]! * 4), end - at);
    return end - at;
  }

  /** Begins call `index`, counted round the list. */
  begin(kernel: Kernel, index: number): void {
    const at = index % this.ends.length;
    const from = at === 0 ? 0 : this.ends[at - 1]!;
    kernel.beginPackedWords(this.words, from, this.ends[at]! - from);
  }
}
