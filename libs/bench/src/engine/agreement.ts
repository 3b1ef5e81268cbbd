/** Before speeds are compared, results are: a fast engine that does something else is not fast. */
import type { Runner } from "./runner.ts";
import { BenchError } from "./runner.ts";
import type { Workload } from "./workload.ts";

/** Calls compared; they touch all contracts of a workload several times. */
const COMPARED = 40;

/** Runs the first calls on every runner and throws BenchError where one differs from the first runner. */
export async function checkAgreement(workload: Workload, runners: readonly Runner[]): Promise<void> {
  const [first, ...others] = runners;
  if (first === undefined || others.length === 0) return;
  for (let index = 0; index < Math.min(COMPARED, workload.calls.length); index++) {
    const expected = await first.inspect(index);
    for (const other of others) {
      const found = await other.inspect(index);
      const same =
        found.success === expected.success &&
        found.gas === expected.gas &&
        found.logs === expected.logs &&
        Buffer.compare(found.returnData, expected.returnData) === 0;
      if (!same)
        throw new BenchError(
          `${workload.name}: call ${index}: ${other.name} gave ${describe(found)}, ${first.name} ${describe(expected)}`,
        );
    }
  }
  await checkState(workload, runners);
}

/** The balances and storage slots of a workload's accounts must be the same everywhere. */
async function checkState(workload: Workload, runners: readonly Runner[]): Promise<void> {
  for (const { address, storage = [] } of workload.accounts)
    for (const slot of [undefined, ...storage.map(([key]) => key)]) {
      const words: string[] = [];
      for (const runner of runners)
        words.push(Buffer.from(await runner.wordAt(address, slot)).toString("hex"));
      const other = words.findIndex((word) => word !== words[0]);
      if (other < 0) continue;
      const where = `${Buffer.from(address).toString("hex")} ${slot === undefined ? "balance" : Buffer.from(slot).toString("hex")}`;
      throw new BenchError(
        `${workload.name}: ${where} is ${words[other]} on ${runners[other]!.name}, ${words[0]} on ${runners[0]!.name}`,
      );
    }
}

const describe = (result: { success: boolean; gas: number; logs: number; returnData: Uint8Array }): string =>
  `success ${result.success}, gas ${result.gas}, ${result.logs} logs, ${Buffer.from(result.returnData).toString("hex").slice(0, 64)}`;
