/** `velarium engine stats`: what the engines of a running cluster have done, code by code. */

import type { RunningService } from "@velarium/cluster";
import { encode } from "@velarium/columns";
import { type EngineReport, readEngineReport } from "@velarium/engine-wasm";
import { renderPairs, renderTable } from "@velarium/report";
import { dial } from "@velarium/rpc";
import { EngineReportRequest } from "@velarium/wire";
import { Command } from "commander";
import { wholeNumber } from "../cluster-flags.ts";
import { createOutput, type Output } from "../output.ts";
import { findRunningCluster } from "../running-cluster.ts";

interface StatsFlags {
  readonly json?: boolean;
  readonly data?: string;
  readonly codes: number;
}

const DIAL_TIMEOUT_MS = 5_000;

export function engineCommand(): Command {
  const command = new Command("engine").description("what runs the contracts of a running cluster");
  command.addCommand(
    new Command("stats")
      .description("what each engine has done: executions, gas, waits, fallbacks and why, and its codes")
      .option("--data <dir>", "data directory of the cluster; without it the only one that runs is taken")
      .option(
        "--codes <n>",
        "codes to show per service, those with the most gas first",
        wholeNumber(0, 1000),
        10,
      )
      .option("--json", "print the result as JSON")
      .addHelpText("after", "\nExamples:\n  velarium engine stats\n  velarium engine stats --codes 50 --json")
      .action((flags: StatsFlags) => stats(flags, createOutput(flags.json === true))),
  );
  return command;
}

async function stats(flags: StatsFlags, out: Output): Promise<void> {
  const { run } = findRunningCluster(flags.data);
  const services = run.services.filter(({ name }) => /^(executor|analyzer)/.test(name));
  const reports = await Promise.all(
    services.map(async (service) => ({ service: service.name, ...(await reportOf(service, flags.codes)) })),
  );
  out.result({ services: reports });
  for (const report of reports) describe(report, out);
}

async function reportOf(service: RunningService, codes: number): Promise<EngineReport> {
  const kind = service.name.startsWith("executor") ? "Executor" : "Analyzer";
  const connection = await dial(service.endpoints["grpc"]!, { timeoutMs: DIAL_TIMEOUT_MS });
  try {
    const request = encode(EngineReportRequest, { codes });
    return readEngineReport(await connection.call(`velarium.v1.${kind}`, "EngineReport", request));
  } finally {
    connection.close();
  }
}

function describe(report: EngineReport & { readonly service: string }, out: Output): void {
  const { service, engine, stats: counted, codes } = report;
  out.say(`${service}: engine ${engine}`);
  if (counted === undefined) return;
  const fallbacks = Object.entries(counted.fallbacks);
  out.say(
    renderPairs([
      ["executions", counted.executions],
      ["gas", counted.gas],
      ["waits for state", counted.suspensions],
      ["parked meanwhile", counted.parked],
      ["begun again", counted.restarts],
      [
        "compiler",
        Object.entries(report.compilations ?? {})
          .map(([state, count]) => `${state} ${count}`)
          .join(", ") || "nothing compiled",
      ],
      ["fallbacks", fallbacks.map(([reason, count]) => `${reason} ${count}`).join(", ")],
    ]),
  );
  if (codes.length > 0)
    out.say(
      renderTable(
        ["code", "bytes", "tier", "calls", "gas", "compile ms", "wasm bytes", "not compiled because"],
        codes.map(({ hash, bytes, tier, calls, gas, compilation: c }) => [
          hash,
          bytes,
          tier,
          calls,
          gas,
          c === undefined ? "" : (c.ms + c.optimiseMs).toFixed(0),
          c?.wasmBytes ?? "",
          c?.reason ?? "",
        ]),
      ),
    );
  out.say("");
}
