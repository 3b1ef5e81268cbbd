/** What can go wrong in the state store. `code` is stable; the message says what was expected and what came. */
export type StateErrorCode =
  | "wrong-chain"
  | "wrong-version"
  | "wrong-partitions"
  | "wrong-height"
  | "not-owned"
  | "not-durable"
  | "duplicate-key"
  | "reserved-key"
  | "height-out-of-window"
  | "corrupt-log"
  | "corrupt-snapshot"
  | "bad-options"
  | "index-full"
  | "closed";

export class StateError extends Error {
  readonly code: StateErrorCode;

  constructor(code: StateErrorCode, message: string) {
    super(message);
    this.name = "StateError";
    this.code = code;
  }
}
