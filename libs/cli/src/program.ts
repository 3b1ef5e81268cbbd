/** All commands, with what they share: --json, --config, help with examples, exit codes. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { analyzeCommand } from "./commands/analyze.ts";
import { benchCommand } from "./commands/bench.ts";
import { completionCommand } from "./commands/completion.ts";
import { conformanceCommand } from "./commands/conformance.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { engineCommand } from "./commands/engine.ts";
import { fuzzCommand } from "./commands/fuzz.ts";
import { proveCommand, verifyProofCommand } from "./commands/prove.ts";
import { replayCommand } from "./commands/replay.ts";
import { runCommand } from "./commands/run.ts";
import { serviceCommand } from "./commands/service.ts";
import { statusCommand } from "./commands/status.ts";
import { traceCommand } from "./commands/trace.ts";
import { upCommand } from "./commands/up.ts";
import { verifyCommand } from "./commands/verify.ts";
import { UsageError } from "./exit-code.ts";
import { versionText } from "./version.ts";

export function createProgram(): Command {
  const program = new Command("velarium")
    .description(
      "A horizontally scaled EVM transaction-execution layer whose results equal sequential execution.",
    )
    .version(versionText(), "--version", "version, commit and format versions")
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError("(velarium --help lists the commands)");
  const commands = [
    upCommand(),
    runCommand(),
    replayCommand(),
    verifyCommand(),
    proveCommand(),
    verifyProofCommand(),
    traceCommand(),
    statusCommand(),
    engineCommand(),
    doctorCommand(),
    analyzeCommand(),
    benchCommand(),
    conformanceCommand(),
    fuzzCommand(),
    serviceCommand(),
    completionCommand(() => program),
  ];
  for (const command of commands) {
    if (command.name() !== "service") withSharedFlags(command);
    program.addCommand(command.exitOverride());
  }
  return program;
}

function withSharedFlags(command: Command): void {
  command
    .option("--json", "print the result as JSON")
    .option(
      "--config <file>",
      "JSON file with values for the flags of this command, by camel-case name; flags win",
    )
    .hook("preAction", (_this, action) => applyConfig(action));
}

/** Values of a config file for flags that were not given. */
function applyConfig(command: Command): void {
  const file = command.opts()["config"] as string | undefined;
  if (!file) return;
  let values: Record<string, unknown>;
  try {
    values = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`--config ${file}: ${(error as Error).message}`);
  }
  const known = new Map(command.options.map((option) => [option.attributeName(), option]));
  for (const [name, value] of Object.entries(values)) {
    const option = known.get(name);
    if (!option)
      throw new UsageError(
        `--config ${file}: ${command.name()} has no option ${name}; it has ${[...known.keys()].join(", ")}`,
      );
    if (command.getOptionValueSource(name) === "cli") continue;
    const parse = (option as unknown as { parseArg?: (text: string, previous: unknown) => unknown }).parseArg;
    const parsed = parse && !Array.isArray(value) ? parse(String(value), undefined) : value;
    command.setOptionValueWithSource(name, parsed, "config");
  }
}
