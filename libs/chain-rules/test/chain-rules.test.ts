import { describe, expect, it } from "@jest/globals";
import {
  blobBaseFee,
  ChainConfigError,
  configOfFork,
  createBlockRules,
  createCommon,
  createEthereumRules,
  FORKS,
  forkByName,
  systemCallsAtClose,
  systemCallsAtOpen,
} from "../src/index.ts";

/** Mainnet's own schedule. */
const mainnet = createEthereumRules({
  chainId: 1,
  homesteadBlock: 1_150_000,
  eip150Block: 2_463_000,
  eip155Block: 2_675_000,
  eip158Block: 2_675_000,
  byzantiumBlock: 4_370_000,
  constantinopleBlock: 7_280_000,
  petersburgBlock: 7_280_000,
  istanbulBlock: 9_069_000,
  muirGlacierBlock: 9_200_000,
  berlinBlock: 12_244_000,
  londonBlock: 12_965_000,
  arrowGlacierBlock: 13_773_000,
  grayGlacierBlock: 15_050_000,
  mergeNetsplitBlock: 15_537_394,
  shanghaiTime: 1_681_338_455,
  cancunTime: 1_710_338_135,
  pragueTime: 1_746_612_311,
  osakaTime: 1_764_798_551,
});

describe("the schedule of forks", () => {
  it("finds the fork of blocks and times", () => {
    const fork = (number: number, time: number) => mainnet.rulesAt(number, time).fork;
    expect(fork(0, 0)).toBe("chainstart");
    expect(fork(1_149_999, 1)).toBe("chainstart");
    expect(fork(1_150_000, 1)).toBe("homestead");
    expect(fork(7_280_000, 1)).toBe("petersburg");
    expect(fork(12_964_999, 1)).toBe("berlin");
    expect(fork(15_537_393, 1)).toBe("grayGlacier");
    expect(fork(15_537_394, 1)).toBe("paris");
    expect(fork(17_034_870, 1_681_338_455)).toBe("shanghai");
    expect(fork(22_431_084, 1_746_612_310)).toBe("cancun");
    expect(fork(23_935_694, 1_764_798_551)).toBe("osaka");
  });

  it("has a configuration and a reference for every fork", () => {
    for (const fork of FORKS) {
      const rules = createEthereumRules(configOfFork(fork, 5)).rulesAt(0, 0);
      expect(rules.fork).toBe(fork);
      const common = createCommon(rules);
      expect(common.hardfork()).toBe(fork);
      expect(common.isActivatedEIP(1559)).toBe(rules.eip1559);
      expect(common.isActivatedEIP(7702)).toBe(rules.eip7702);
      expect(common.isActivatedEIP(6780)).toBe(rules.eip6780);
      expect(common.isActivatedEIP(2929)).toBe(rules.eip2929);
      expect(common.isActivatedEIP(4895)).toBe(rules.header.withdrawalsRoot);
      expect(common.isActivatedEIP(7685)).toBe(rules.header.requestsHash);
    }
  });

  it("knows the names of the test suites", () => {
    expect(
      ["Frontier", "EIP150", "EIP158", "ConstantinopleFix", "Merge", "Osaka", "Nowhere"].map(forkByName),
    ).toEqual([
      "chainstart",
      "tangerineWhistle",
      "spuriousDragon",
      "petersburg",
      "paris",
      "osaka",
      undefined,
    ]);
  });

  it("refuses a schedule that cannot be", () => {
    expect(() => createEthereumRules({ chainId: 1, berlinBlock: 5, londonBlock: 4 })).toThrow(
      ChainConfigError,
    );
    expect(() => createEthereumRules({ chainId: -1 })).toThrow(ChainConfigError);
    expect(() => createEthereumRules({ chainId: 1, cancunTime: "x" as unknown as number })).toThrow(
      ChainConfigError,
    );
  });
});

