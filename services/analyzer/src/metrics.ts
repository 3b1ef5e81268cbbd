import type { BatchAnalyzer, ProfileStrategy } from "@velarium/analyzer-core";
import { UNKNOWN_REASONS, type UnknownReason } from "@velarium/evm-profile";
import { type createMetricRegistry, defineMetrics } from "@velarium/service-kit";
import type { AssignedReader } from "./assigned-reader.ts";
import type { FramerLink } from "./framer-link.ts";
import type { RecoveryPool } from "./recovery-pool.ts";
import type { ShardReads } from "./shard-reads.ts";
import type { Simulator } from "./simulate.ts";
import type { Tracer } from "./trace.ts";

/** The parts that exist once the service has started. */
export interface Observed {
  readonly analyzer: BatchAnalyzer;
  readonly profiles: ProfileStrategy;
  readonly reader: AssignedReader;
  readonly reads: ShardReads;
  readonly simulator: Simulator;
  readonly tracer: Tracer;
  /** Undefined when senders are recovered beside everything else. */
  readonly recovery: RecoveryPool | undefined;
}

/** Everything but errors is read when scraped; counting costs the hot path nothing. */
export function defineAnalyzerMetrics(
  registry: ReturnType<typeof createMetricRegistry>,
  framer: FramerLink,
  observed: () => Observed | undefined,
) {
  const of = (read: (parts: Observed) => number) => () => {
    const parts = observed();
    return parts === undefined ? 0 : read(parts);
  };
  const counter = (name: string, help: string, read: (parts: Observed) => number) =>
    ({ kind: "counter", name: `velarium_analyzer_${name}`, help, collect: of(read) }) as const;
  const gauge = (name: string, help: string, read: (parts: Observed) => number) =>
    ({ kind: "gauge", name: `velarium_analyzer_${name}`, help, collect: of(read) }) as const;
  return defineMetrics(registry, {
    errors: {
      kind: "counter",
      name: "velarium_analyzer_errors_total",
      help: "Errors of ways to find access sets, by stage and class; the transaction was left to the next way.",
      labels: ["stage", "error"],
    },
    messages: counter("messages_total", "Messages analysed and sent.", (p) => p.reader.messages),
    retries: counter(
      "retries_total",
      "Messages analysed again: the state did not answer.",
      (p) => p.reader.retries,
    ),
    traces: gauge("traces", "Traces under way.", (p) => p.tracer.running),
    inFlight: gauge("in_flight_messages", "Messages under analysis.", (p) => p.reader.inFlight),
    queued: gauge("queued_messages", "Messages read ahead.", (p) => p.reader.queued),
    transactions: counter(
      "transactions_total",
      "Transactions analysed.",
      (p) => p.analyzer.counters.transactions,
    ),
    transfers: counter("transfers_total", "Plain transfers.", (p) => p.analyzer.counters.transfers),
    refused: counter(
      "refused_total",
      "Transactions found not executable.",
      (p) => p.analyzer.counters.refused,
    ),
    recovered: counter(
      "recovered_total",
      "Rows that went through recovery threads.",
      (p) => p.recovery?.rows ?? 0,
    ),
    recoveryThreads: gauge(
      "recovery_threads",
      "Threads that recover senders.",
      (p) => p.recovery?.runningThreads ?? 0,
    ),
    recoveryQueue: gauge(
      "recovery_queued_chunks",
      "Chunks of 64 transactions that wait for a recovery thread.",
      (p) => p.recovery?.queuedChunks ?? 0,
    ),
    lookups: counter("recipient_lookups_total", "Recipients looked up.", (p) => p.analyzer.counters.lookups),
    recipients: gauge(
      "known_recipients",
      "Recipients known to have no code.",
      (p) => p.analyzer.recipients.size,
    ),
    declared: counter(
      "declared_total",
      "Transactions with a list of their own.",
      (p) => p.analyzer.counters.declared,
    ),
    profile: counter("profile_total", "Access sets from profiles.", (p) => p.analyzer.counters.profile),
    ...profileMetrics(counter),
    simulation: counter(
      "simulation_total",
      "Access sets from simulation.",
      (p) => p.analyzer.counters.simulation,
    ),
    failures: counter(
      "simulation_failures_total",
      "Simulations that the engine could not finish.",
      (p) => p.analyzer.simulation.failures,
    ),
    simulatedGas: counter("simulated_gas_total", "Gas of all simulations.", (p) => p.analyzer.simulation.gas),
    reads: counter("shard_reads_total", "Requests to state shards.", (p) => p.reads.requests),
    height: gauge("state_height", "Newest durable height seen.", (p) => p.reads.height),
    calls: counter("calls_total", "Calls and estimates of clients.", (p) => p.simulator.calls),
    running: gauge("running_calls", "Calls and estimates under way.", (p) => p.simulator.running),
    connected: {
      kind: "gauge",
      name: "velarium_analyzer_framer_connected",
      help: "1 while the stream to the framer is open.",
      collect: () => (framer.isOpen ? 1 : 0),
    },
    reconnects: {
      kind: "counter",
      name: "velarium_analyzer_framer_reconnects_total",
      help: "Attempts to open the stream to the framer again.",
      collect: () => framer.reconnects,
    },
  });
}

type Counter<T> = (name: string, help: string, read: (parts: Observed) => number) => T;

/** How calls fared with profiles and evaluation, and where profiles came from. */
function profileMetrics<T>(counter: Counter<T>): Record<string, T> {
  const reasons = Object.entries(UNKNOWN_REASONS) as [UnknownReason, string][];
  return {
    profileApplied: counter(
      "profile_applied_total",
      "Access sets that followed from profiles alone, with what state they asked for.",
      (p) => p.profiles.predictor.counters.applied,
    ),
    profileEvaluated: counter(
      "profile_evaluated_total",
      "Access sets from the evaluation of codes whose profiles do not cover the call.",
      (p) => p.profiles.predictor.counters.evaluated,
    ),
    ...Object.fromEntries(
      reasons.map(([reason, help]) => {
        const name = reason.replaceAll("-", "_");
        return [
          `profileUnknown_${name}`,
          counter(
            `profile_unknown_${name}_total`,
            `Calls left to simulation: ${help}.`,
            (p) => p.profiles.predictor.counters.unknown.get(reason) ?? 0,
          ),
        ];
      }),
    ),
    profilesAnalyzed: counter("profiles_analyzed_total", "Profiles of functions made here.", (p) =>
      p.profiles.predictor.total(({ store }) => store.analyzed),
    ),
    profilesShared: counter("profiles_shared_total", "Profiles taken from the shared cache.", (p) =>
      p.profiles.predictor.total(({ store }) => store.shared),
    ),
    profilesBroken: counter(
      "profiles_broken_total",
      "Entries of the shared cache that are no profile.",
      (p) => p.profiles.predictor.total(({ store }) => store.broken),
    ),
    profileFailures: counter(
      "profile_failures_total",
      "Codes whose control-flow graph is beyond the budgets.",
      (p) => p.profiles.predictor.total(({ store, programs }) => store.failures + programs.failures),
    ),
  };
}
