import {
  DEFAULT_PENDING_BLOCKS,
  DEFAULT_SLOT_ROWS,
  DEFAULT_WINDOW_TRANSACTIONS,
  MAX_PENDING_BLOCKS,
} from "@velarium/scheduler-core";
import { defineOptions, type OptionValues, serviceOptions } from "@velarium/service-kit";
import { z } from "zod";

export const schedulerOptions = defineOptions({
  ...serviceOptions,
  genesis: { type: z.string(), doc: "Genesis file in geth's format; the fee rules follow from its config." },
  shards: {
    type: z.array(z.string()).min(1),
    doc: "Addresses of all state shards, in shard order; an epoch begins when all are connected.",
  },
  framer: { type: z.string(), doc: "Address of the framer." },
  executors: {
    type: z.number().int().min(1).max(255),
    default: 1,
    unit: "executors",
    doc: "Executors to wait for before an epoch begins; more may join at any time.",
  },
  natsUrl: {
    type: z.string().optional(),
    default: undefined,
    doc: "NATS server that keeps the streams; this or --hub.",
  },
  hub: {
    type: z.string().optional(),
    default: undefined,
    doc: "Embedded stream hub, host:port; this or --nats-url.",
  },
  streamPrefix: { type: z.string(), default: "velarium", doc: "Goes before the names of all streams." },
  windowTransactions: {
    type: z.number().int().min(1),
    default: DEFAULT_WINDOW_TRANSACTIONS,
    unit: "transactions",
    doc: "Dispatched and not complete, over all executors. Metric velarium_scheduler_in_flight_transactions.",
  },
  maxPendingBlocks: {
    type: z.number().int().min(1).max(MAX_PENDING_BLOCKS),
    default: DEFAULT_PENDING_BLOCKS,
    unit: "blocks",
    doc: "Blocks that are closed and not yet durable on every shard.",
  },
  slotRows: {
    type: z.number().int().min(1024),
    default: DEFAULT_SLOT_ROWS,
    unit: "rows",
    doc: "Places of the slot table, 65 bytes each; beyond 0.8 of them, complete rows are evicted.",
  },
  dialTimeoutMs: {
    type: z.number().int().min(1),
    default: 30_000,
    unit: "ms",
    doc: "How long to wait at the start for the framer, the shards and the streams.",
  },
});

export type SchedulerServiceOptions = OptionValues<typeof schedulerOptions.definitions>;
