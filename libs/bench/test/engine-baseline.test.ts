import { Account, Address } from "@ethereumjs/util";
import { describe, expect, it } from "@jest/globals";
import { createBlockRules } from "@velarium/chain-rules";
import type { BlockContext } from "@velarium/engine";
import { checkAgreement } from "../src/engine/agreement.ts";
import { createBaseline } from "../src/engine/baseline.ts";
import { engineBench } from "../src/engine/engine-bench.ts";
import { fibonacciLoop, multiplyLoop } from "../src/engine/loop-workloads.ts";
import { MapState } from "../src/engine/map-state.ts";
import { measure } from "../src/engine/measure.ts";
import type { Runner } from "../src/engine/runner.ts";
import { constantProductSwaps, nativeTransfers, tokenTransfers } from "../src/engine/token-workloads.ts";

const rules = createBlockRules("cancun", 1);
const context: BlockContext = {
  rules,
  number: 1,
  timestamp: 2_000,
  beneficiary: new Uint8Array(20),
  gasLimit: 30_000_000,
  baseFee: 0n,
  prevRandao: new Uint8Array(32),
  difficulty: 0n,
  blobBaseFee: 1n,
};
const word = (n: number): Uint8Array => new Uint8Array(32).fill(0).fill(n, 31);

describe("the baseline's state", () => {
  const address = new Address(new Uint8Array(20).fill(7));

  it("takes back what nested checkpoints wrote, and only that", async () => {
    const state = new MapState([{ address: address.bytes, balance: 5n, storage: [[word(1), word(9)]] }]);
    await state.checkpoint();
    await state.putStorage(address, word(1), word(2));
    await state.checkpoint();
    await state.putStorage(address, word(1), word(3));
    await state.putCode(address, Uint8Array.of(0));
    await state.putAccount(address, new Account(1n, 6n));
    await state.revert();
    expect(await state.getStorage(address, word(1))).toEqual(word(2));
    expect(await state.getCode(address)).toEqual(new Uint8Array(0));
    expect((await state.getAccount(address))?.balance).toBe(5n);
    expect((await state.getAccount(address))?.isContract()).toBe(false);
    await state.commit();
    expect(await state.getStorage(address, word(1))).toEqual(word(2));
    expect(await state.originalStorageCache.get(address, word(1))).toEqual(word(9));
    state.beginTransaction();
    expect(await state.originalStorageCache.get(address, word(1))).toEqual(word(2));
  });

  it("hands out accounts that can be changed without changing the state", async () => {
    const state = new MapState([{ address: address.bytes, balance: 5n }]);
    (await state.getAccount(address))!.balance = 1n;
    expect((await state.getAccount(address))?.balance).toBe(5n);
  });
});

describe("the workloads", () => {
  it("do on the baseline what they say: tokens move, swaps pay, loops count", async () => {
    const transfers = await createBaseline(tokenTransfers(20, 50), rules, context);
    expect(await transfers.inspect(0)).toMatchObject({ success: true, logs: 1 });
    await transfers.run(0, 100);
    const swaps = await createBaseline(constantProductSwaps(5, 20), rules, context);
    const swap = await swaps.inspect(0);
    expect(swap.logs).toBe(3);
    expect(BigInt(`0x${Buffer.from(swap.returnData).toString("hex")}`)).toBeGreaterThan(900_000n);
    await (await createBaseline(nativeTransfers(10, 20), rules, context)).run(0, 40);
    const fibonacci = await (await createBaseline(fibonacciLoop(), rules, context)).inspect(0);
    let [a, b] = [0n, 1n];
    for (let i = 0; i < 20_000; i++) [a, b] = [b, BigInt.asUintN(256, a + b)];
    expect(BigInt(`0x${Buffer.from(fibonacci.returnData).toString("hex")}`)).toBe(b);
    const multiply = await (await createBaseline(multiplyLoop(), rules, context)).inspect(0);
    let x = 1n;
    for (let i = 0; i < 20_000; i++) {
      const product = BigInt.asUintN(
        256,
        x * 0x9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251f86c6a11d0c18e95n,
      );
      x = product ^ (product >> 29n);
    }
    expect(BigInt(`0x${Buffer.from(multiply.returnData).toString("hex")}`)).toBe(x);
  });
});

describe("measuring", () => {
  const fake = (name: string, gas: number, word = 0): Runner => ({
    name,
    run: (_from, count) => {
      for (let i = 0, bytes = new Uint8Array(64); i < count * 20; i++) bytes = bytes.slice();
    },
    inspect: () => ({ success: true, gas, returnData: new Uint8Array(0), logs: 0 }),
    wordAt: () => Uint8Array.of(word),
  });

  it("refuses to compare engines that do not agree", async () => {
    const workload = tokenTransfers(3, 3);
    await checkAgreement(workload, [fake("one", 5), fake("two", 5)]);
    await expect(checkAgreement(workload, [fake("one", 5), fake("two", 6)])).rejects.toThrow(/two gave/);
    await expect(checkAgreement(workload, [fake("one", 5), fake("two", 5, 1)])).rejects.toThrow(
      /is 01 on two/,
    );
  });

  it("gives each runner its passes", async () => {
    const speeds = await measure([fake("one", 0), fake("two", 0)], {
      passes: 3,
      passMs: 2,
      budgetMs: 10_000,
    });
    expect(speeds.map(({ runner, passes }) => [runner, passes])).toEqual([
      ["one", 3],
      ["two", 3],
    ]);
  });

  it("runs the whole benchmark on small data", async () => {
    const report = await engineBench.run({ small: true }, () => {});
    expect(report.rows.some(({ name }) => name.startsWith("ERC-20 transfer"))).toBe(true);
    for (const row of report.rows) expect(row.value > 0 || row.detail !== undefined).toBe(true);
  });
});
