/** `protocol`: a message that cannot follow what came before; `work`: chain work left its declared accesses; `overloaded`: a bound would be passed. */
export type ExecutorErrorCode = "protocol" | "work" | "overloaded";

export class ExecutorError extends Error {
  readonly code: ExecutorErrorCode;
  constructor(code: ExecutorErrorCode, message: string) {
    super(message);
    this.name = "ExecutorError";
    this.code = code;
  }
}
