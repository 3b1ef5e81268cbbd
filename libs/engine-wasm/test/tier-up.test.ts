/** Codes that are called often are compiled in the background, and go on giving what the reference gives. */
import { afterAll, expect, test } from "@jest/globals";
import { createBlockRules } from "@velarium/chain-rules";
import { type BlockContext, createReferenceEngine, toExecutable } from "@velarium/engine";
import { decodeTransaction } from "@velarium/tx-codec";
import { createWasmEngine, engineReport } from "../src/index.ts";
import { BENEFICIARY, workloadTransactions } from "./programs.ts";
import { copyOf, shown } from "./states.ts";

const context: BlockContext = {
  rules: createBlockRules("prague", 1),
  number: 280,
  timestamp: 1_700_000_000,
  beneficiary: BENEFICIARY,
  gasLimit: 30_000_000,
  baseFee: 7n,
  prevRandao: new Uint8Array(32),
  difficulty: 0n,
  blobBaseFee: 1n,
};
const engine = createWasmEngine({ compiler: {} });
afterAll(() => engine.close());

const compiledCodes = (): number => engine.codes(10).filter(({ tier }) => tier === "compiled").length;

test("a market and its tokens are compiled while they are called", async () => {
  const { state, transactions } = workloadTransactions("swap", 600);
  const calls = transactions.map(({ raw, sender }) => toExecutable(decodeTransaction(raw), sender));
  const start = copyOf(state);
  // Simulated on one state, again and again: what it is about is how often the codes are called.
  for (let round = 0; compiledCodes() < 2 && round < 200; round++) {
    for (const call of calls) await engine.execute(context, call, start, { skipNonceCheck: true });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(compiledCodes()).toBe(2);

  const reference = createReferenceEngine();
  for (const call of calls.slice(0, 60)) {
    const expected = await reference.execute(context, call, copyOf(state));
    const actual = await engine.execute(context, call, state);
    expect(shown(actual)).toEqual(shown(expected));
    state.apply(actual);
  }
  const report = engineReport(engine, 10);
  expect(report.compilations).toEqual({ ready: 2 });
  for (const { compilation } of report.codes) expect(compilation?.wasmBytes).toBeGreaterThan(1000);
}, 60_000);