describe("fees", () => {
  const parent = { number: 13_000_000, time: 2, baseFee: 1000n, gasUsed: 15_000_000, gasLimit: 30_000_000 };
  const rules = mainnet.rulesAt(13_000_001, 3);

  it("follow EIP-1559", () => {
    const next = (gasUsed: number, baseFee = 1000n) =>
      mainnet.nextBaseFee({ ...parent, gasUsed, baseFee }, rules);
    expect(next(15_000_000)).toBe(1000n);
    expect(next(30_000_000)).toBe(1125n);
    expect(next(0)).toBe(875n);
    expect(next(15_000_001, 7n)).toBe(8n);
    expect(mainnet.nextBaseFee({ ...parent, number: 12_964_999 }, rules)).toBe(1_000_000_000n);
    expect(mainnet.nextBaseFee(parent, mainnet.rulesAt(1, 1))).toBeUndefined();
  });

  it("can be fixed or look one block further back", () => {
    const fixed = createEthereumRules({
      ...configOfFork("prague", 9),
      baseFeePolicy: { kind: "fixed", wei: "77" },
    });
    expect(fixed.nextBaseFee(parent, fixed.rulesAt(1, 1))).toBe(77n);
    const delayed = createEthereumRules({ ...configOfFork("prague", 9), baseFeePolicy: { kind: "delayed" } });
    const full = { ...parent, gasUsed: 30_000_000 };
    expect(delayed.nextBaseFee(full, delayed.rulesAt(1, 1))).toBe(1000n);
    expect(delayed.nextBaseFee(parent, delayed.rulesAt(1, 1), full)).toBe(1125n);
    expect([mainnet, fixed, delayed].map((each) => each.baseFeeKnownEarly)).toEqual([false, true, true]);
  });

  it("of blobs follow EIP-4844 and EIP-7918", () => {
    const cancun = createBlockRules("cancun", 1).blobs!;
    // Vectors of the EIP's fake_exponential at factor 1.
    expect(blobBaseFee(0n, cancun)).toBe(1n);
    expect(blobBaseFee(2_314_057n, cancun)).toBe(1n);
    expect(blobBaseFee(2_314_058n, cancun)).toBe(2n);
    expect(blobBaseFee(10n * 1024n * 1024n, cancun)).toBe(23n);
    const osaka = createEthereumRules(configOfFork("osaka", 1));
    const facts = { ...parent, baseFee: 10n ** 9n, excessBlobGas: 0n, blobGasUsed: 9n * 131_072n };
    expect(osaka.nextExcessBlobGas(facts, osaka.rulesAt(1, 1))).toBe((9n * 131_072n * 3n) / 9n);
    const prague = createEthereumRules(configOfFork("prague", 1));
    expect(prague.nextExcessBlobGas(facts, prague.rulesAt(1, 1))).toBe(3n * 131_072n);
  });

  it("take blob parameters from the configuration", () => {
    const blobs = { target: 1, max: 2, baseFeeUpdateFraction: 5 };
    const rules = createEthereumRules({
      ...configOfFork("osaka", 1),
      blobSchedule: { prague: blobs },
    }).rulesAt(0, 0);
    expect(rules.blobs).toEqual(blobs);
  });
});

describe("system work", () => {
  it("comes with its fork", () => {
    const opening = { number: 1, parentHash: new Uint8Array(32).fill(1) };
    const names = (fork: "shanghai" | "cancun" | "prague") => {
      const rules = createBlockRules(fork, 1);
      return [...systemCallsAtOpen(rules, opening), ...systemCallsAtClose(rules)].map(({ name }) => name);
    };
    expect(names("shanghai")).toEqual([]);
    expect(names("cancun")).toEqual(["beaconRoots"]);
    expect(names("prague")).toEqual([
      "beaconRoots",
      "blockHashes",
      "withdrawalRequests",
      "consolidationRequests",
    ]);
  });
});
