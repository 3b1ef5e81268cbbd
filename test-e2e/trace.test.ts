/** Executions step by step: debug_traceTransaction, debug_traceCall and `velarium trace` against a whole cluster. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { token } from "@velarium/contracts";
import { type Abi, createWalletClient, defineChain, encodeFunctionData, http, publicActions } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import {
  accounts,
  CHAIN_ID,
  constructorArgs,
  type Hex,
  startTestCluster,
  type TestCluster,
  toHex,
} from "./support/cluster.ts";

const velarium = new URL("../libs/cli/src/velarium.mjs", import.meta.url).pathname;
const run = promisify(execFile);
const abi = token.abi as Abi;

interface StructLogs {
  readonly gas: number;
  readonly failed: boolean;
  readonly structLogs: readonly { readonly op: string; readonly depth: number; readonly gas: number }[];
}

describe("tracing", () => {
  let running: TestCluster;
  let contract: Hex;
  let transfer: Hex;
  let transferGas: bigint;
  beforeAll(async () => {
    running = await startTestCluster();
    const client = wallet();
    const deployed = await client.waitForTransactionReceipt({
      hash: await client.deployContract({
        abi,
        bytecode: toHex(token.bytecode),
        args: constructorArgs(),
      }),
    });
    contract = deployed.contractAddress!;
    // Several in one block, so that some stand before the one that is traced.
    const nonce = await client.getTransactionCount({ address: accounts[0]!.address });
    const hashes = await Promise.all(
      [1n, 2n, 3n].map((amount, i) =>
        client.writeContract({
          address: contract,
          abi,
          functionName: "transfer",
          args: [accounts[1]!.address, amount],
          nonce: nonce + i,
          gas: 100_000n,
        }),
      ),
    );
    transfer = hashes[2]!;
    const receipt = await client.waitForTransactionReceipt({ hash: transfer });
    expect(receipt.status).toBe("success");
    transferGas = receipt.gasUsed;
  }, 120_000);
  afterAll(async () => {
    await running?.stop();
  }, 60_000);

  const wallet = () =>
    createWalletClient({
      account: privateKeyToAccount(accounts[0]!.privateKey),
      chain: defineChain({
        id: CHAIN_ID,
        name: "velarium",
        nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
        rpcUrls: { default: { http: [running.url] } },
      }),
      transport: http(),
      pollingInterval: 100,
    }).extend(publicActions);

  const rpc = async (method: string, params: unknown[]) =>
    (await (
      await fetch(running.url, {
        method: "POST",
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      })
    ).json()) as { result: unknown; error?: { code: number; message: string; data?: string } };

  it("lists the steps of a transaction with the gas of its receipt", async () => {
    const { result } = await rpc("debug_traceTransaction", [transfer]);
    const { gas, failed, structLogs } = result as StructLogs;
    expect(BigInt(gas)).toBe(transferGas);
    expect(failed).toBe(false);
    expect(structLogs.filter(({ op }) => op === "SSTORE")).toHaveLength(2);
    expect(structLogs.at(-1)!.op).toMatch(/^(RETURN|STOP)$/);
    expect(structLogs.every(({ depth }) => depth === 1)).toBe(true);
  });

  it("draws the tree of calls and the state before", async () => {
    const tree = (await rpc("debug_traceTransaction", [
      transfer,
      { tracer: "callTracer", tracerConfig: { withLog: true } },
    ])) as { result: { type: string; to: string; logs: unknown[] } };
    expect(tree.result).toMatchObject({ type: "CALL", to: contract, gasUsed: toQuantity(transferGas) });
    expect(tree.result.logs).toHaveLength(1);
    const { result } = await rpc("debug_traceTransaction", [
      transfer,
      { tracer: "prestateTracer", tracerConfig: { diffMode: true } },
    ]);
    const { pre, post } = result as Record<
      "pre" | "post",
      Record<string, { storage: object; nonce: number }>
    >;
    expect(Object.values(pre[contract]!.storage)).toContain(`0x${"3".padStart(64, "0")}`);
    expect(Object.values(post[contract]!.storage)).toContain(`0x${"6".padStart(64, "0")}`);
  });

  it("traces a call that reverts", async () => {
    const data = encodeFunctionData({
      abi,
      functionName: "transfer",
      args: [accounts[1]!.address, 10n ** 60n],
    });
    const call = { from: accounts[2]!.address, to: contract, data };
    const { result } = await rpc("debug_traceCall", [call, "latest", { tracer: "callTracer" }]);
    expect(result).toMatchObject({ type: "CALL", error: "execution reverted" });
    const steps = (await rpc("debug_traceCall", [call, "latest", { limit: 5 }])).result as StructLogs;
    expect(steps.failed).toBe(true);
    expect(steps.structLogs).toHaveLength(5);
  });

  it("refuses what it cannot trace, with the reason", async () => {
    expect((await rpc("debug_traceTransaction", [`0x${"11".repeat(32)}`])).error?.message).toMatch(
      /not found/,
    );
    expect((await rpc("debug_traceTransaction", [transfer, { tracer: "nobody" }])).error?.message).toMatch(
      /callTracer/,
    );
    expect((await rpc("debug_traceCall", [{ to: 5 }])).error?.code).toBe(-32602);
    expect(
      (await rpc("debug_traceCall", [{ from: contract, value: "0xffffffffffffffffffff" }])).error,
    ).toBeDefined();
  });

  it("prints lines of EIP-3155", async () => {
    const { stdout } = await run(process.execPath, [velarium, "trace", transfer, "--rpc-url", running.url]);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ pc: 0, depth: 1, stack: [] });
    expect(lines.at(-1)).toMatchObject({ gasUsed: toQuantity(transferGas), pass: true });
    const args = ["trace", "--call", "--to", contract, "--input", "0x18160ddd", "--memory"];
    const call = await run(process.execPath, [velarium, ...args, "--rpc-url", running.url]);
    expect(JSON.parse(call.stdout.trim().split("\n").at(-1)!).pass).toBe(true);
  }, 60_000);
});

const toQuantity = (value: bigint): string => `0x${value.toString(16)}`;
