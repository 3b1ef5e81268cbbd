/** `velarium replay PATH...`: real blocks through clusters that build their own blocks from their transactions. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { renderTable } from "@velarium/report";
import { Command } from "commander";
import { addClusterFlags, type ClusterFlags, clusterOptionsOf, wholeNumber } from "../cluster-flags.ts";
import { ExitCode, UsageError } from "../exit-code.ts";
import { createOutput, type Output } from "../output.ts";
import { type ReplayOptions, type ReplayResult, replayBlock } from "../replay-block.ts";
import { verifyReportLines } from "./verify.ts";

interface ReplayFlags extends ClusterFlags {
  readonly json?: boolean;
  readonly jobs: number;
  readonly fork?: string;
  readonly export?: string;
  readonly timeout: number;
}

/** Real blocks are small: they are sealed soon after their last transaction. */
const BLOCK_TIME_MS = 250;

export function replayCommand(): Command {
  const command = new Command("replay")
    .description("feed real blocks' transactions to a cluster and verify the blocks it builds")
    .argument(
      "<path...>",
      "folders of one block each: block.json and pre_state.json in the formats of pevm, RISE or grevm",
    )
    .option("--jobs <n>", "blocks at the same time, each in a cluster of its own", wholeNumber(1, 16), 1)
    .option("--fork <name>", "fork of grevm blocks, instead of the one they claim")
    .option("--export <dir>", "keep the blocks that were built, one folder per original block")
    .option("--timeout <s>", "for the transactions of one block", wholeNumber(1), 120);
  for (const option of addClusterFlags(new Command(), 0).options) {
    // Gas limit, ports and data directory follow from each block.
    if (["blockGasLimit", "httpPort", "grpcPort", "data", "emptyBlockTime"].includes(option.attributeName()))
      continue;
    command.addOption(option.attributeName() === "blockTime" ? option.default(BLOCK_TIME_MS) : option);
  }
  return command
    .addHelpText(
      "after",
      `
The block's pre-state is the genesis; its fork, base fee, beneficiary and gas limit hold; order and block boundaries
are the cluster's own, and so is the time. Transactions enter as verified records. "outside" counts accounts and
storage slots that were read and that the pre-state does not give: they count as empty, to cluster and reference alike.
Exit code 1 when a block does not verify or a transaction has no outcome.

Examples:
  velarium replay .fixtures/blocks/ethereum/46147
  velarium replay .fixtures/blocks/ethereum/[0-9]* --jobs 2
  velarium replay .fixtures/blocks/rise/7941842 --export ./built`,
    )
    .action(async (paths: string[], flags: ReplayFlags) => {
      const out = createOutput(flags.json === true);
      const missing = paths.filter((path) => !existsSync(join(path, "block.json")));
      if (missing.length > 0)
        throw new UsageError(`no block.json in ${missing.join(", ")}: give the folders of single blocks`);
      const results = await replayAll(paths, replayOptions(flags), flags.jobs, out);
      out.result({ ok: results.every((result) => result.ok), blocks: results });
      for (const line of reportLines(results)) out.say(line);
      if (!results.every((result) => result.ok)) process.exitCode = ExitCode.failed;
    });
}

function replayOptions(flags: ReplayFlags): ReplayOptions {
  const { serviceFlags, ...rest } = clusterOptionsOf(
    { ...flags, httpPort: 0, grpcPort: 0, blockGasLimit: 0, emptyBlockTime: 0 },
    "",
    "",
    true,
  );
  const given = {
    ...serviceFlags,
    framer: withoutBlockFlags(serviceFlags.framer),
    gateway: withoutBlockFlags(serviceFlags.gateway),
  };
  return {
    cluster: { ...rest, serviceFlags: given },
    blockTimeMs: flags.blockTime,
    timeoutMs: flags.timeout * 1000,
    ...(flags.fork ? { fork: flags.fork } : {}),
    ...(flags.export ? { exportDirectory: flags.export } : {}),
  };
}

/** What the flags of a cluster say of blocks is each original block's to say. */
function withoutBlockFlags(flags: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { "block-gas-limit": _gas, "block-time-ms": _time, "empty-block-time-ms": _empty, ...others } = flags;
  return others;
}

async function replayAll(
  paths: readonly string[],
  options: ReplayOptions,
  jobs: number,
  out: Output,
): Promise<ReplayResult[]> {
  const results = new Array<ReplayResult>(paths.length);
  const progress = out.progress("replay", paths.length);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < paths.length; i = next++) {
      const result = await replayBlock(paths[i]!, options);
      results[i] = result;
      progress.update(++done, `block ${result.block}: ${verdictOf(result)}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, paths.length) }, work));
  } finally {
    progress.stop();
  }
  return results;
}

function verdictOf(result: ReplayResult): string {
  if (result.ok) return "verified";
  if (result.error !== undefined) return "error";
  return result.lost > 0 ? `${result.lost} without outcome` : "MISMATCH";
}

function reportLines(results: readonly ReplayResult[]): string[] {
  const rows = results.map((r) => [
    r.block,
    r.fork,
    r.omitted > 0 ? `${r.transactions} (+${r.omitted} left out)` : r.transactions,
    r.included,
    Object.entries(r.rejected)
      .map(([reason, count]) => `${count} ${reason}`)
      .join(", ") || "0",
    r.returned,
    r.blocksBuilt,
    r.outsideAccounts,
    r.outsideSlots,
    `${r.seconds.toFixed(1)} s`,
    verdictOf(r),
  ]);
  const header = [
    "block",
    "fork",
    "txs",
    "included",
    "rejected",
    "returned",
    "blocks",
    "outside: accounts",
    "slots",
    "time",
    "verdict",
  ];
  const lines = [renderTable(header, rows)];
  for (const result of results.filter((r) => !r.ok)) {
    lines.push("", `Block ${result.block} (${result.path}):`);
    if (result.error !== undefined) lines.push(result.error);
    if (result.verification && !result.verification.ok) lines.push(...verifyReportLines(result.verification));
  }
  const verified = results.filter((r) => r.ok).length;
  const included = results.reduce((sum, r) => sum + r.included, 0);
  lines.push("", `${verified} of ${results.length} blocks verified, ${included} transactions included.`);
  return lines;
}
