/** `velarium replay PATH...`: real blocks through a cluster that builds its own blocks from their transactions. */
import { readBlockFixture } from "@velarium/fixtures";
import { renderTable } from "@velarium/report";
import { Command } from "commander";
import { UsageError } from "../exit-code.ts";
import { createOutput } from "../output.ts";

interface ReplayFlags {
  readonly json?: boolean;
  readonly list?: boolean;
}

export function replayCommand(): Command {
  return new Command("replay")
    .description("feed real blocks' transactions to a cluster and verify the blocks it builds")
    .argument("<path...>", "folders of blocks")
    .option("--list", "only read the blocks and say what they hold")
    .action((paths: string[], flags: ReplayFlags) => {
      const out = createOutput(flags.json === true);
      if (!flags.list) throw new UsageError("replay cannot start a cluster yet; --list reads the blocks");
      const blocks = paths.map((path) => readBlockFixture(path));
      const rows = blocks.map((b) => [
        b.environment.number,
        b.format,
        b.transactions.length,
        b.omitted.length,
      ]);
      out.result(rows);
      out.say(renderTable(["block", "format", "txs", "omitted"], rows));
    });
}
