/** Unmodified viem and ethers against a whole cluster, embedded and on real NATS and Redis. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { token } from "@velarium/contracts";
import {
  type Contract,
  ContractFactory,
  JsonRpcProvider,
  parseEther as parseEthersEther,
  Wallet,
} from "ethers";
import {
  type Abi,
  BaseError,
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  parseEther,
  publicActions,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import {
  accounts,
  CHAIN_ID,
  constructorArgs,
  type Hex,
  hasServers,
  startTestCluster,
  type TestCluster,
  toHex,
} from "./support/cluster.ts";

const modes = hasServers() ? (["embedded", "local"] as const) : (["embedded"] as const);
if (modes.length === 1)
  console.log("skipped: gateway on NATS and Redis (nats-server or redis-server is not on PATH)");

const abi = token.abi as Abi;
const bytecode = toHex(token.bytecode);

describe.each(modes)("a %s cluster", (mode) => {
  let running: TestCluster;
  beforeAll(async () => {
    running = await startTestCluster({ mode });
  }, 120_000);
  afterAll(async () => {
    await running?.stop();
  }, 60_000);

  const clientOf = (account: number) => {
    const chain = defineChain({
      id: CHAIN_ID,
      name: "velarium",
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [running.url] } },
    });
    return createWalletClient({
      account: privateKeyToAccount(accounts[account]!.privateKey),
      chain,
      transport: http(),
      pollingInterval: 100,
    }).extend(publicActions);
  };

  it("lets viem send ether and read it", async () => {
    const client = clientOf(0);
    expect(await client.getChainId()).toBe(CHAIN_ID);
    const to = "0x00000000000000000000000000000000000a11ce";
    const hash = await client.sendTransaction({ to, value: parseEther("1.5") });
    const receipt = await client.waitForTransactionReceipt({ hash });
    expect(receipt).toMatchObject({ status: "success", gasUsed: 21_000n, to });
    expect(await client.getBalance({ address: to })).toBe(parseEther("1.5"));
    const block = await client.getBlock({ blockNumber: receipt.blockNumber, includeTransactions: true });
    expect(block.transactions.map((t) => t.hash)).toContain(hash);
    expect((await client.getTransaction({ hash })).blockHash).toBe(block.hash);
    expect(await client.getTransactionCount({ address: accounts[0]!.address })).toBe(1);
  });

  it("lets viem deploy the ERC-20, transfer, read and find the logs", async () => {
    const client = clientOf(1);
    const hash = await client.deployContract({ abi, bytecode, args: constructorArgs() });
    const deployed = await client.waitForTransactionReceipt({ hash });
    expect(deployed.status).toBe("success");
    const address = deployed.contractAddress!;
    expect((await client.getCode({ address }))!.length).toBeGreaterThan(100);
    const to = accounts[2]!.address;
    const sent = await client.writeContract({ address, abi, functionName: "transfer", args: [to, 12_345n] });
    const receipt = await client.waitForTransactionReceipt({ hash: sent });
    expect(receipt.status).toBe("success");
    expect(receipt.logs).toHaveLength(1);
    expect(await client.readContract({ address, abi, functionName: "balanceOf", args: [to] })).toBe(12_345n);
    const logs = await client.getLogs({ address, fromBlock: deployed.blockNumber, toBlock: "latest" });
    expect(logs.map((l) => l.transactionHash)).toContain(sent);
    await expect(
      client.simulateContract({ address, abi, functionName: "transfer", args: [to, 10n ** 60n] }),
    ).rejects.toThrow(BaseError);
  });

  it("lets ethers deploy, transfer and read", async () => {
    const provider = new JsonRpcProvider(running.url, CHAIN_ID, {
      polling: true,
      pollingInterval: 100,
      staticNetwork: true,
    });
    try {
      const wallet = new Wallet(accounts[3]!.privateKey, provider);
      const sent = await wallet.sendTransaction({ to: accounts[4]!.address, value: parseEthersEther("2") });
      expect((await sent.wait())?.status).toBe(1);
      const factory = new ContractFactory(token.abi as never, bytecode, wallet);
      const contract = (await factory.deploy(...constructorArgs())) as Contract;
      await contract.waitForDeployment();
      const transfer = await contract.getFunction("transfer")(accounts[4]!.address, 7n);
      expect((await transfer.wait())?.logs).toHaveLength(1);
      expect(await contract.getFunction("balanceOf")(accounts[4]!.address)).toBe(7n);
    } finally {
      provider.destroy();
    }
  });

  it("answers bad requests with typed errors and goes on", async () => {
    const call = async (body: unknown) =>
      (
        await fetch(running.url, {
          method: "POST",
          body: typeof body === "string" ? body : JSON.stringify(body),
        })
      ).json() as Promise<{ error?: { code: number; message: string } } & { length?: number }>;
    const request = (method: string, params: unknown[] = []) =>
      call({ jsonrpc: "2.0", id: 1, method, params });
    expect((await call("{")).error?.code).toBe(-32700);
    expect((await call([])).error?.code).toBe(-32600);
    expect((await request("eth_nothing")).error?.code).toBe(-32601);
    expect((await request("eth_getBalance", ["0x12"])).error?.code).toBe(-32602);
    expect((await request("eth_sendRawTransaction", ["0x02c0"])).error?.message).toMatch(
      /invalid transaction/,
    );
    expect(
      (await call(Array.from({ length: 1001 }, () => ({ jsonrpc: "2.0", id: 1, method: "eth_chainId" }))))
        .error?.code,
    ).toBe(-32005);
    // Whoever sends too much gets to read why, every time, whatever of it is on its way.
    for (let i = 0; i < 8; i++) expect((await call("x".repeat(6 * 1024 * 1024))).error?.code).toBe(-32005);
    const batch = await call([
      { jsonrpc: "2.0", id: 1, method: "eth_chainId" },
      { jsonrpc: "2.0", id: 2, method: "no" },
    ]);
    expect(batch).toHaveLength(2);
  });

  it("refuses transactions that cannot be right", async () => {
    const client = clientOf(4);
    const account = privateKeyToAccount(accounts[4]!.privateKey);
    const good = {
      to: accounts[0]!.address,
      value: 1n,
      gas: 21_000n,
      maxFeePerGas: 10n ** 10n,
      maxPriorityFeePerGas: 10n ** 9n,
      nonce: 0,
      chainId: CHAIN_ID,
      type: "eip1559",
    } as const;
    const refusalOf = async (fields: Record<string, unknown>): Promise<string> => {
      const raw = await account.signTransaction({ ...good, ...fields } as never);
      return client.sendRawTransaction({ serializedTransaction: raw }).then(
        () => "accepted",
        (error: BaseError) => error.details ?? error.message,
      );
    };
    expect(await refusalOf({ chainId: 1 })).toMatch(/chain id/);
    expect(await refusalOf({ gas: 20_000n })).toMatch(/intrinsic gas/);
    expect(await refusalOf({ gas: 2_000_000_000n })).toMatch(/gas limit/);
    expect(await refusalOf({ value: 10n ** 24n })).toMatch(/insufficient funds/);
    expect(await refusalOf({ nonce: 100_000 })).toMatch(/nonce too high/);
    expect(await refusalOf({ maxFeePerGas: 1n, maxPriorityFeePerGas: 1n })).toMatch(/underpriced/);
    const raw = await account.signTransaction(good);
    const hash = await client.sendRawTransaction({ serializedTransaction: raw });
    expect(
      await client.sendRawTransaction({ serializedTransaction: raw }).catch((e: BaseError) => e.details),
    ).toMatch(/already known/);
    await client.waitForTransactionReceipt({ hash });
    expect(await refusalOf({ value: 2n })).toMatch(/nonce too low/);
  });

  it("refuses to answer for blocks that do not exist", async () => {
    const client = createPublicClient({ transport: http(running.url) });
    await expect(client.getBlock({ blockNumber: 10_000_000n })).rejects.toThrow();
    expect((await client.getBlock({ blockTag: "earliest" })).number).toBe(0n);
    for (const blockTag of ["latest", "pending", "safe", "finalized"] as const)
      expect((await client.getBlock({ blockTag })).number).toBeGreaterThanOrEqual(0n);
    expect(
      (await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [10, 90] })).baseFeePerGas.length,
    ).toBeGreaterThan(1);
  });
});

/** The token's constructor: its whole supply goes to the deployer. */

export type { Hex };
