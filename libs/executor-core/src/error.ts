/** The core cannot go on in this epoch. `code` says why. */
export class ExecutorError extends Error {
  readonly code: "order" | "chain-work" | "engine" | "unexpected-message";
  constructor(code: ExecutorError["code"], message: string) {
    super(message);
    this.name = "ExecutorError";
    this.code = code;
  }
}
