/** `velarium run`: a generated workload through a cluster, with the full check of what came out. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlockExportWriter } from "@velarium/blocks";
import { Cluster, type ClusterOptions, readRunFile } from "@velarium/cluster";
import { writeGenesis } from "@velarium/genesis";
import { renderHtml, renderTable } from "@velarium/report";
import { type VerifyReport, verifyExport } from "@velarium/verify";
import { Workload, type WorkloadBatch, type WorkloadKind } from "@velarium/workloads";
import { Command, Option } from "commander";
import {
  addClusterFlags,
  type ClusterFlags,
  clusterOptionsOf,
  fraction,
  temporaryDataDirectory,
  wholeNumber,
} from "../cluster-flags.ts";
import { scrape } from "../drive/metrics.ts";
import { drive } from "../drive/run-cluster.ts";
import { type RunResult, reportOf, runResult, summaryText } from "../drive/run-result.ts";
import { workloadGenesis } from "../drive/workload-genesis.ts";
import { ExitCode, UsageError } from "../exit-code.ts";
import { createOutput, type Output } from "../output.ts";

export interface RunFlags extends ClusterFlags {
  readonly json?: boolean;
  readonly workload: WorkloadKind;
  readonly txs: number;
  readonly seconds?: number;
  readonly warmUp: number;
  readonly accounts: number;
  readonly hot: number;
  readonly contention: number;
  readonly bothEnds?: boolean;
  readonly verified?: boolean;
  readonly seed: number;
  readonly batch: number;
  readonly inFlight: number;
  readonly cluster?: string;
  readonly fullCheck?: boolean;
  readonly export?: string;
  readonly report?: string;
}

export function runCommand(): Command {
  const command = new Command("run")
    .description("feed a generated workload to a cluster of its own (or a running one) and report")
    .addOption(
      new Option("--workload <kind>", "what the transactions do")
        .choices(["native", "erc20", "swap", "mixed"])
        .default("mixed"),
    )
    .option("--txs <n>", "transactions", wholeNumber(1), 50_000)
    .option(
      "--seconds <n>",
      "feed for this time: verified records without end, signed ones as far as --txs goes",
      wholeNumber(1),
    )
    .option("--warm-up <s>", "the sustained rate is counted from then on", wholeNumber(0), 2)
    .option("--accounts <n>", "accounts that send and receive", wholeNumber(2), 10_000)
    .option("--hot <n>", "hot addresses (FAFO's skew)", wholeNumber(0), 100)
    .option(
      "--contention <a>",
      "probability that an end is a hot address (FAFO's contention ratio)",
      fraction,
      0.2,
    )
    .option("--both-ends", "hot receivers as well as hot senders")
    .option("--signed", "real signatures (default)")
    .option("--verified", "records whose signatures an upstream has checked")
    .option("--seed <n>", "same seed, same transactions", wholeNumber(0, 2 ** 32 - 1), 1)
    .option("--batch <n>", "transactions per message", wholeNumber(1, 1024), 512)
    .option(
      "--in-flight <n>",
      "transactions acknowledged and not yet in a block, at the most",
      wholeNumber(1),
      100_000,
    )
    .option(
      "--cluster <dir>",
      "data directory of a running cluster, made with the genesis of the same workload",
    )
    .option(
      "--full-check",
      "re-execute the exported blocks one by one with @ethereumjs/vm and compare everything",
    )
    .option("--export <dir>", "where the blocks go (default: a directory of this run)")
    .option("--report <dir>", "write the result as a page with pictures (index.html) and as report.json");
  return addClusterFlags(command, 0)
    .addHelpText(
      "after",
      "\nExamples:\n  velarium run --workload native --txs 1000 --full-check\n  velarium run --workload mixed --txs 50000 --hot 100 --contention 0.3 --report ./report\n  velarium run --local --workload native --verified --accounts 1000000 --seconds 60\n\nExit codes: 0 ok, 1 the full check failed or something was lost, 2 wrong usage, 69 a server is missing, 70 a service failed.",
    )
    .action(async (flags: RunFlags) => {
      const output = createOutput(flags.json === true);
      const result = await run(flags, output);
      output.result(result);
      if (result.verification?.ok === false) process.exitCode = ExitCode.failed;
    });
}

/** Runs the workload and returns what it has shown; prints the summary for people. */
export async function run(flags: RunFlags, output: Output): Promise<RunResult> {
  const data = flags.data ?? temporaryDataDirectory();
  const temporary = flags.data === undefined;
  try {
    return await runIn(data, flags, output);
  } finally {
    if (temporary) rmSync(data, { recursive: true, force: true });
  }
}

