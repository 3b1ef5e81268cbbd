/** Exit codes of `velarium`. They follow sysexits(3) where it has one. */
export const ExitCode = {
  ok: 0,
  /** The command ran and what it checked does not hold: a mismatch, an invalid proof, an unhealthy service. */
  failed: 1,
  /** Wrong usage: flags, files, values. */
  usage: 2,
  /** Something the command needs cannot be reached. */
  unavailable: 69,
  internal: 70,
  /** A port cannot be listened on. */
  port: 71,
  interrupted: 130,
} as const;

const BY_ERROR_CODE: Readonly<Record<string, number>> = {
  option: ExitCode.usage,
  options: ExitCode.usage,
  usage: ExitCode.usage,
  // A genesis or a fixture: GenesisError and FixtureError.
  unreadable: ExitCode.usage,
  invalid: ExitCode.usage,
  format: ExitCode.usage,
  export: ExitCode.usage,
  version: ExitCode.usage,
  "data-directory": ExitCode.usage,
  "wrong-chain": ExitCode.usage,
  "wrong-version": ExitCode.usage,
  "port-in-use": ExitCode.port,
  port: ExitCode.port,
  "server-missing": ExitCode.unavailable,
  "server-unreachable": ExitCode.unavailable,
  unreachable: ExitCode.unavailable,
  unavailable: ExitCode.unavailable,
  timeout: ExitCode.unavailable,
};

/** What is wrong with how a command was called. */
export class UsageError extends Error {
  readonly code = "usage";
}

export function exitCodeOf(error: unknown): number {
  const { code, exitCode } = (error ?? {}) as { code?: unknown; exitCode?: unknown };
  if (typeof exitCode === "number") return exitCode;
  return (typeof code === "string" ? BY_ERROR_CODE[code] : undefined) ?? ExitCode.internal;
}
