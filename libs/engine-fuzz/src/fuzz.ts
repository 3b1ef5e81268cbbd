/** The fuzzer: cases of a seed, one after the other, on the engines under test against the reference. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Engine } from "@velarium/engine";
import { type Difference, findDifference, type Hand } from "./compare.ts";
import type { FuzzCase } from "./fuzz-case.ts";
import { minimise } from "./minimise.ts";
import { makeCase } from "./scenario.ts";

export interface TestedEngine {
  readonly name: string;
  readonly engine: Engine;
}

/** A failing case as it is written to a file. */
export interface FuzzFailure {
  readonly engine: string;
  readonly hand: Hand;
  readonly difference: Difference;
  readonly fuzzCase: FuzzCase;
}

export interface FuzzOptions {
  readonly seed: number;
  /** Index of the first case. */
  readonly from?: number;
  readonly reference: Engine;
  readonly tested: readonly TestedEngine[];
  readonly realCodes: readonly Uint8Array[];
  /** Told the number of cases run; fuzzing goes on while it answers true. */
  readonly goOn: (cases: number, failures: number) => boolean;
  /** Failures after which fuzzing ends; each costs seconds to minimise. */
  readonly maxFailures: number;
}

export interface FuzzReport {
  readonly cases: number;
  /** Comparisons: cases × engines × ways to see the state. */
  readonly runs: number;
  readonly failures: readonly FuzzFailure[];
}

const HANDS: readonly Hand[] = ["all-at-hand", "nothing-at-hand"];

/** One failure per engine and kind of difference is enough to mend it. */
const kindOf = ({ engine, difference }: Pick<FuzzFailure, "engine" | "difference">): string =>
  `${engine} ${difference.field}`;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, from = 0, reference, tested, realCodes, goOn, maxFailures } = options;
  const failures: FuzzFailure[] = [];
  let cases = 0;
  let runs = 0;
  while (goOn(cases, failures.length) && failures.length < maxFailures) {
    const fuzzCase = makeCase(seed, from + cases, realCodes);
    // Both ways to see the state for half of the cases: the second costs as much as the first.
    const hands = cases % 2 === 0 ? HANDS.slice(0, 1) : HANDS;
    cases++;
    // Nothing here waits for anything: without a turn of the event loop nobody else would be heard, V8's cleaners included.
    await nextTurn();
    for (const { name, engine } of tested)
      for (const hand of hands) {
        runs++;
        const difference = await findDifference(fuzzCase, reference, engine, hand);
        if (difference === undefined) continue;
        const known = failures.filter((failure) => kindOf(failure) === kindOf({ engine: name, difference }));
        if (known.length >= 3) continue;
        failures.push(await minimised({ engine: name, hand, difference, fuzzCase }, reference, engine));
        break;
      }
  }
  return { cases, runs, failures };
}

async function minimised(failure: FuzzFailure, reference: Engine, engine: Engine): Promise<FuzzFailure> {
  const { hand, difference } = failure;
  const fuzzCase = await minimise(failure.fuzzCase, async (candidate) => {
    const found = await findDifference(candidate, reference, engine, hand);
    return found?.field === difference.field;
  });
  return {
    ...failure,
    fuzzCase,
    difference: (await findDifference(fuzzCase, reference, engine, hand)) ?? difference,
  };
}

/** Runs a case from a file again. Undefined when the engines agree now. */
export const replay = (
  failure: FuzzFailure,
  reference: Engine,
  engine: Engine,
): Promise<Difference | undefined> => findDifference(failure.fuzzCase, reference, engine, failure.hand);
