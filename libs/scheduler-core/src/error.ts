/** Something the scheduler cannot go on from. `code` says what; the shell ends the epoch or the process. */
export class SchedulerError extends Error {
  readonly code:
    | "frames-gap"
    | "frames-order"
    | "too-many-executors"
    | "shard-mismatch"
    | "unexpected-message";
  constructor(code: SchedulerError["code"], message: string) {
    super(message);
    this.name = "SchedulerError";
    this.code = code;
  }
}
