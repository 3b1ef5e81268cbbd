/** Whichever engine an analyzer has, and whichever way its calls go, it declares the same accesses. */
import { expect, test } from "@jest/globals";
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { decode } from "@velarium/columns";
import { bigIntToWord } from "@velarium/engine";
import { createEngine, type EngineKind } from "@velarium/engine-wasm";
import { Domain, fieldKey, SlotIds, storageKey } from "@velarium/slots";
import { Analyzed } from "@velarium/wire";
import { Workload } from "@velarium/workloads";
import { BatchAnalyzer, ProfileStrategy } from "../src/index.ts";
import { allKeys } from "./all-keys.ts";
import { MemorySource } from "./committed.ts";

const CHAIN = 1337;

function sourceOf(workload: Workload): MemorySource {
  const source = new MemorySource();
  const { addresses, balance, contracts } = workload.genesis();
  for (let at = 0; at < addresses.length; at += 20)
    source.state.set(fieldKey(Domain.balance, addresses.subarray(at, at + 20)), bigIntToWord(balance));
  for (const { address, code, storageKeys, storageValues } of contracts) {
    source.deploy(address, code);
    for (let at = 0; at < storageKeys.length; at += 32)
      source.state.set(
        storageKey(address, storageKeys.subarray(at, at + 32)),
        storageValues.slice(at, at + 32),
      );
  }
  return source;
}

/** Simulation on either engine, and profiles from the first call on. */
const WAYS: readonly { engine: EngineKind; profiled: boolean }[] = [
  { engine: "reference", profiled: false },
  { engine: "wasm", profiled: false },
  { engine: "wasm", profiled: true },
];

test.each(["erc20", "swap", "mixed"] as const)("%s", async (kind) => {
  const declared = await Promise.all(
    WAYS.map(async ({ engine, profiled }) => {
      const workload = new Workload({ kind, accounts: 40, hot: 4, pairs: 2, signed: false, chainId: CHAIN });
      const analyzer = new BatchAnalyzer({
        slotIds: new SlotIds(new Uint8Array(32).fill(1), 64),
        rules: createEthereumRules(configOfFork("prague", CHAIN)),
        source: sourceOf(workload),
        beneficiary: new Uint8Array(20).fill(0xbe),
        gasLimit: 30_000_000,
        engine: createEngine(engine),
        profiles: profiled ? new ProfileStrategy() : { name: "profile", contribute: () => "none" },
        callsBeforeProfile: 1,
      });
      const batch = workload.nextBatch(120);
      const analyzed = decode(
        Analyzed,
        await analyzer.analyzeBatch({ ...batch, batch: 1, receivedMs: 0 }, 1, 1),
      );
      const { profile, simulation } = analyzer.counters;
      expect(profiled ? simulation : profile).toBe(0);
      // Keys are listed of calls only, so rows of transfers are shown by their kinds.
      const keys = allKeys(analyzed);
      let at = 0;
      return Array.from(analyzed.accessEnds, (end, row) => {
        const accesses: string[] = [];
        for (let i = 0; at < end; at++, i++)
          accesses.push(`${analyzed.accessKinds[at]} ${Buffer.from(keys[row]![i] ?? []).toString("hex")}`);
        return accesses.sort();
      });
    }),
  );
  expect(declared[1]).toEqual(declared[0]);
  expect(declared[2]).toEqual(declared[0]);
  expect(declared[0]!.every((accesses) => accesses.length >= 5)).toBe(true);
});
