/** `velarium fuzz engine`: random programs and altered contracts through both tiers of the engine, against the reference. */
import { readFileSync, writeFileSync } from "node:fs";
import { createEngineUnderTest, ENGINE_NAMES, type EngineName } from "@velarium/conformance";
import { createReferenceEngine } from "@velarium/engine";
import {
  bytesOf,
  type Difference,
  disassemble,
  type FuzzFailure,
  type FuzzReport,
  fuzz,
  readRealCodes,
  replay,
  type TestedEngine,
} from "@velarium/engine-fuzz";
import { Command, Option } from "commander";
import { wholeNumber } from "../cluster-flags.ts";
import { ExitCode, UsageError } from "../exit-code.ts";
import { createOutput, type Output } from "../output.ts";

interface FuzzFlags {
  readonly json?: boolean;
  readonly seconds: number;
  readonly seed?: number;
  readonly engine?: EngineName[];
  readonly replay?: string;
  readonly out: string;
}

const SUBJECTS = ["engine"] as const;
const TESTED: readonly EngineName[] = ENGINE_NAMES.filter((name) => name !== "reference");
/** Failures after which a run ends: more say little that these do not. */
const MAX_FAILURES = 20;

export function fuzzCommand(): Command {
  return new Command("fuzz")
    .description("compare the engine with the reference on random programs")
    .argument("<subject>", SUBJECTS.join(", "))
    .option("--seconds <n>", "how long", wholeNumber(1), 60)
    .option("--seed <n>", "first case of the run; random when it is not given", wholeNumber(0, 2 ** 32 - 1))
    .addOption(new Option("--engine <name...>", "engines under test").choices(TESTED))
    .option("--out <file>", "failing cases are written here, minimised", "fuzz-failures.json")
    .option("--replay <file>", "run the cases of such a file again instead")
    .addHelpText(
      "after",
      `
Compared are outcome, status, gas, refund, return data, logs, access list and the state afterwards, over all forks; with
everything at hand, and with every access suspended. Exit code 1 when something differs.

Examples:
  velarium fuzz engine --seconds 1800
  velarium fuzz engine --seconds 60 --seed 7 --engine compiled
  velarium fuzz engine --replay fuzz-failures.json`,
    )
    .action(async (subject: string, flags: FuzzFlags) => {
      if (!(SUBJECTS as readonly string[]).includes(subject))
        throw new UsageError(`there is no subject ${subject}; there are ${SUBJECTS.join(", ")}`);
      const out = createOutput(flags.json === true);
      await (flags.replay === undefined ? search(flags, out) : replayAll(flags, flags.replay, out));
    });
}

const reference = () => createReferenceEngine({ keepsEmptyAccounts: true });

async function testedEngines(names: readonly EngineName[]): Promise<TestedEngine[]> {
  return Promise.all(
    names.map(async (name) => ({ name, engine: (await createEngineUnderTest(name)).engine })),
  );
}

async function search(flags: FuzzFlags, out: Output): Promise<void> {
  const seed = flags.seed ?? Math.floor(Math.random() * 2 ** 32);
  const realCodes = readRealCodes();
  out.note(
    `seed ${seed}; ${realCodes.length === 0 ? "no fixtures, so no real" : realCodes.length} contracts`,
  );
  const progress = out.progress("seconds", flags.seconds);
  const started = Date.now();
  const report = await fuzz({
    seed,
    reference: reference(),
    tested: await testedEngines(flags.engine ?? TESTED),
    realCodes,
    maxFailures: MAX_FAILURES,
    goOn: (cases, failures) => {
      const seconds = Math.floor((Date.now() - started) / 1000);
      progress.update(Math.min(seconds, flags.seconds), `${cases} cases, ${failures} failures`);
      return seconds < flags.seconds;
    },
  });
  progress.stop();
  if (report.failures.length > 0) writeFileSync(flags.out, `${JSON.stringify(report.failures, null, 1)}\n`);
  out.result({ ok: report.failures.length === 0, seed, ...report });
  for (const line of reportLines(report, seed, flags.out)) out.say(line);
  if (report.failures.length > 0) process.exitCode = ExitCode.failed;
}

function reportLines(report: FuzzReport, seed: number, file: string): string[] {
  const { cases, runs, failures } = report;
  const lines = failures.flatMap((failure) => ["", ...failureLines(failure, failure.difference)]);
  if (failures.length > 0) lines.push("", `written to ${file}; velarium fuzz engine --replay ${file}`);
  lines.push(`seed ${seed}: ${cases} cases, ${runs} comparisons, ${failures.length} failed`);
  return lines;
}

function failureLines({ engine, hand, fuzzCase }: FuzzFailure, difference: Difference): string[] {
  const accounts = fuzzCase.accounts
    .filter(({ code }) => code !== "0x")
    .map(({ address, code }) => `  ${address} ${disassemble(bytesOf(code))}`);
  return [
    `${engine}, ${hand}, ${fuzzCase.fork} (${fuzzCase.origin}): ${difference.field} of transaction ${difference.transaction}`,
    `  reference ${difference.reference}`,
    `  ${engine} ${difference.tested}`,
    ...fuzzCase.transactions.map(
      ({ to, data, value, gasLimit }) =>
        `  transaction to ${to ?? "a new contract"}, value ${value}, gas ${gasLimit}, data ${data}`,
    ),
    ...accounts,
  ];
}

function readFailures(file: string): FuzzFailure[] {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as FuzzFailure[];
  } catch (error) {
    throw new UsageError(`--replay ${file}: ${(error as Error).message}`);
  }
}

async function replayAll(flags: FuzzFlags, file: string, out: Output): Promise<void> {
  const failures = readFailures(file).filter(
    ({ engine }) => flags.engine === undefined || flags.engine.includes(engine as EngineName),
  );
  const engines = new Map((await testedEngines(TESTED)).map(({ name, engine }) => [name, engine]));
  const still: { readonly failure: FuzzFailure; readonly difference: Difference }[] = [];
  for (const failure of failures) {
    const engine = engines.get(failure.engine);
    if (engine === undefined) throw new UsageError(`--replay ${file}: there is no engine ${failure.engine}`);
    const difference = await replay(failure, reference(), engine);
    if (difference !== undefined) still.push({ failure, difference });
  }
  out.result({ ok: still.length === 0, cases: failures.length, failures: still });
  for (const { failure, difference } of still)
    for (const line of failureLines(failure, difference)) out.say(line);
  out.say(`${failures.length} cases, ${still.length} still differ`);
  if (still.length > 0) process.exitCode = ExitCode.failed;
}
