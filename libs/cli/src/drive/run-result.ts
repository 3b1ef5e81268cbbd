/** What a run has shown, as one object: the JSON result, and the source of the summary and of the report page. */
import type { ServiceUsage } from "@velarium/cluster";
import { formatNumber, type RunReport, renderPairs } from "@velarium/report";
import type { VerifyReport } from "@velarium/verify";
import { type BlockFollower, type FollowedBlock, LATENCY_BINS_MS } from "./follower.ts";
import type { Drive } from "./run-cluster.ts";

export interface RunResult {
  readonly config: Readonly<Record<string, string | number | boolean>>;
  readonly transactions: number;
  readonly included: number;
  readonly failed: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly refusedAtTheDoor: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly transactionsPerSecond: number;
  readonly gasPerSecond: number;
  /** Between the first block after the warm-up and the last one before feeding ended; null when there are fewer than two. */
  readonly sustained: {
    readonly seconds: number;
    readonly blocks: number;
    readonly transactionsPerSecond: number;
  } | null;
  readonly blocks: number;
  readonly emptyBlocks: number;
  readonly frames: number;
  readonly transactionsPerFrame: number;
  readonly returned: number;
  /** Average transactions that could run at once (exact, from slot dependencies). */
  readonly parallelism: number;
  readonly divergences: number;
  /** Gas of committed executions over gas of all executions, simulations included. */
  readonly usefulWork: number | null;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly stateRoot: string;
  readonly cpu: readonly {
    readonly name: string;
    readonly microsPerTransaction: number;
    readonly residentMiB: number;
  }[];
  readonly verification: VerifyReport | null;
}

export interface RunFacts {
  readonly config: RunResult["config"];
  readonly drive: Drive;
  readonly usageBefore: readonly ServiceUsage[];
  readonly usageAfter: readonly ServiceUsage[];
  /** CPU ms of this program while it fed the cluster. */
  readonly generatorCpuMs: number;
  readonly warmUpMs: number;
  readonly metrics: ReadonlyMap<string, number>;
}

export function runResult(facts: RunFacts, verification: VerifyReport | null): RunResult {
  const { follower, fed, refused, elapsedMs } = facts.drive;
  const done = Math.max(1, follower.outcomes);
  const frames = sum(follower.blocks, (b) => b.frames);
  const gas = sum(follower.blocks, (b) => b.gasUsed);
  const seconds = elapsedMs / 1000;
  const metric = (name: string): number => facts.metrics.get(name) ?? 0;
  const executed =
    metric("velarium_executor_executed_gas_total") + metric("velarium_analyzer_simulated_gas_total");
  const before = new Map(facts.usageBefore.map((u) => [u.name, u.cpuMs]));
  const cpu = facts.usageAfter.map((u) => ({
    name: u.name,
    microsPerTransaction: ((u.cpuMs - (before.get(u.name) ?? 0)) * 1000) / done,
    residentMiB: Math.round(u.residentBytes / 2 ** 20),
  }));
  cpu.push({
    name: "generator and recorder",
    microsPerTransaction: (facts.generatorCpuMs * 1000) / done,
    residentMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
  });
  return {
    config: facts.config,
    transactions: fed,
    included: follower.included,
    failed: follower.failed,
    rejected: Object.fromEntries(follower.rejectedBy),
    refusedAtTheDoor: Object.fromEntries(refused),
    seconds,
    transactionsPerSecond: follower.included / seconds,
    gasPerSecond: gas / seconds,
    sustained: sustainedOf(facts),
    blocks: follower.blocks.length,
    emptyBlocks: follower.blocks.filter((b) => b.transactions === 0).length,
    frames,
    transactionsPerFrame: frames === 0 ? 0 : follower.included / frames,
    returned: sum(follower.blocks, (b) => b.returned),
    parallelism: metric("velarium_scheduler_mean_parallelism_transactions"),
    divergences: metric("velarium_executor_divergences_total"),
    usefulWork: executed > 0 ? Math.min(1, gas / executed) : null,
    latencyMs: { p50: follower.latencyPercentile(0.5), p99: follower.latencyPercentile(0.99) },
    stateRoot: follower.blocks.length > 0 ? hex(follower.blocks.at(-1)!.stateRoot) : "",
    cpu,
    verification,
  };
}

function sustainedOf({ drive, warmUpMs }: RunFacts): RunResult["sustained"] {
  const from = drive.startedAtMs + warmUpMs;
  const window = drive.follower.blocks.filter((b) => b.atMs >= from && b.atMs <= drive.fedUntilMs);
  if (window.length < 2) return null;
  const seconds = (window.at(-1)!.atMs - window[0]!.atMs) / 1000;
  // The first block only marks the beginning: its transactions came before.
  const transactions = sum(window.slice(1), (b) => b.transactions);
  return { seconds, blocks: window.length - 1, transactionsPerSecond: transactions / seconds };
}

