/** An engine on a bare kernel, for tests: answers misses at once, and can leave the memory to another execution at each. */
import type {
  BlockContext,
  ExecutableTransaction,
  ExecuteOptions,
  ExecutionResult,
  StateView,
} from "@velarium/engine";
import type { BeginOptions, Kernel } from "../../src/index.ts";

const NO_WORDS = { count: 0, keys: new Uint8Array(0), words: new Uint8Array(0) };

export interface KernelRun {
  /** Misses so far. */
  misses: number;
}

/** Answers every miss out of `state` until the execution ends; `between` runs at each miss. */
export function finish(
  kernel: Kernel,
  state: StateView,
  between?: () => void,
  run: KernelRun = { misses: 0 },
): "done" | "limit" | "learned" {
  while (true) {
    const status = kernel.run();
    if (status !== "miss") return status;
    run.misses++;
    const miss = kernel.miss();
    between?.();
    if (miss.kind === "slot") kernel.supplySlot(state.read(miss.key)!);
    else kernel.supplyCode(state.codeByPrefix(miss.prefix)!);
  }
}

/** The result of the execution that is done. */
export function resultOf(kernel: Kernel): ExecutionResult {
  const outcome = kernel.outcome();
  const effects = kernel.effects();
  if (outcome.outcome !== "included")
    return { ...outcome, accesses: effects.accesses, writes: NO_WORDS, deltas: NO_WORDS, codes: [] };
  return { ...outcome, ...effects };
}

export class KernelLimit extends Error {}

export function executeOn(
  kernel: Kernel,
  context: BlockContext,
  tx: ExecutableTransaction,
  state: StateView,
  options: ExecuteOptions & BeginOptions = {},
  between?: () => void,
  run?: KernelRun,
): ExecutionResult {
  kernel.setBlock(context);
  kernel.begin(tx, options);
  const status = finish(kernel, state, between, run);
  if (status !== "done") throw new KernelLimit(`the kernel ended with ${status}`);
  return resultOf(kernel);
}
