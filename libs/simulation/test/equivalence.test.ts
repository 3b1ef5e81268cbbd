import { describe, expect, it } from "@jest/globals";
import { makeToyChain, runSequentially, type Schedule, simulate } from "../src/index.ts";

function check(chainSeed: number, schedule: Schedule): number {
  const blocks = makeToyChain(chainSeed, 6);
  const expected = runSequentially(blocks);
  const run = simulate(blocks, schedule);
  expect(run.hashes).toEqual(expected.hashes);
  expect(run.baseFees).toEqual(expected.baseFees);
  expect(run.gasUsed).toEqual(expected.gasUsed);
  const nonZero = (state: Map<string, number>) => [...state].filter(([, v]) => v !== 0).sort();
  expect(nonZero(run.state)).toEqual(nonZero(expected.state));
  expect([...run.outcomes].sort((a, b) => a[0] - b[0])).toEqual([...expected.outcomes]);
  return run.epochs;
}

describe("serial equivalence", () => {
  for (let executors = 1; executors <= 4; executors++)
    it(`of ${executors} executors over 1-4 shards, in 80 schedules`, () => {
      for (let n = 0; n < 80; n++)
        check(1000 * executors + (n >> 2), {
          seed: n,
          executors,
          shards: 1 + (n % 4),
          deaths: 0,
          joins: n % 3,
        });
    });

  it("holds when executors die and the frames are repeated, in 100 schedules", () => {
    let epochs = 0;
    for (let n = 0; n < 100; n++)
      epochs += check(5000 + (n >> 1), {
        seed: n,
        executors: 1 + (n % 3),
        shards: 1 + (n % 4),
        deaths: 2,
        joins: n % 2,
      });
    expect(epochs).toBeGreaterThan(200);
  });

  it("repeats exactly with the same seed", () => {
    const blocks = makeToyChain(3, 4);
    const schedule = { seed: 9, executors: 3, shards: 2, deaths: 1, joins: 1 };
    expect(simulate(blocks, schedule)).toEqual(simulate(blocks, schedule));
  });
});
