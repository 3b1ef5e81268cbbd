/** The examples, run as a reader would run them, against a cluster. */
import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { accounts, startTestCluster, type TestCluster } from "./support/cluster.ts";

const fileOf = (name: string): string => new URL(`../examples/${name}`, import.meta.url).pathname;

/** A busy machine takes this long at the most; seconds are usual. */
const LONGEST_MS = 180_000;

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function example(name: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [fileOf(name), ...args], { timeout: LONGEST_MS }, (error, stdout, stderr) =>
      resolve({ exitCode: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });
}

let test: TestCluster;
beforeAll(async () => {
  test = await startTestCluster({ shards: 1, executors: 1 });
}, LONGEST_MS);
afterAll(() => test.stop());

describe("examples", () => {
  it.each([
    ["viem-token.ts", 0],
    ["ethers-token.ts", 1],
  ])(
    "%s deploys, transfers and reads an ERC-20",
    async (name, account) => {
      const { exitCode, stdout, stderr } = await example(name, test.url, accounts[account]!.privateKey);
      expect({ exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout).toMatch(/token: '0x[0-9a-fA-F]{40}'/);
      expect(stdout).toContain("supply: 1000000n");
      expect(stdout).toContain("recipientBalance: 1234n");
      expect(stdout).toContain("senderBalance: 998766n");
      expect(Number(/gasUsed: (\d+)n/.exec(stdout)?.[1])).toBeGreaterThan(21_000);
    },
    LONGEST_MS,
  );

  it.each(["viem-token.ts", "ethers-token.ts"])(
    "%s says how it is used",
    async (name) => {
      expect(await example(name)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("usage:") });
    },
    LONGEST_MS,
  );
});
