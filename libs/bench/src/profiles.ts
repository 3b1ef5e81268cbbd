/** Quality of predicted access sets on real blocks: who foresees what a call will touch, from the parent state alone. */
import { join } from "node:path";
import { createEngine } from "@velarium/engine-wasm";
import { FixtureError } from "@velarium/fixtures";
import { compareAccesses, declarable } from "./profile-quality/comparison.ts";
import {
  type Prediction,
  type Predictor,
  profilePredictors,
  simulationPredictor,
} from "./profile-quality/predictors.ts";
import {
  type RealBlock,
  type RealCall,
  realBlockPaths,
  visitRealCalls,
} from "./profile-quality/real-calls.ts";
import { Tally } from "./profile-quality/tally.ts";
import { type Bench, type BenchRow, type BenchTable, report, row } from "./report.ts";

/** A short run: one block of each of three eras. */
const SMALL = ["1796867", "9069000", "19923400"];
/** Per cent. */
const LEAST_COVERED = 70;
const MOST_OVER_PREDICTION = 25;

/** All tallies of one predictor. */
interface Score {
  readonly name: string;
  readonly all: Tally;
  /** Without the block whose calls depend on each other by design. */
  readonly mainnet: Tally;
  readonly byEra: Map<string, Tally>;
}

const scoreOf = (name: string): Score => ({ name, all: new Tally(), mainnet: new Tally(), byEra: new Map() });
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const eraOf = ({ fork, format }: RealBlock): string => (format === "rise" ? `${fork}, RISE` : fork);

const predictorsFor = ({ context }: RealBlock): Predictor[] => [
  ...profilePredictors(),
  simulationPredictor(createEngine("wasm", { keepsEmptyAccounts: !context.rules.eip158 })),
];

/** Why `prediction` does not cover the call: repeated on the state that the call really met. */
async function reasonOf(
  predictor: Predictor,
  block: RealBlock,
  call: RealCall,
  prediction: Prediction,
): Promise<string> {
  if (!prediction.known) return prediction.reason;
  const again = await predictor.predict(block.context, call.transaction, call.before);
  const actual = declarable(call.actual, block.context.beneficiary);
  const depends = "the path or a slot depends on what earlier transactions of the block have written";
  // The call takes another way there, on which no answer is given either: nothing was claimed that is wrong.
  if (!again.known) return `${depends}; on that state ${again.reason}`;
  if (compareAccesses(again.kinds, actual).covered) return depends;
  return `differs from execution even on the same state (${call.status === 1 ? "success" : "failure"})`;
}

async function judge(
  block: RealBlock,
  call: RealCall,
  predictors: readonly Predictor[],
  scores: Map<string, Score>,
) {
  const actual = declarable(call.actual, block.context.beneficiary);
  for (const predictor of predictors) {
    const prediction = await predictor.predict(block.context, call.transaction, call.parent);
    // Once more for the time: the first prediction includes the analysis of codes that it meets.
    const started = performance.now();
    if (block.format !== "rise") await predictor.predict(block.context, call.transaction, call.parent);
    const ms = block.format === "rise" ? undefined : performance.now() - started;
    const comparison = prediction.known ? compareAccesses(prediction.kinds, actual) : undefined;
    const why = comparison?.covered ? "" : await reasonOf(predictor, block, call, prediction);
    let score = scores.get(predictor.name);
    if (score === undefined) scores.set(predictor.name, (score = scoreOf(predictor.name)));
    const era = eraOf(block);
    let tally = score.byEra.get(era);
    if (tally === undefined) score.byEra.set(era, (tally = new Tally()));
    for (const each of block.format === "rise" ? [score.all, tally] : [score.all, score.mainnet, tally])
      each.add(comparison, ms, why);
  }
}

function rowsOf({ name, all, mainnet }: Score): BenchRow[] {
  const judged = name === "profiles with state reads";
  return [
    row(`${name}: covered`, all.share(all.covered) * 100, "% of calls", {
      ...(judged ? { target: LEAST_COVERED } : {}),
      detail: `${all.covered} of ${all.calls}; without the RISE block ${percent(mainnet.share(mainnet.covered))}`,
    }),
    row(`${name}: exact`, all.share(all.exact) * 100, "% of calls", {
      detail: `the same slots: ${percent(all.share(all.exactSlots))}`,
    }),
    row(`${name}: over-prediction`, all.overPrediction(0.5) * 100, "% of slots", {
      better: "lower",
      ...(judged ? { target: MOST_OVER_PREDICTION } : {}),
      detail: `median; nine in ten ≤ ${percent(all.overPrediction(0.9))}`,
    }),
    row(`${name}: time`, all.milliseconds(0.5) * 1000, "µs per call", {
      detail: `median; nine in ten ≤ ${(all.milliseconds(0.9) * 1000).toFixed(0)}`,
    }),
  ];
}

function eraTable(scores: readonly Score[]): BenchTable {
  const eras = [...(scores[0]?.byEra.keys() ?? [])];
  const header = ["fork", "calls", ...scores.flatMap(({ name }) => [`${name}: covered`, "exact", "over"])];
  const rows = eras.map((era) => [
    era,
    scores[0]!.byEra.get(era)!.calls,
    ...scores.flatMap(({ byEra }) => {
      const tally = byEra.get(era)!;
      return [
        percent(tally.share(tally.covered)),
        percent(tally.share(tally.exact)),
        percent(tally.overPrediction(0.5)),
      ];
    }),
  ]);
  return {
    title: "By fork (over: median of slots predicted and not accessed, per slot accessed)",
    header,
    rows,
  };
}

function uncoveredTable({ name, all }: Score): BenchTable {
  const rows = [...all.uncovered].toSorted((a, b) => b[1] - a[1]).map(([why, count]) => [why, count]);
  return { title: `Not covered by ${name}`, header: ["why", "calls"], rows };
}

export const profiles: Bench = {
  doc: "quality of access sets predicted from the parent state on real blocks (the fixtures; some two minutes)",
  async run(options, progress) {
    const root = join(process.env["VELARIUM_FIXTURES"] ?? ".fixtures", "blocks");
    const paths = realBlockPaths(root).filter(
      (path) => !options.small || SMALL.some((number) => path.endsWith(number)),
    );
    if (paths.length === 0)
      throw new FixtureError(
        "unreadable",
        root,
        "no blocks there: unpack the fixtures, or name their folder in VELARIUM_FIXTURES",
      );
    const scores = new Map<string, Score>();
    for (const path of paths) {
      progress(path);
      let predictors: readonly Predictor[] | undefined;
      await visitRealCalls(path, (block, call) => {
        predictors ??= predictorsFor(block);
        return judge(block, call, predictors, scores);
      });
    }
    const all = [...scores.values()];
    return report("profiles", options, all.flatMap(rowsOf), [eraTable(all), ...all.map(uncoveredTable)]);
  },
};