async function runIn(data: string, flags: RunFlags, output: Output): Promise<RunResult> {
  mkdirSync(data, { recursive: true });
  const workload = createWorkload(flags, output);
  const genesisFile = join(data, "genesis.json");
  if (!flags.cluster) writeGenesis(genesisFile, workloadGenesis(workload, flags.blockGasLimit));
  const batches = pregenerate(workload, flags, output);
  const exportDirectory = flags.export ?? join(data, "export");
  const target = flags.cluster
    ? runningCluster(flags.cluster)
    : await ownCluster(flags, genesisFile, data, workload.options.chainId, output);
  let result: RunResult;
  let follower: Awaited<ReturnType<typeof drive>>["follower"];
  let facts: Parameters<typeof runResult>[0];
  try {
    const writer = target.cluster
      ? new BlockExportWriter(exportDirectory, { file: genesisFile }, { chainId: workload.options.chainId })
      : undefined;
    const total = flags.seconds ? undefined : flags.txs;
    const progress = output.progress("executing", total ?? flags.seconds!);
    const started = performance.now();
    const cpuBefore = process.cpuUsage();
    const usageBefore = target.cluster?.usage() ?? [];
    const driven = await drive(batches, {
      ingestAddress: target.ingestAddress,
      streams: target.streams,
      writer,
      maxInFlight: flags.inFlight,
      fromFirst: target.cluster !== undefined,
      ...(flags.seconds ? { isOver: () => performance.now() - started > flags.seconds! * 1000 } : {}),
      onProgress: (outcomes, _fed, f) =>
        progress.update(
          total ? outcomes : Math.min(flags.seconds!, Math.floor((performance.now() - started) / 1000)),
          `block ${f.blocks.at(-1)?.number ?? 0}`,
        ),
    });
    progress.stop();
    const cpu = process.cpuUsage(cpuBefore);
    follower = driven.follower;
    facts = {
      config: configOf(flags, target.cluster?.options),
      drive: driven,
      usageBefore,
      usageAfter: target.cluster?.usage() ?? [],
      generatorCpuMs: (cpu.user + cpu.system) / 1000,
      warmUpMs: flags.warmUp * 1000,
      metrics: await scrapeAll(target.metricsAddresses),
    };
  } finally {
    await target.cluster?.stop();
  }
  const verification = flags.fullCheck && target.cluster ? await check(exportDirectory, output) : null;
  result = runResult(facts, verification);
  output.say(`\n${summaryText(result)}\n`);
  output.say(
    renderTable(
      ["service", "CPU µs per transaction", "memory MiB"],
      result.cpu.map((c) => [c.name, c.microsPerTransaction.toFixed(1), c.residentMiB || ""]),
    ),
  );
  if (flags.report) {
    mkdirSync(flags.report, { recursive: true });
    writeFileSync(
      join(flags.report, "index.html"),
      renderHtml(reportOf(result, follower, `velarium run: ${flags.workload}`)),
    );
    writeFileSync(join(flags.report, "report.json"), `${JSON.stringify(result, null, 2)}\n`);
    output.say(`\nreport: ${join(flags.report, "index.html")}`);
  }
  return result;
}

function createWorkload(flags: RunFlags, output: Output): Workload {
  const progress = output.progress("deriving accounts", flags.accounts);
  const workload = new Workload(
    {
      kind: flags.workload,
      accounts: flags.accounts,
      hot: Math.min(flags.hot, flags.accounts),
      contention: flags.contention,
      bothEnds: flags.bothEnds === true,
      signed: flags.verified !== true,
      seed: flags.seed,
    },
    (done) => progress.update(done),
  );
  progress.stop();
  return workload;
}

