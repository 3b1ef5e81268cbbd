/**
 * What went wrong before or around a service's own work.
 *
 * | code | meaning | exit code |
 * |---|---|---|
 * | `options` | a flag, environment variable or config file is not as expected | 2 |
 * | `unavailable` | something the service needs cannot be reached | 69 |
 * | `lifecycle` | a step that the present state does not allow | 70 |
 * | `port` | a port cannot be listened on | 71 |
 */
export type KitErrorCode = "options" | "unavailable" | "lifecycle" | "port";

export class KitError extends Error {
  readonly code: KitErrorCode;
  /** One line per thing that is wrong: what was expected, what came. */
  readonly problems: readonly string[];

  constructor(code: KitErrorCode, message: string, problems: readonly string[] = []) {
    super(problems.length > 0 ? `${message}\n${problems.map((p) => `  - ${p}`).join("\n")}` : message);
    this.name = "KitError";
    this.code = code;
    this.problems = problems;
  }
}

/** Exit codes follow sysexits(3) where it has one; 2 is what shells use for wrong usage. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  options: 2,
  unreachable: 69,
  unavailable: 69,
  lifecycle: 70,
  port: 71,
  "address-in-use": 71,
};

/**
 * The exit code for an error that ended a service: its own `exitCode` when it has one, else by its
 * `code`, else 1.
 */
export function exitCodeOf(error: unknown): number {
  const e = error as { exitCode?: unknown; code?: unknown } | null;
  if (typeof e?.exitCode === "number") return e.exitCode;
  return (typeof e?.code === "string" ? EXIT_CODES[e.code] : undefined) ?? 1;
}
