/** Traces of random transactions of each fork, in each way our engine runs them, against those of the reference. */
import { describe, expect, test } from "@jest/globals";
import { EXECUTION_FORKS, isAtLeast } from "@velarium/chain-rules";
import { createReferenceEngine, type MemoryState, wordToBigInt } from "@velarium/engine";
import { createCompiler } from "@velarium/evm-compiler";
import { RecordKind } from "@velarium/evm-trace";
import { Domain, fieldKey } from "@velarium/slots";
import { TracedEngine } from "../src/traced-engine.ts";
import { contextOf, createWorld } from "./programs.ts";
import { generator, randomTransaction } from "./random-transactions.ts";
import { copyOf, SlowState } from "./states.ts";
import { comparable, exported, text, trace } from "./traces.ts";

const TRANSACTIONS = 80;
/** Enough for all but endless loops, whose steps would be most of the work. */
const MAX_GAS = 100_000;

const nonceIn = (state: MemoryState) => (sender: Uint8Array) =>
  wordToBigInt(state.read(fieldKey(Domain.nonce, sender)));

describe.each(EXECUTION_FORKS)("%s", (fork) => {
  const context = contextOf(fork);
  const options = { keepsEmptyAccounts: !context.rules.eip158 };
  const reference = createReferenceEngine(options);
  const interpreter = new TracedEngine({ ...options, reference });
  const compiled = new TracedEngine({
    ...options,
    reference,
    prepare: (entry, rules) => void compiler.force(entry, rules),
  });
  const compiler = createCompiler({ kernel: compiled.kernel, background: false });
  const traced = (engine: TracedEngine) => ({
    execute: (...[block, tx, state, given]: Parameters<typeof reference.execute>) =>
      engine.execute(block, tx, state, { ...given, trace: given!.trace! }),
  });

  test("traces are the reference's, whichever way code runs", async () => {
    const world = createWorld();
    const random = generator(300 + EXECUTION_FORKS.indexOf(fork));
    let steps = 0;
    for (let i = 0; i < TRANSACTIONS; i++) {
      const given = randomTransaction(random, world, context, nonceIn(world.state));
      const tx = { ...given, gasLimit: i % 4 === 0 ? Math.min(given.gasLimit, MAX_GAS) : MAX_GAS };
      const expected = await trace(reference, context, tx, copyOf(world.state));
      const actual = await trace(traced(interpreter), context, tx, copyOf(world.state));
      expect({ i, tx, events: comparable(actual.events, fork) }).toEqual({
        i,
        tx,
        events: comparable(expected.events, fork),
      });
      expect(exported(actual, fork)).toEqual(exported(expected, fork));
      const slow = new SlowState(copyOf(world.state), () => random(3) > 0);
      const suspended = await trace(traced(interpreter), context, tx, slow);
      expect(suspended.events.map(text)).toEqual(actual.events.map(text));
      if (isAtLeast(fork, "berlin")) {
        const late = new SlowState(copyOf(world.state), () => random(3) > 0);
        const other = await trace(traced(compiled), context, tx, late);
        expect(other.events.map(text)).toEqual(actual.events.map(text));
      }
      steps += actual.events.filter(({ kind }) => kind === RecordKind.step).length;
      if (expected.result.outcome === "included") world.state.apply(expected.result);
    }
    expect(steps).toBeGreaterThan(200);
  });
});