/** Signing is done beforehand, so that it does not compete with the cluster; verified records are made as they are sent. */
function pregenerate(workload: Workload, flags: RunFlags, output: Output): Iterable<WorkloadBatch> {
  if (flags.verified)
    return generate(workload, flags.seconds ? Number.POSITIVE_INFINITY : flags.txs, flags.batch);
  const progress = output.progress("signing", flags.txs);
  const batches = workload.pregenerate(flags.txs, flags.batch, (done) => progress.update(done));
  progress.stop();
  return batches;
}

function* generate(workload: Workload, total: number, batch: number): Generator<WorkloadBatch> {
  for (let done = 0; done < total; done += batch) yield workload.nextBatch(Math.min(batch, total - done));
}

interface Target {
  /** Undefined when it was running before: then it goes on running. */
  readonly cluster: Cluster | undefined;
  readonly ingestAddress: string;
  readonly streams: Parameters<typeof drive>[1]["streams"];
  readonly metricsAddresses: readonly string[];
}

async function ownCluster(
  flags: RunFlags,
  genesisFile: string,
  data: string,
  chainId: number,
  output: Output,
): Promise<Target> {
  const metrics = flags.metricsPortBase === undefined ? { "metrics-port": "0" } : {};
  const options = clusterOptionsOf(flags, genesisFile, data, flags.verified === true);
  const serviceFlags = {
    ...options.serviceFlags,
    scheduler: { ...metrics, ...options.serviceFlags.scheduler },
    executor: { ...metrics, ...options.serviceFlags.executor },
    analyzer: { ...metrics, ...options.serviceFlags.analyzer },
  };
  const cluster = await Cluster.start({ ...options, serviceFlags }, chainId, (step) =>
    output.note(`starting ${step} ...`),
  );
  output.note(
    options.mode === "local"
      ? "streams and cache: NATS and Redis"
      : "streams and cache: embedded in memory (--local for NATS and Redis)",
  );
  cluster.onFailure((error) => {
    process.stderr.write(`velarium: ${error.message}\n`);
    cluster.kill();
    process.exit(ExitCode.internal);
  });
  return {
    cluster,
    ingestAddress: cluster.ingestAddress,
    streams: cluster.addresses,
    metricsAddresses: cluster.endpointsNamed("metrics"),
  };
}

function runningCluster(directory: string): Target {
  const running = readRunFile(directory);
  const ingestAddress = running?.services.find((s) => s.name === "gateway")?.endpoints["grpc"];
  if (!running || !ingestAddress)
    throw new UsageError(`no cluster runs in ${directory}: start one with velarium up --data ${directory}`);
  return {
    cluster: undefined,
    ingestAddress,
    streams: running,
    metricsAddresses: running.services.flatMap((s) => s.endpoints["metrics"] ?? []),
  };
}

async function scrapeAll(addresses: readonly string[]): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const address of addresses) {
    for (const [name, value] of await scrape(address)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return sums;
}

async function check(directory: string, output: Output): Promise<VerifyReport> {
  let progress: ReturnType<Output["progress"]> | undefined;
  const report = await verifyExport(directory, {
    onProgress: (p) => {
      progress ??= output.progress("checking blocks", p.blocksTotal);
      progress.update(p.blocksDone, `${p.transactionsDone} transactions`);
    },
  });
  progress?.stop();
  return report;
}

function configOf(flags: RunFlags, cluster: ClusterOptions | undefined): RunResult["config"] {
  return {
    workload: flags.workload,
    accounts: flags.accounts,
    hot: flags.hot,
    contention: flags.contention,
    bothEnds: flags.bothEnds === true,
    signatures: flags.verified ? "verified records" : "signed",
    seed: flags.seed,
    mode: cluster?.mode ?? "running cluster",
    executors: cluster?.executors ?? "",
    shards: cluster?.shards ?? "",
    analyzers: cluster?.analyzers ?? "",
    blockGasLimit: flags.blockGasLimit,
    blockTimeMs: flags.blockTime,
  };
}
