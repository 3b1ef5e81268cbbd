/** A trace cannot be read or kept; `code` says which. */
export class TraceError extends Error {
  /** `format`: not a trace, or cut off; `limit`: longer than its reader allows; `params`: options that nobody can follow. */
  readonly code: "format" | "limit" | "params";
  constructor(code: TraceError["code"], message: string) {
    super(message);
    this.name = "TraceError";
    this.code = code;
  }
}
