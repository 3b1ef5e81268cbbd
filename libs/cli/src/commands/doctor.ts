/** `velarium doctor`: what this machine and this clone lack, each with the fix. */
import { renderTable } from "@velarium/report";
import { Command } from "commander";
import { wholeNumber } from "../cluster-flags.ts";
import { ExitCode } from "../exit-code.ts";
import { type Check, runChecks } from "../machine-checks.ts";
import { createOutput } from "../output.ts";

interface DoctorFlags {
  readonly json?: boolean;
  readonly httpPort: number;
}

const MARK: Readonly<Record<Check["state"], string>> = { ok: "ok", optional: "optional", missing: "MISSING" };

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("what this machine lacks, each with the fix")
    .option("--http-port <port>", "the JSON-RPC port that should be free", wholeNumber(1, 65_535), 8545)
    .addHelpText(
      "after",
      "\nExit code 1 when something required is missing; what is optional only limits what can be run.\n\nExamples:\n  velarium doctor\n  velarium doctor --json",
    )
    .action(async (flags: DoctorFlags) => {
      const out = createOutput(flags.json === true);
      const checks = await runChecks(flags.httpPort);
      const ok = checks.every((check) => check.state !== "missing");
      out.result({ ok, checks });
      out.say(
        renderTable(
          ["check", "", "found"],
          checks.map((c) => [c.name, MARK[c.state], c.found]),
        ),
      );
      const fixes = checks.filter((c) => c.state !== "ok");
      if (fixes.length > 0) out.say("");
      for (const check of fixes) out.say(`${check.name}: ${check.fix}`);
      out.say("");
      out.say(ok ? "Everything required is here." : "Something required is missing.");
      if (!ok) process.exitCode = ExitCode.failed;
    });
}
