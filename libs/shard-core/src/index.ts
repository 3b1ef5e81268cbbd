export type { CommittedState } from "./answers.ts";
export type { ChangedSlots } from "./block-changes.ts";
export type { NewCode } from "./code-table.ts";
export { type BlockToCommit, ShardCore, type ShardCoreOptions } from "./core.ts";
export { ShardError, type ShardErrorCode } from "./error.ts";
