/** Random transactions on both engines: every field of the results is the same, with and without waiting for state. */
import { describe, expect, test } from "@jest/globals";
import { EXECUTION_FORKS } from "@velarium/chain-rules";
import {
  createReferenceEngine,
  type ExecutableTransaction,
  type ExecuteOptions,
  type ExecutionResult,
  type MemoryState,
  simulateTransaction,
  toExecutable,
  wordToBigInt,
} from "@velarium/engine";
import { Domain, fieldKey, SLOT_KEY_BYTES } from "@velarium/slots";
import { decodeTransaction } from "@velarium/tx-codec";
import { createWasmEngine } from "../src/index.ts";
import { expectAgreement } from "./agreement.ts";
import { contextOf, createWorld, workloadTransactions } from "./programs.ts";
import { generator, randomTransaction } from "./random-transactions.ts";
import { copyOf, SlowState, shown } from "./states.ts";

/** Simulated without funds the reference fails in ways of its own. */
const affordable = (tx: ExecutableTransaction): ExecutableTransaction =>
  tx.value > 10n ** 24n ? { ...tx, value: 1n } : tx;

const nonceIn = (state: MemoryState) => (sender: Uint8Array) =>
  wordToBigInt(state.read(fieldKey(Domain.nonce, sender)));

describe.each(EXECUTION_FORKS)("%s", (fork) => {
  const context = contextOf(fork);
  // Before EIP-158 an empty account may exist, and only the state says so.
  const options = { keepsEmptyAccounts: !context.rules.eip158 };
  const reference = createReferenceEngine(options);
  const engine = createWasmEngine(options);

  test("random transactions, one after another", async () => {
    const world = createWorld();
    const random = generator(1 + EXECUTION_FORKS.indexOf(fork));
    const outcomes = new Set<string>();
    for (let i = 0; i < 150; i++) {
      const tx = randomTransaction(random, world, context, nonceIn(world.state));
      const expected = await reference.execute(context, tx, world.state);
      const actual = await engine.execute(context, tx, world.state);
      expectAgreement(actual, expected, tx, world.state);
      outcomes.add(`${actual.outcome} ${actual.status}`);
      if (expected.outcome === "included") world.state.apply(expected);
    }
    expect(outcomes.size).toBeGreaterThan(2);
    expect(engine.stats.fallbacks).toEqual({ limit: 0 });
  });

  test("simulations, several waiting at a time", async () => {
    const world = createWorld();
    const random = generator(100 + EXECUTION_FORKS.indexOf(fork));
    const txs = Array.from({ length: 60 }, () =>
      affordable(randomTransaction(random, world, context, nonceIn(world.state))),
    );
    const results = await Promise.all(
      txs.map((tx) =>
        simulateTransaction(engine, context, tx, new SlowState(world.state, () => random(3) > 0)),
      ),
    );
    for (const [i, tx] of txs.entries()) {
      const expected = await simulateTransaction(reference, context, tx, world.state);
      // Before EIP-158 the reference writes back every account that it has looked at.
      const isLoose = !context.rules.eip158;
      expectAgreement(results[i]!, expected, tx, world.state, isLoose);
    }
    expect(engine.stats.suspensions).toBeGreaterThan(0);
    expect(engine.stats.parked).toBeGreaterThan(0);
  });
});

describe("declared accesses", () => {
  const context = contextOf("prague");
  const reference = createReferenceEngine();
  const engine = createWasmEngine();

  /** What a simulation found, less some of it. */
  function declarationOf({ accesses }: ExecutionResult, leaveOut: (i: number) => boolean): ExecuteOptions {
    const kept = Array.from({ length: accesses.count }, (_, i) => i).filter((i) => !leaveOut(i));
    const keys = new Uint8Array(kept.length * SLOT_KEY_BYTES);
    kept.forEach((from, to) => {
      keys.set(
        accesses.keys.subarray(from * SLOT_KEY_BYTES, (from + 1) * SLOT_KEY_BYTES),
        to * SLOT_KEY_BYTES,
      );
    });
    const kinds = Uint8Array.from(kept, (i) => accesses.kinds[i]!);
    return { declared: { count: kept.length, keys, kinds } };
  }

  test("whole or in part", async () => {
    const world = createWorld();
    const random = generator(77);
    let diverged = 0;
    for (let i = 0; i < 150; i++) {
      const tx = affordable(randomTransaction(random, world, context, nonceIn(world.state)));
      const found = await simulateTransaction(reference, context, tx, world.state);
      const options = declarationOf(found, () => i % 2 === 1 && random(5) === 0);
      const expected = await reference.execute(context, tx, world.state, options);
      const slow = new SlowState(world.state, () => random(4) > 0);
      const actual = await engine.execute(context, tx, slow, options);
      if (expected.outcome === "included" && actual.outcome === "included")
        expectAgreement(actual, expected, tx, world.state);
      else if (expected.outcome !== "included" && expected.reason !== "diverged")
        expect({ i, tx, ...shown(actual) }).toEqual({ i, tx, ...shown(expected) });
      if (actual.reason === "diverged") diverged++;
      if (expected.outcome === "included") world.state.apply(expected);
    }
    expect(diverged).toBeGreaterThan(5);
  });
});

describe.each(["erc20", "swap"] as const)("workload %s", (kind) => {
  test("equals the reference", async () => {
    const context = { ...contextOf("prague"), baseFee: 7n };
    const reference = createReferenceEngine();
    const engine = createWasmEngine();
    const { state, transactions } = workloadTransactions(kind, 40);
    for (const { raw, sender } of transactions) {
      const tx = toExecutable(decodeTransaction(raw), sender);
      const expected = await reference.execute(context, tx, copyOf(state));
      const actual = await engine.execute(context, tx, state);
      expect(shown(actual)).toEqual(shown(expected));
      expect(actual.status).toBe(1);
      state.apply(actual);
    }
  });
});

test("more waiting executions than may be parked begin again", async () => {
  const context = contextOf("cancun");
  const engine = createWasmEngine({ parkedBytes: 1 });
  const reference = createReferenceEngine();
  const world = createWorld();
  const random = generator(5);
  const txs = Array.from({ length: 20 }, () =>
    randomTransaction(random, world, context, nonceIn(world.state)),
  );
  const results = await Promise.all(
    txs.map((tx) => engine.execute(context, tx, new SlowState(world.state, () => false))),
  );
  for (const [i, tx] of txs.entries())
    expectAgreement(results[i]!, await reference.execute(context, tx, world.state), tx, world.state);
  expect(engine.stats.restarts).toBeGreaterThan(0);
});

test("a state that does not answer rejects, and leaves the engine usable", async () => {
  const context = contextOf("cancun");
  const engine = createWasmEngine();
  const world = createWorld();
  const random = generator(6);
  const tx = randomTransaction(random, world, context, nonceIn(world.state));
  const broken = new SlowState(world.state, () => false);
  broken.fetch = () => Promise.reject(new Error("no answer"));
  await expect(Promise.resolve(engine.execute(context, tx, broken))).rejects.toThrow("no answer");
  const expected = await createReferenceEngine().execute(context, tx, world.state);
  expect(shown(await engine.execute(context, tx, world.state))).toEqual(shown(expected));
});
