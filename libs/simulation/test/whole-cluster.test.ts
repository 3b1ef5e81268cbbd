import { describe, expect, it } from "@jest/globals";
import {
  type Mix,
  makeScenario,
  PLAIN,
  simulateCluster,
  verifyRun,
  type WholeRun,
  type WholeSchedule,
  WILD,
} from "../src/index.ts";

/** Small blocks and frames, of a shape that the seed chooses. */
function framerOptions(seed: number) {
  const choice = (n: number, among: number): number => Math.floor((seed * 2654435761) / 2 ** n) % among;
  const blockGasLimit = [400_000, 700_000, 1_500_000][choice(3, 3)]!;
  return {
    blockGasLimit,
    tailGas: blockGasLimit / 2,
    senderTailGas: blockGasLimit / 2,
    frameTransactions: 1 + choice(5, 12),
    blockIntervalMs: 20 + choice(7, 200),
    emptyBlockMs: 0,
    idleTransactions: choice(9, 20),
    blocksInFlight: 1 + choice(11, 6),
    tailAttempts: 1 + choice(13, 3),
    frameAgeMs: 1 + choice(4, 8),
    expiryMs: 3000,
    nonceReviewMs: 100,
    reorderMessages: 16,
    intakeTransactions: 4000,
    poolTransactions: 1000,
    accounts: 1024,
  };
}

interface Round {
  readonly mix: Mix;
  readonly transactions: number;
  readonly seeds: readonly number[];
  readonly faults?: (n: number) => Partial<WholeSchedule>;
  /** Schedules in which the frames of each run are repeated. */
  readonly repeats: number;
}

/** A few seconds each on a machine of its own; many times that on a busy one. */
const TIMEOUT_MS = 600_000;

const totals = {
  schedules: 0,
  included: 0,
  rejected: 0,
  returned: 0,
  tailFrames: 0,
  blocks: 0,
  epochs: 0,
  unwritten: 0,
};

function count(run: WholeRun): void {
  totals.schedules++;
  totals.epochs += run.epochs;
  totals.blocks += run.records.length;
  totals.unwritten += run.unwrittenCodes;
  totals.tailFrames += run.framerStats.tailFrames;
  for (const record of run.records) {
    totals.included += record.arrivals.length;
    totals.rejected += record.rejectedArrivals.length;
    totals.returned += record.returned;
  }
}

/** Every run holds against the verifier; its frames give the same headers whoever executes and stores them. */
async function check({ mix, transactions, seeds, faults, repeats }: Round): Promise<void> {
  for (const seed of seeds) {
    const input = {
      transactions: makeScenario(seed, transactions, mix).transactions,
      options: framerOptions(seed),
    };
    const run = await simulateCluster(input, {
      seed,
      executors: 1 + (seed % 4),
      shards: 1 + ((seed >> 2) % 4),
      repeatedPercent: 10,
      ...faults?.(seed),
    });
    count(run);
    const report = await verifyRun(run);
    expect({ seed, mismatches: report.mismatches }).toEqual({ seed, mismatches: [] });
    const outcomes = run.records.flatMap((r) => [...r.arrivals, ...r.rejectedArrivals]);
    expect(outcomes.length).toBe(transactions);
    expect(new Set(outcomes).size).toBe(transactions);
    for (let r = 0; r < repeats; r++) {
      const again = await simulateCluster(
        { ...input, frames: run.frames },
        {
          seed: 7 * seed + r,
          executors: 1 + ((seed + r) % 4),
          shards: 1 + ((seed + 2 * r + 1) % 4),
          deaths: r % 2,
          repeatedPercent: 20,
        },
      );
      count(again);
      expect({ seed, r, hashes: again.hashes }).toEqual({ seed, r, hashes: run.hashes });
    }
  }
}

const range = (from: number, length: number): number[] => Array.from({ length }, (_, i) => from + i);
const faults = (seed: number): Partial<WholeSchedule> => ({
  deaths: seed % 3,
  losses: seed % 2,
  joins: 1,
  framerRestarts: (seed >> 1) % 3,
});

describe("a whole cluster of real cores", () => {
  it(
    "equals sequential execution under load of mostly transfers",
    () => check({ mix: PLAIN, transactions: 30, seeds: range(0, 24), repeats: 3 }),
    TIMEOUT_MS,
  );

  it(
    "equals it with contracts whose accesses cannot be foreseen",
    () => check({ mix: WILD, transactions: 24, seeds: range(1000, 12), repeats: 1 }),
    TIMEOUT_MS,
  );

  it(
    "equals it when executors die, streams end and framers start over",
    async () => {
      await check({ mix: PLAIN, transactions: 30, seeds: range(200, 20), faults, repeats: 1 });
      await check({ mix: WILD, transactions: 24, seeds: range(160, 12), faults, repeats: 1 });
    },
    TIMEOUT_MS,
  );

  it("has seen every kind of outcome", () => {
    expect(totals.schedules).toBeGreaterThan(180);
    expect(totals.included).toBeGreaterThan(2000);
    expect(totals.rejected).toBeGreaterThan(200);
    expect(totals.returned).toBeGreaterThan(1000);
    expect(totals.tailFrames).toBeGreaterThan(50);
    expect(totals.unwritten).toBeGreaterThan(1000);
    expect(totals.epochs).toBeGreaterThan(totals.schedules);
  });

  it("repeats exactly with the same seed", async () => {
    const input = { transactions: makeScenario(5, 30, WILD).transactions, options: framerOptions(5) };
    const schedule = { seed: 9, executors: 3, shards: 2, deaths: 1, framerRestarts: 1, repeatedPercent: 10 };
    const [first, second] = [await simulateCluster(input, schedule), await simulateCluster(input, schedule)];
    expect(second.messages).toBe(first.messages);
    expect(second.hashes).toEqual(first.hashes);
  });
});
