import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Common, Hardfork, Mainnet } from "@ethereumjs/common";
import { createEVM, type EVM } from "@ethereumjs/evm";
import { Account, Address } from "@ethereumjs/util";
import { beforeEach, describe, expect, it } from "@jest/globals";
import {
  type Argument,
  type Contract,
  ContractsError,
  decodeWord,
  encodeCall,
  encodeDeploy,
  encodeWord,
  pair,
  token,
} from "../src/index.ts";

const alice = new Uint8Array(20).fill(0xaa);
const bob = new Uint8Array(20).fill(0xbb);
const MAX = 2n ** 256n - 1n;

let evm: EVM;
beforeEach(async () => {
  evm = await createEVM({ common: new Common({ chain: Mainnet, hardfork: Hardfork.Paris }) });
  for (const who of [alice, bob])
    await evm.stateManager.putAccount(new Address(who), new Account(0n, 10n ** 18n));
});

async function deploy(contract: Contract, args: Argument[]): Promise<Uint8Array> {
  const made = await evm.runCall({
    caller: new Address(alice),
    data: encodeDeploy(contract, args),
    gasLimit: 10_000_000n,
  });
  expect(made.execResult.exceptionError).toBeUndefined();
  expect(made.execResult.returnValue).toEqual(contract.runtime);
  return made.createdAddress!.bytes;
}

async function call(
  from: Uint8Array,
  to: Uint8Array,
  contract: Contract,
  signature: string,
  args: Argument[],
) {
  const { execResult } = await evm.runCall({
    caller: new Address(from),
    to: new Address(to),
    data: encodeCall(contract, signature, args),
    gasLimit: 1_000_000n,
  });
  return {
    ok: execResult.exceptionError === undefined,
    data: execResult.returnValue,
    logs: execResult.logs ?? [],
  };
}
const read = async (
  to: Uint8Array,
  contract: Contract,
  signature: string,
  args: Argument[] = [],
): Promise<bigint> => decodeWord((await call(alice, to, contract, signature, args)).data);

describe("Token", () => {
  it("moves balances and allowances, and refuses what is not there", async () => {
    const t = await deploy(token, [1000n]);
    const balances = async () => [
      await read(t, token, "balanceOf(address)", [alice]),
      await read(t, token, "balanceOf(address)", [bob]),
    ];
    expect((await call(alice, t, token, "transfer(address,uint256)", [bob, 300n])).logs).toHaveLength(1);
    expect(await balances()).toEqual([700n, 300n]);
    expect((await call(alice, t, token, "transfer(address,uint256)", [bob, 701n])).ok).toBe(false);
    expect((await call(alice, t, token, "transfer(address,uint256)", [new Uint8Array(20), 1n])).ok).toBe(
      false,
    );
    expect((await call(alice, t, token, "transfer(address,uint256)", [alice, 700n])).ok).toBe(true);
    expect((await call(bob, t, token, "transferFrom(address,address,uint256)", [alice, bob, 1n])).ok).toBe(
      false,
    );
    await call(alice, t, token, "approve(address,uint256)", [bob, 50n]);
    expect((await call(bob, t, token, "transferFrom(address,address,uint256)", [alice, bob, 20n])).ok).toBe(
      true,
    );
    expect(await read(t, token, "allowance(address,address)", [alice, bob])).toBe(30n);
    await call(alice, t, token, "approve(address,uint256)", [bob, MAX]);
    await call(bob, t, token, "transferFrom(address,address,uint256)", [alice, bob, 20n]);
    expect(await read(t, token, "allowance(address,address)", [alice, bob])).toBe(MAX);
    expect(await balances()).toEqual([660n, 340n]);
    expect(await read(t, token, "totalSupply()")).toBe(1000n);
  });
});

describe("Pair", () => {
  it("keeps 0.3 % of what comes in, never lets the product fall, and pays liquidity back", async () => {
    const [t0, t1] = [await deploy(token, [10n ** 24n]), await deploy(token, [10n ** 24n])];
    const p = await deploy(pair, [t0, t1]);
    for (const t of [t0, t1]) await call(alice, t, token, "approve(address,uint256)", [p, MAX]);
    expect((await call(alice, p, pair, "addLiquidity(uint256,uint256)", [1_000_000n, 4_000_000n])).ok).toBe(
      true,
    );
    const reserves = async () =>
      [await read(p, pair, "reserve0()"), await read(p, pair, "reserve1()")] as const;

    const swap = "swapExactIn(address,uint256,uint256,address)";
    const expected = (10_000n * 997n * 4_000_000n) / (1_000_000n * 1000n + 10_000n * 997n);
    expect(await read(p, pair, "quote(address,uint256)", [t0, 10_000n])).toBe(expected);
    expect((await call(alice, p, pair, swap, [t0, 10_000n, expected + 1n, bob])).ok).toBe(false);
    expect((await call(alice, p, pair, swap, [bob, 10_000n, 0n, bob])).ok).toBe(false);
    expect((await call(alice, p, pair, swap, [t0, 0n, 0n, bob])).ok).toBe(false);
    const made = await call(alice, p, pair, swap, [t0, 10_000n, expected, bob]);
    expect(decodeWord(made.data)).toBe(expected);
    expect(made.logs).toHaveLength(3);
    expect(await read(t1, token, "balanceOf(address)", [bob])).toBe(expected);
    expect(await reserves()).toEqual([1_010_000n, 4_000_000n - expected]);

    let product = 0n;
    for (const [t, amount] of [
      [t1, 7n],
      [t0, 123_456n],
      [t1, 999_999n],
      [t1, 1n],
    ] as const) {
      expect((await call(alice, p, pair, swap, [t, amount, 0n, alice])).ok).toBe(true);
      const [a, b] = await reserves();
      expect(a * b).toBeGreaterThanOrEqual(product);
      product = a * b;
      expect([a, b]).toEqual([
        await read(t0, token, "balanceOf(address)", [p]),
        await read(t1, token, "balanceOf(address)", [p]),
      ]);
    }
    expect((await call(bob, p, pair, "removeLiquidity(uint256)", [1n])).ok).toBe(false);
    expect((await call(alice, p, pair, "removeLiquidity(uint256)", [1_000_000n])).ok).toBe(true);
    expect(await reserves()).toEqual([0n, 0n]);
  });
});

describe("compilation", () => {
  it("gives the same bytes again", () => {
    const folder = new URL("..", import.meta.url);
    const built = () => readFileSync(new URL("build/contracts.json", folder), "utf8");
    const before = built();
    execFileSync(process.execPath, ["compile.mjs"], { cwd: folder });
    expect(built()).toBe(before);
  });
});

describe("encoding", () => {
  it("refuses what does not fit and names that do not exist", () => {
    expect(() => encodeWord(-1n)).toThrow(RangeError);
    expect(() => encodeWord(2n ** 256n)).toThrow(RangeError);
    expect(() => encodeWord(new Uint8Array(33))).toThrow(RangeError);
    expect(() => encodeCall(token, "mint(uint256)", [1n])).toThrow(ContractsError);
    expect(decodeWord(encodeWord(MAX))).toBe(MAX);
  });
});
