/** `unreadable`: there is no such file or it is no JSON; `invalid`: a field is missing or wrong. */
export class GenesisError extends Error {
  readonly code: "unreadable" | "invalid";
  /** Where in the file, as `alloc.0x….balance`; empty when the file as a whole is meant. */
  readonly field: string;
  constructor(code: GenesisError["code"], field: string, message: string, cause?: unknown) {
    super(
      `genesis: ${field === "" ? "" : `${field}: `}${message}`,
      cause === undefined ? undefined : { cause },
    );
    this.name = "GenesisError";
    this.code = code;
    this.field = field;
  }
}

export const invalid = (field: string, expected: string, got: unknown): GenesisError =>
  new GenesisError("invalid", field, `expected ${expected}, got ${JSON.stringify(got)?.slice(0, 80)}`);
