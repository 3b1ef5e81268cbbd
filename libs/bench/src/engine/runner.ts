/** Something that runs the calls of a workload, on a state of its own that goes on from pass to pass. */
import type { Workload } from "./workload.ts";

export interface CallResult {
  readonly success: boolean;
  /** Gas of the execution, refunds not taken off. */
  readonly gas: number;
  readonly returnData: Uint8Array;
  readonly logs: number;
}

export interface Runner {
  readonly name: string;
  /** Runs `count` calls of the workload's list, beginning at `from` and going round. Throws when one fails. */
  run(from: number, count: number): Promise<void> | void;
  /** Runs one call and tells what came of it. */
  inspect(index: number): Promise<CallResult> | CallResult;
  /** Word (32 bytes) that the state holds now: an account's balance, or a slot of its storage. */
  wordAt(address: Uint8Array, slot: Uint8Array | undefined): Promise<Uint8Array> | Uint8Array;
}

/** A workload does not do what it is there for, or two engines disagree on it. */
export class BenchError extends Error {
  readonly code = "bench";
}

export const failedCall = (workload: Workload, runner: string, index: number, why: string): BenchError =>
  new BenchError(`${workload.name}: call ${index} failed on ${runner}: ${why}`);
