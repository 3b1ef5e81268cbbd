/** A cluster for a test: development accounts, temporary data, free ports. Ended by `stop`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster, type ClusterOptions, defaultClusterOptions, findProgram } from "@velarium/cluster";
import { token } from "@velarium/contracts";
import { createDevGenesis, type GenesisAccount, writeGenesis } from "@velarium/genesis";
import { keccak256 } from "@velarium/hash-kernel";
import { addressOf } from "@velarium/tx-codec";

export type Hex = `0x${string}`;
export const toHex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString("hex")}`;
export const CHAIN_ID = 8_317;

export interface TestAccount {
  readonly address: Hex;
  readonly privateKey: Hex;
}

export const accounts: TestAccount[] = Array.from({ length: 5 }, (_, i) => {
  const key = keccak256(new TextEncoder().encode(`test account ${i}`));
  return { address: toHex(addressOf(key)), privateKey: toHex(key) };
});

const funded: GenesisAccount[] = accounts.map(({ address }) => ({
  address: new Uint8Array(Buffer.from(address.slice(2), "hex")),
  balance: 1000n * 10n ** 18n,
  nonce: 0n,
  code: undefined,
  storage: [],
}));

export interface TestCluster {
  readonly cluster: Cluster;
  readonly data: string;
  readonly url: string;
  stop(): Promise<void>;
}

export const hasServers = (): boolean =>
  findProgram("nats-server") !== undefined && findProgram("redis-server") !== undefined;

export function newDataDirectory(): string {
  const data = mkdtempSync(join(tmpdir(), "velarium-test-"));
  writeGenesis(join(data, "genesis.json"), createDevGenesis({ chainId: CHAIN_ID, accounts: funded }));
  return data;
}

/** Starts in `data`, which stays after `stop` unless it was made here. */
export async function startTestCluster(
  options: Partial<ClusterOptions> = {},
  data?: string,
): Promise<TestCluster> {
  const directory = data ?? newDataDirectory();
  const cluster = await Cluster.start(
    {
      ...defaultClusterOptions,
      httpPort: 0,
      dataDirectory: directory,
      genesisFile: join(directory, "genesis.json"),
      serviceFlags: { framer: { "block-time-ms": "200", "empty-block-time-ms": "1000" } },
      ...options,
    },
    CHAIN_ID,
  );
  return {
    cluster,
    data: directory,
    url: cluster.httpUrl,
    stop: async () => {
      await cluster.stop();
      if (data === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Arguments of the token contract's constructor; the first account gets the supply. */
export function constructorArgs(): unknown[] {
  const declared = (token.abi as { type: string; inputs?: { name: string; type: string }[] }[]).find(
    (item) => item.type === "constructor",
  );
  const values: Record<string, unknown> = {
    uint256: 10n ** 24n,
    string: "Test",
    address: accounts[0]!.address,
    uint8: 18,
  };
  return (declared?.inputs ?? []).map((input) => values[input.type]);
}
