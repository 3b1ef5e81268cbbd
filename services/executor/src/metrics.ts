import type { ExecutorStats } from "@velarium/executor-core";
import { defineMetrics } from "@velarium/service-kit";

/** Everything is read when scraped. */
export function defineExecutorMetrics(
  registry: Parameters<typeof defineMetrics>[0],
  stats: ExecutorStats,
  inFlight: () => number,
): void {
  const counter = (name: string, help: string, key: keyof ExecutorStats) =>
    ({ kind: "counter", name: `velarium_executor_${name}_total`, help, collect: () => stats[key] }) as const;
  defineMetrics(registry, {
    transfers: counter("transfers", "Plain transfers run without an engine.", "transfers"),
    contracts: counter("contracts", "Transactions run by the engine.", "contracts"),
    chainWork: counter("chain_work", "Work of the chain rules at block open and close.", "chainWork"),
    tail: counter("tail", "Transactions of marked tails.", "tail"),
    included: counter("included", "Outcomes: included.", "included"),
    returned: counter("returned", "Outcomes: returned to the pool.", "returned"),
    rejected: counter("rejected", "Outcomes: rejected.", "rejected"),
    divergences: counter("divergences", "Transactions that left their declared accesses.", "diverged"),
    cacheHits: counter("cache_hits", "Reads served from the slot cache.", "cacheHits"),
    unwrittenCodes: counter(
      "unwritten_codes",
      "Reads of code slots that were never written: answered without asking.",
      "unwrittenCodes",
    ),
    localWaits: counter("local_waits", "Reads that waited for a version made here.", "localWaits"),
    shardReads: counter("shard_reads", "Reads asked of home shards.", "shardReads"),
    codeReads: counter("code_reads", "Code asked of shards.", "codeReads"),
    usefulGas: counter("useful_gas", "Gas of included transactions.", "usefulGas"),
    executedGas: counter("executed_gas", "Gas of all that ran.", "executedGas"),
    versions: counter("versions", "Versions published.", "versions"),
    contributions: counter("contributions", "Delta contributions counted.", "contributions"),
    staleEpoch: counter("stale_messages", "Messages of other epochs, ignored.", "staleEpoch"),
    inFlight: {
      kind: "gauge",
      name: "velarium_executor_in_flight_transactions",
      help: "Taken and not run yet.",
      collect: inFlight,
    },
  });
}
