/**
 * The executor's core, free of sockets: what the scheduler dispatches goes in, effects come out.
 * It resolves every read a transaction was granted (from its cache of exact versions, from its own
 * unfinished writers, or from the slot's home shard), runs transactions once their values are
 * here, publishes one version per declared write and one contribution per declared delta, sends
 * receipts at once and results after every shard has acknowledged what they depend on.
 */
export { createExecutorCore } from "./core.ts";
export {
  DEFAULT_CACHE_ROWS,
  DEFAULT_CODE_CACHE_BYTES,
  type DispatchWatch,
  type ExecutorOptions,
  type ExecutorStats,
} from "./options.ts";
