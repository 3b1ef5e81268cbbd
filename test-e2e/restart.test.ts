/** A stopped cluster that is started again in the same directory goes on with its chain. */
import { rmSync } from "node:fs";
import { afterAll, describe, expect, it } from "@jest/globals";
import { ClusterError } from "@velarium/cluster";
import { createWalletClient, defineChain, http, parseEther, publicActions } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { accounts, CHAIN_ID, hasServers, newDataDirectory, startTestCluster } from "./support/cluster.ts";

const to = "0x00000000000000000000000000000000000a11ce";
const directories: string[] = [];
afterAll(() => directories.forEach((directory) => rmSync(directory, { recursive: true, force: true })));

function clientAt(url: string) {
  const chain = defineChain({
    id: CHAIN_ID,
    name: "velarium",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  });
  return createWalletClient({
    account: privateKeyToAccount(accounts[0]!.privateKey),
    chain,
    transport: http(),
    pollingInterval: 100,
  }).extend(publicActions);
}

const modes = hasServers() ? (["embedded", "local"] as const) : (["embedded"] as const);

describe.each(modes)("a stopped and restarted %s cluster", (mode) => {
  it("continues the chain", async () => {
    const data = newDataDirectory();
    directories.push(data);
    const first = await startTestCluster({ mode }, data);
    const client = clientAt(first.url);
    const receipt = await client.waitForTransactionReceipt({
      hash: await client.sendTransaction({ to, value: parseEther("1") }),
    });
    const before = await client.getBlock({ blockNumber: receipt.blockNumber });
    await first.stop();

    const second = await startTestCluster({ mode }, data);
    try {
      const again = clientAt(second.url);
      expect(await again.getBalance({ address: to })).toBe(parseEther("1"));
      const next = await again.waitForTransactionReceipt({
        hash: await again.sendTransaction({ to, value: parseEther("2") }),
      });
      expect(next.blockNumber).toBeGreaterThan(before.number);
      expect(await again.getBalance({ address: to })).toBe(parseEther("3"));
      expect(await again.getTransactionCount({ address: accounts[0]!.address })).toBe(2);
    } finally {
      await second.stop();
    }
  }, 180_000);
});

describe("a data directory", () => {
  it("of another layout is refused", async () => {
    const data = newDataDirectory();
    directories.push(data);
    const cluster = await startTestCluster({}, data);
    await cluster.stop();
    await expect(startTestCluster({ shards: 3 }, data)).rejects.toThrow(ClusterError);
  }, 120_000);
});
