export * from "./conflicts.ts";
export { createSchedulerCore, SchedulerCore } from "./core.ts";
export type { EpochPhase } from "./epoch.ts";
export * from "./error.ts";
export { feeRuleOf } from "./fee-rule.ts";
export * from "./options.ts";
export * from "./placement.ts";
export type { SchedulerStats } from "./stats.ts";
export { bigintToWord, wordToBigint } from "./words.ts";
