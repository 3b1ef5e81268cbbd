/** A batch in resident state is its transactions one after another: same outcomes, same state, same as the reference. */
import { describe, expect, test } from "@jest/globals";
import {
  type BlockContext,
  createReferenceEngine,
  type ExecutableTransaction,
  type ExecutionResult,
  type MemoryState,
  wordToBigInt,
} from "@velarium/engine";
import {
  createKernel,
  type Kernel,
  KernelError,
  type KernelOutcome,
  layout,
  packTransaction,
} from "@velarium/evm-kernel";
import { precompilesOf } from "@velarium/precompiles";
import { Domain, decodeCodeWord, fieldKey } from "@velarium/slots";
import { contextOf, createWorld } from "./programs.ts";
import { generator, randomTransaction } from "./random-transactions.ts";
import { copyOf } from "./states.ts";

const TRANSACTIONS = 120;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function residentKernel(context: BlockContext, state: MemoryState, withCodes = true): Kernel {
  const precompiles = precompilesOf(context.rules);
  const kernel = createKernel({
    missing: "zero",
    precompile: (id, input, gasLimit) => {
      const result = precompiles.run(id, input, gasLimit);
      return result.ok ? result : undefined;
    },
  });
  kernel.setBlock(context);
  if (withCodes) for (const code of state.codes.values()) kernel.addCode(code);
  for (const [key, word] of state.words) kernel.seed(Buffer.from(key, "latin1"), word);
  return kernel;
}

/** What a receipt follows from. */
const receiptOf = (result: ExecutionResult | KernelOutcome) => ({
  outcome: result.outcome,
  reason: result.reason,
  status: result.status,
  gasUsed: result.gasUsed,
  refund: result.refund,
  logs: hex(result.logs),
  created: result.createdAddress && hex(result.createdAddress),
  fee: result.beneficiaryFee,
});

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Runs packed transactions in batches of the sizes that `nextSize` gives; supplies codes that are missing. */
function runBatches(
  kernel: Kernel,
  packed: readonly Uint8Array[],
  nextSize: () => number,
  state: MemoryState,
): KernelOutcome[] {
  const outcomes: KernelOutcome[] = [];
  while (outcomes.length < packed.length) {
    const part = packed.slice(outcomes.length, outcomes.length + nextSize());
    kernel.beginBatch(concatenated(part), part.length);
    for (;;) {
      const status = kernel.runBatch();
      if (status === "done") break;
      const miss = kernel.miss();
      if (miss.kind !== "code") throw new Error(`the batch stopped: ${status}`);
      kernel.supplyCode(state.codeByPrefix(miss.prefix)!);
    }
    expect(kernel.batchDone()).toBe(part.length);
    for (let i = 0; i < part.length; i++) outcomes.push(kernel.batchOutcome(i));
  }
  return outcomes;
}

/** Words of the state that can still be reached: not storage of an incarnation that is over. */
function reachable(state: MemoryState): [key: Uint8Array, word: Uint8Array][] {
  const keys = [...state.words].map(([key, word]) => [Buffer.from(key, "latin1"), word] as const);
  return keys.flatMap(([key, word]): [Uint8Array, Uint8Array][] => {
    if (key[0] !== Domain.storage) return [[key, word]];
    const { incarnation } = decodeCodeWord(state.read(fieldKey(Domain.code, key.subarray(1, 21))));
    return (key[21]! << 16) + (key[22]! << 8) + key[23]! === incarnation ? [[key, word]] : [];
  });
}

const nonceIn = (state: MemoryState) => (sender: Uint8Array) =>
  wordToBigInt(state.read(fieldKey(Domain.nonce, sender)));

describe.each(["homestead", "byzantium", "berlin", "cancun", "prague"] as const)("%s", (fork) => {
  const context = contextOf(fork);
  const options = { keepsEmptyAccounts: !context.rules.eip158 };

  async function randomRun(seed: number) {
    const world = createWorld();
    const first = copyOf(world.state);
    const reference = createReferenceEngine(options);
    const random = generator(seed);
    const transactions: ExecutableTransaction[] = [];
    const expected: ExecutionResult[] = [];
    for (let i = 0; i < TRANSACTIONS; i++) {
      const tx = randomTransaction(random, world, context, nonceIn(world.state));
      const result = await reference.execute(context, tx, world.state);
      if (result.outcome === "included") world.state.apply(result);
      transactions.push(tx);
      expected.push(result);
    }
    return { first, last: world.state, transactions, expected, random };
  }

  test("a batch gives what single transactions give, and what the reference gives", async () => {
    const { first, last, transactions, expected, random } = await randomRun(17);
    const packed = transactions.map((tx) => packTransaction(tx, options));
    const batched = residentKernel(context, first);
    const outcomes = runBatches(batched, packed, () => 1 + random(40), last);
    expect(outcomes.map(receiptOf)).toEqual(expected.map(receiptOf));
    const single = residentKernel(context, first);
    for (const [i, each] of packed.entries()) {
      single.beginPacked(each);
      expect(single.run()).toBe("done");
      expect(receiptOf(outcomes[i]!)).toEqual(receiptOf(single.outcome()));
      single.commit();
    }
    for (const [key, word] of reachable(last)) {
      expect([hex(key), hex(batched.peek(key) ?? new Uint8Array(32))]).toEqual([hex(key), hex(word)]);
      expect(hex(single.peek(key) ?? new Uint8Array(32))).toBe(hex(word));
    }
  });

  test("a code that is missing stops a batch until it is supplied", async () => {
    const { first, last, transactions, expected } = await randomRun(23);
    const packed = transactions.map((tx) => packTransaction(tx, options));
    const kernel = residentKernel(context, first, false);
    const outcomes = runBatches(kernel, packed, () => TRANSACTIONS, last);
    expect(outcomes.map(receiptOf)).toEqual(expected.map(receiptOf));
  });
});

describe("batches", () => {
  const context = contextOf("cancun");
  const { state } = createWorld();
  const kernel = residentKernel(context, state);

  test("an empty batch is done at once, and leaves the kernel usable", () => {
    kernel.beginBatch(new Uint8Array(0), 0);
    expect(kernel.runBatch()).toBe("done");
    expect(kernel.batchDone()).toBe(0);
    expect(() => kernel.batchOutcome(0)).toThrow(KernelError);
  });

  test("more than a batch holds is refused, and so are batches in isolated state", () => {
    const many = layout.MAX_BATCH + 1;
    expect(() => kernel.beginBatch(new Uint8Array(layout.TX_BYTES * many), many)).toThrow(KernelError);
    const isolated = createKernel({ precompile: () => undefined });
    isolated.setBlock(context);
    expect(() => isolated.beginBatch(new Uint8Array(layout.TX_BYTES), 1)).toThrow(KernelError);
  });
});
