import { describe, expect, it } from "@jest/globals";
import { createReferenceEngine, type Engine, type ExecutionResult, NO_LOGS } from "@velarium/engine";
import { keccak256 } from "@velarium/hash-kernel";
import { TxError } from "@velarium/tx-codec";
import { caseStateOf } from "../src/case-state.ts";
import { runCase, stateRootOf } from "../src/index.ts";
import { rejectionMismatch } from "../src/rejection.ts";
import { hexOf, type StateCase, type StateTest } from "../src/state-test.ts";
import { wideGas } from "../src/wide-gas.ts";

const SENDER = "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b";
const CONTRACT = "0x00000000000000000000000000000000000c0de0";

/** SSTORE(0, NUMBER), in the form of a suite without transaction bytes. */
const test: StateTest = {
  env: {
    currentCoinbase: "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba",
    currentDifficulty: "0x20000",
    currentGasLimit: "0x7fffffffffffffff",
    currentNumber: "0x07",
    currentTimestamp: "0x03e8",
  },
  pre: {
    [SENDER]: { balance: "0xffffffffffffffff", code: "0x", nonce: "0x00", storage: {} },
    [CONTRACT]: { balance: "0x00", code: "0x4360005500", nonce: "0x01", storage: { "0x01": "0x02" } },
  },
  transaction: {
    data: ["0x"],
    gasLimit: ["0x0186a0", "0x5208"],
    gasPrice: "0x0a",
    nonce: "0x00",
    sender: SENDER,
    to: CONTRACT,
    value: ["0x00"],
  },
  post: {},
};
const NO_LOGS_HASH = hexOf(keccak256(NO_LOGS));

async function postOf(engine: Engine, gas = 0): Promise<StateCase> {
  const post = { hash: "", logs: NO_LOGS_HASH, indexes: { data: 0, gas, value: 0 } };
  const stateCase: StateCase = { name: "case", test, fork: "Byzantium", post };
  const verdict = await runCase(engine, stateCase);
  const hash = /root (0x[0-9a-f]+)/.exec(verdict.status === "failed" ? verdict.why : "")?.[1] ?? "";
  return { ...stateCase, post: { ...post, hash } };
}

describe("a case", () => {
  const engine = createReferenceEngine({ keepsEmptyAccounts: true });
  /** The reference with its result altered. */
  const altered = (change: (result: ExecutionResult) => ExecutionResult): Engine => ({
    ...engine,
    name: "altered",
    execute: async (...given) => change(await engine.execute(...given)),
  });

  it("passes with its root and fails when a word, a log or a delta is not what it should be", async () => {
    const stateCase = await postOf(engine);
    expect(await runCase(engine, stateCase)).toEqual({ status: "passed" });
    const wrong: ((result: ExecutionResult) => ExecutionResult)[] = [
      (result) => ({ ...result, logs: Uint8Array.of(0xc1, 0x80) }),
      (result) => ({ ...result, writes: { ...result.writes, count: result.writes.count - 1 } }),
      (result) => ({ ...result, deltas: { ...result.deltas, count: 0 } }),
      (result) => ({ ...result, outcome: "rejected", reason: "nonce-too-low" }),
    ];
    for (const change of wrong) expect((await runCase(altered(change), stateCase)).status).toBe("failed");
  });

  it("fails when the engine throws", async () => {
    const broken: Engine = { ...engine, execute: () => Promise.reject(new Error("no memory")) };
    expect(await runCase(broken, await postOf(engine))).toEqual({
      status: "failed",
      why: "the engine failed: no memory",
    });
  });

  it("expects a rejection in old suites exactly when the state is untouched", async () => {
    const untouched = hexOf(stateRootOf(caseStateOf(test)));
    const post = { hash: untouched, logs: NO_LOGS_HASH, indexes: { data: 0, gas: 0, value: 0 } };
    const accepted = await runCase(engine, { name: "", test, fork: "Byzantium", post });
    expect(accepted.status).toBe("failed");
    const tooLittle: StateTest = { ...test, transaction: { ...test.transaction, gasLimit: ["0x5207"] } };
    expect(await runCase(engine, { name: "", test: tooLittle, fork: "Byzantium", post })).toEqual({
      status: "passed",
    });
  });

  it("is skipped, with the reason, for a fork that does not exist", async () => {
    const stateCase = { ...(await postOf(engine)), fork: "Atlantis" };
    expect(await runCase(engine, stateCase)).toEqual({
      status: "skipped",
      why: "there is no fork Atlantis",
    });
  });
});

describe("classes of rejection", () => {
  it("must match", () => {
    const funds = { by: "engine", reason: "insufficient-funds" } as const;
    expect(rejectionMismatch("TransactionException.INSUFFICIENT_ACCOUNT_FUNDS", funds)).toBeUndefined();
    expect(
      rejectionMismatch(
        "TransactionException.INTRINSIC_GAS_TOO_LOW|TransactionException.INSUFFICIENT_ACCOUNT_FUNDS",
        funds,
      ),
    ).toBeUndefined();
    expect(rejectionMismatch("TransactionException.NONCE_IS_MAX", funds)).toMatch(/insufficient-funds/);
    expect(rejectionMismatch("TransactionException.NEW_KIND", funds)).toMatch(/NEW_KIND/);
  });

  it("tell errors of one code apart by what they say", () => {
    const error = new TxError("field", "a blob transaction names no blob");
    const refusal = { by: "decoder", error } as const;
    expect(rejectionMismatch("TransactionException.TYPE_3_TX_ZERO_BLOBS", refusal)).toBeUndefined();
    expect(rejectionMismatch("TransactionException.TYPE_3_TX_CONTRACT_CREATION", refusal)).toBeDefined();
  });
});

it("rounds wide gas limits down to a double", () => {
  expect(wideGas(21_000n)).toBe(21_000);
  expect(wideGas(2n ** 53n + 1n)).toBe(2 ** 53);
  expect(wideGas(2n ** 63n - 1n)).toBe(2 ** 63 - 1024);
  expect(wideGas(2n ** 63n)).toBe(2 ** 63);
});