export function summaryPairs(result: RunResult): [string, string][] {
  const reasons = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ") || "none";
  const verification = result.verification;
  return [
    [
      "transactions",
      `${formatNumber(result.included)} included (${formatNumber(result.failed)} failed), rejected: ${reasons(result.rejected)}, refused: ${reasons(result.refusedAtTheDoor)}`,
    ],
    [
      "throughput",
      `${formatNumber(result.transactionsPerSecond)} transactions/s, ${formatNumber(result.gasPerSecond / 1e6, 1)} Mgas/s over ${result.seconds.toFixed(1)} s`,
    ],
    ...(result.sustained && result.sustained.blocks > 4
      ? ([
          [
            "sustained",
            `${formatNumber(result.sustained.transactionsPerSecond)} transactions/s over ${result.sustained.blocks} blocks and ${result.sustained.seconds.toFixed(1)} s after warm-up`,
          ],
        ] as [string, string][])
      : []),
    [
      "latency",
      `p50 ${result.latencyMs.p50} ms, p99 ${result.latencyMs.p99} ms, from acknowledgement to announcement`,
    ],
    ["blocks", `${result.blocks} (${result.emptyBlocks} empty)`],
    [
      "frames",
      `${formatNumber(result.frames)}, ${formatNumber(result.transactionsPerFrame, 1)} transactions each`,
    ],
    ["parallelism", `${formatNumber(result.parallelism, 1)} transactions at once (TLP)`],
    [
      "divergences",
      `${formatNumber(result.divergences)}, ${formatNumber(result.returned)} returned to the pool`,
    ],
    [
      "useful work",
      result.usefulWork === null
        ? "no contract ran"
        : `${(result.usefulWork * 100).toFixed(1)} % of executed gas`,
    ],
    ["state root", result.stateRoot],
    [
      "full check",
      verification === null
        ? "not asked for"
        : verification.ok
          ? `passed: ${verification.blocks} blocks, ${formatNumber(verification.transactions)} transactions re-executed by @ethereumjs/vm in ${verification.seconds.toFixed(1)} s give the same receipts, logs, gas and state`
          : `FAILED: ${verification.mismatchCount} mismatches; the first: ${JSON.stringify(verification.mismatches[0])}`,
    ],
  ];
}

export const summaryText = (result: RunResult): string => renderPairs(summaryPairs(result));

/** For the HTML page. */
export function reportOf(result: RunResult, follower: BlockFollower, title: string): RunReport {
  return {
    title,
    subtitle: "Blocks built by a Velarium cluster, and what sequential re-execution says about them.",
    createdAt: new Date().toISOString(),
    config: result.config,
    summary: summaryPairs(result).map(([label, value]) => ({ label, value })),
    throughput: throughputOf(follower.blocks),
    latency: latencyBins(follower),
    frameFill: frameBins(follower.blocks),
    services: result.cpu.map((c) => ({ name: c.name, cpuMicrosPerTransaction: c.microsPerTransaction })),
    verdict:
      result.verification === null
        ? { isGood: true, text: "Not re-executed (--full-check does)." }
        : { isGood: result.verification.ok, text: summaryPairs(result).at(-1)![1] },
  };
}

function throughputOf(
  blocks: readonly FollowedBlock[],
): { seconds: number; transactionsPerSecond: number }[] {
  return blocks.slice(1).map((block, i) => {
    const span = Math.max(1, block.atMs - blocks[i]!.atMs) / 1000;
    return {
      seconds: (block.atMs - blocks[0]!.atMs) / 1000,
      transactionsPerSecond: block.transactions / span,
    };
  });
}

function latencyBins(follower: BlockFollower): { upToMs: number | null; count: number }[] {
  const counts = new Array<number>(LATENCY_BINS_MS.length).fill(0);
  for (const [ms, count] of follower.latencies())
    counts[LATENCY_BINS_MS.findIndex((bound) => ms <= bound)]! += count;
  return LATENCY_BINS_MS.map((bound, i) => ({
    upToMs: Number.isFinite(bound) ? bound : null,
    count: counts[i]!,
  }));
}

const FRAME_BINS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** Blocks say how many frames they have; a frame counts with its block's average. */
function frameBins(blocks: readonly FollowedBlock[]): { upTo: number; count: number }[] {
  const counts = new Array<number>(FRAME_BINS.length).fill(0);
  for (const block of blocks) {
    if (block.frames === 0) continue;
    const fill = block.transactions / block.frames;
    const bin = FRAME_BINS.findIndex((bound) => fill <= bound);
    counts[bin < 0 ? FRAME_BINS.length - 1 : bin]! += block.frames;
  }
  return FRAME_BINS.map((upTo, i) => ({ upTo, count: counts[i]! }));
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
