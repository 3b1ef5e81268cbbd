/**
 * Our engine in resident state: records stay in the kernel's memory from call to call, as they do for an executor's hot
 * accounts; each call has its own journal, warm sets, logs and refunds, and is committed.
 */
import type { BlockContext } from "@velarium/engine";
import type { Kernel } from "@velarium/evm-kernel";
import { keccak256 } from "@velarium/hash-kernel";
import { CodeFlag, Domain, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";
import { type CallResult, failedCall, type Runner } from "./runner.ts";
import { type Workload, wordOf } from "./workload.ts";

/** Puts the accounts of a workload into a kernel whose absent slots are zero. */
export function seedKernel(kernel: Kernel, workload: Workload, context: BlockContext): void {
  kernel.setBlock(context);
  for (const { address, balance = 0n, nonce = 0n, code, storage = [] } of workload.accounts) {
    kernel.seed(fieldKey(Domain.balance, address), wordOf(balance));
    kernel.seed(fieldKey(Domain.nonce, address), wordOf(nonce));
    const withCode = code !== undefined && code.length > 0;
    kernel.seed(
      fieldKey(Domain.code, address),
      encodeCodeWord({
        flags: storage.length > 0 ? CodeFlag.storage : 0,
        incarnation: 0,
        hashPrefix: withCode ? keccak256(code).subarray(0, 28) : new Uint8Array(28),
      }),
    );
    if (withCode) kernel.addCode(code);
    for (const [key, word] of storage) {
      const padded = new Uint8Array(32);
      padded.set(word, 32 - word.length);
      kernel.seed(storageKey(address, key), padded);
    }
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
  private readonly kernel: Kernel;
  private readonly workload: Workload;

  constructor(name: string, kernel: Kernel, workload: Workload) {
    this.name = name;
    this.kernel = kernel;
    this.workload = workload;
  }

  private call(index: number): void {
    const { kernel, workload } = this;
    kernel.beginCall(workload.calls[index % workload.calls.length]!);
    const status = kernel.run();
    if (status !== "done") throw failedCall(workload, this.name, index, status);
  }

  run(from: number, count: number): void {
    const { kernel } = this;
    for (let i = from; i < from + count; i++) {
      this.call(i);
      kernel.commit();
    }
  }

  inspect(index: number): CallResult {
    this.call(index);
    const { status, gasUsed, refund, returnData, logs } = this.kernel.outcome();
    this.kernel.commit();
    return { success: status === 1, gas: gasUsed + refund, returnData, logs: countLogs(logs) };
  }
}
