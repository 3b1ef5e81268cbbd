import type { MessageMemory } from "@velarium/columns";
import type { Framer } from "@velarium/framer-core";
import { defineMetrics } from "@velarium/service-kit";
import { Reason, reasonName } from "@velarium/wire";

export interface FramerGauges {
  readonly framer: Framer;
  readonly analyzers: number;
  readonly waitingBytes: number;
  readonly memory: MessageMemory;
}

/** Everything is read from the core when scraped. */
export function defineFramerMetrics(
  registry: Parameters<typeof defineMetrics>[0],
  read: () => FramerGauges | undefined,
) {
  const gauge = (name: string, help: string, value: (g: FramerGauges) => number) =>
    ({
      kind: "gauge",
      name: `velarium_framer_${name}`,
      help,
      collect: () => {
        const gauges = read();
        return gauges ? value(gauges) : 0;
      },
    }) as const;
  const counter = (name: string, help: string, value: (g: FramerGauges) => number) =>
    ({ ...gauge(`${name}_total`, help, value), kind: "counter" }) as const;
  const metrics = defineMetrics(registry, {
    pending: gauge("pending_transactions", "In the pool.", (g) => g.framer.pool.rows.size),
    waiting: gauge(
      "waiting_transactions",
      "In the pool, behind a gap or below the base fee.",
      (g) => g.framer.pool.rows.waiting,
    ),
    open: gauge("open_transactions", "In open frames.", (g) => g.framer.openTransactions),
    inFlight: gauge("in_flight_transactions", "Framed, outcome not known.", (g) => g.framer.pool.inFlight),
    accounts: gauge("accounts", "Senders remembered.", (g) => g.framer.pool.accounts.size),
    height: gauge("announced_height", "Newest announced block.", (g) => g.framer.announced),
    blocksInFlight: gauge("in_flight_blocks", "Opened and not announced.", (g) => g.framer.blocksInFlight),
    analyzers: gauge("analyzers", "Analyzers connected.", (g) => g.analyzers),
    waitingBytes: gauge(
      "unacknowledged_bytes",
      "Appended to the frames stream, not acknowledged.",
      (g) => g.waitingBytes,
    ),
    freeBytes: gauge(
      "free_message_bytes",
      "Memory of records, stripes and chunks that is kept for the next ones.",
      (g) => g.memory.freeBytes,
    ),
    freshMemory: counter(
      "fresh_message_buffers",
      "Records, stripes and chunks for which memory had to be taken anew.",
      (g) => g.memory.misses,
    ),
    messages: counter(
      "analyzed_messages",
      "Messages of the tx stream taken in.",
      (g) => g.framer.stats.analyzedMessages,
    ),
    transactions: counter(
      "analyzed_transactions",
      "Transactions taken in.",
      (g) => g.framer.stats.analyzedTransactions,
    ),
    frames: counter("frames", "Frames appended.", (g) => g.framer.stats.frames),
    framed: counter(
      "framed_transactions",
      "Transactions in frames, every attempt.",
      (g) => g.framer.stats.framedTransactions,
    ),
    solo: counter(
      "solo_frames",
      "Frames of one transaction that touches the beneficiary.",
      (g) => g.framer.stats.soloFrames,
    ),
    tail: counter("tail_frames", "Marked tails.", (g) => g.framer.stats.tailFrames),
    full: counter("ejected_full_frames", "Ejected by size.", (g) => g.framer.stats.ejectedFull),
    conflict: counter(
      "ejected_conflict_frames",
      "Ejected because nothing fitted.",
      (g) => g.framer.stats.ejectedConflict,
    ),
    age: counter("ejected_age_frames", "Ejected by age.", (g) => g.framer.stats.ejectedAge),
    idle: counter(
      "ejected_idle_frames",
      "Ejected because the pipeline was idle.",
      (g) => g.framer.stats.ejectedIdle,
    ),
    blocked: counter(
      "ejected_blocked_frames",
      "Ejected because later transactions of its senders waited.",
      (g) => g.framer.stats.ejectedBlocked,
    ),
    boundary: counter(
      "ejected_boundary_frames",
      "Ejected at a block boundary.",
      (g) => g.framer.stats.ejectedBoundary,
    ),
    included: counter("included_transactions", "Included in blocks.", (g) => g.framer.stats.included),
    returned: counter("returned_transactions", "Returned by execution.", (g) => g.framer.stats.returned),
    rejected: counter("rejected_transactions", "Rejected by execution.", (g) => g.framer.stats.rejected),
    blocks: counter("blocks", "Blocks opened.", (g) => g.framer.stats.blocks),
    emptyBlocks: counter(
      "empty_blocks",
      "Blocks opened without transactions.",
      (g) => g.framer.stats.emptyBlocks,
    ),
    nonceReads: counter("nonce_reads", "Nonces asked of the shards.", (g) => g.framer.stats.nonceReads),
    reasons: {
      kind: "gauge",
      name: "velarium_framer_execution_reasons_transactions",
      help: "Transactions that execution returned or rejected since the start, by reason.",
      labels: ["reason"],
    },
  });
  /** Labels cannot be read by a callback; the service refreshes them now and then. */
  return (): void => {
    const gauges = read();
    if (!gauges) return;
    for (const reason of Object.values(Reason))
      if (reason !== Reason.none && gauges.framer.stats.reasons[reason]! > 0)
        metrics.reasons.set({ reason: reasonName(reason) }, gauges.framer.stats.reasons[reason]!);
  };
}
