/** `velarium conformance state PATH...`: Ethereum's state tests through an engine of this project. */

import { forkByName } from "@velarium/chain-rules";
import {
  ENGINE_NAMES,
  type EngineName,
  runSuite,
  StateTestError,
  stateTestFiles,
  suiteJson,
  suiteLines,
} from "@velarium/conformance";
import { Command, Option } from "commander";
import { wholeNumber } from "../cluster-flags.ts";
import { ExitCode, UsageError } from "../exit-code.ts";
import { createOutput } from "../output.ts";

interface ConformanceFlags {
  readonly json?: boolean;
  readonly engine: EngineName;
  readonly suspendEverywhere?: boolean;
  readonly fork?: string;
  readonly jobs: number;
  readonly timeout: number;
}

const SUITES = ["state"] as const;

export function conformanceCommand(): Command {
  return new Command("conformance")
    .description("run official test suites of Ethereum on an engine")
    .argument("<suite>", SUITES.join(", "))
    .argument("<path...>", "JSON files of tests, or folders with such files at any depth")
    .addOption(
      new Option("--engine <name>", "the engine under test")
        .choices([...ENGINE_NAMES])
        .default(ENGINE_NAMES[0]),
    )
    .option(
      "--suspend-everywhere",
      "nothing is at hand: every access suspends, and another case runs in the same memory before each resume",
    )
    .option("--fork <name>", "only the cases of this fork")
    .option("--jobs <n>", "threads", wholeNumber(1, 64), 1)
    .option("--timeout <s>", "for one case; a case that takes longer has failed", wholeNumber(1), 300)
    .addHelpText(
      "after",
      `
A case passes when state root and logs are those of the test, or when the transaction is rejected and the test says so
and names that class. Exit code 1 when a case fails.

Examples:
  velarium conformance state .fixtures/tests/GeneralStateTests .fixtures/eest/state_tests .fixtures/legacytests
  velarium conformance state .fixtures/eest/state_tests --fork Osaka --suspend-everywhere --jobs 2`,
    )
    .action(async (suite: string, paths: string[], flags: ConformanceFlags) => {
      if (!(SUITES as readonly string[]).includes(suite))
        throw new UsageError(`there is no suite ${suite}; there are ${SUITES.join(", ")}`);
      if (flags.fork !== undefined && forkByName(flags.fork) === undefined)
        throw new UsageError(`--fork ${flags.fork}: there is no such fork`);
      await runStateTests(paths, flags);
    });
}

function filesOf(paths: readonly string[]): string[] {
  try {
    return stateTestFiles(paths);
  } catch (error) {
    if (error instanceof StateTestError) throw new UsageError(error.message);
    throw error;
  }
}

async function runStateTests(paths: readonly string[], flags: ConformanceFlags): Promise<void> {
  const out = createOutput(flags.json === true);
  const files = filesOf(paths);
  const progress = out.progress("files", files.length);
  const result = await runSuite({
    files,
    engine: flags.engine,
    suspendEverywhere: flags.suspendEverywhere === true,
    jobs: flags.jobs,
    caseLimitMs: flags.timeout * 1000,
    ...(flags.fork === undefined ? {} : { fork: flags.fork }),
    progress: (done, so) => progress.update(done, `${so.passed} passed, ${so.failed} failed`),
  });
  progress.stop();
  out.result(suiteJson(result));
  for (const line of suiteLines(result)) out.say(line);
  if (result.failed > 0) process.exitCode = ExitCode.failed;
}
