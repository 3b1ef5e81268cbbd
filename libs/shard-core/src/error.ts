/**
 * `epoch`: a message of an epoch that is over; `overloaded`: a bound (parked reads, versions) would be passed;
 * `order`: a block or stripe that cannot follow; `sum`: contributions of one generation exceed what was granted.
 */
export type ShardErrorCode = "epoch" | "overloaded" | "order" | "sum";

export class ShardError extends Error {
  readonly code: ShardErrorCode;
  constructor(code: ShardErrorCode, message: string) {
    super(message);
    this.name = "ShardError";
    this.code = code;
  }
}
