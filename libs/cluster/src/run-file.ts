/** What a running cluster leaves in its data directory so that other commands find it. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface RunningService {
  readonly name: string;
  readonly pid: number;
  readonly endpoints: Readonly<Record<string, string>>;
}

export interface RunFile {
  readonly pid: number;
  readonly startedMs: number;
  readonly mode: string;
  readonly chainId: number;
  readonly natsUrl?: string;
  readonly redisUrl?: string;
  readonly hub?: string;
  readonly streamPrefix: string;
  readonly partitions: number;
  readonly services: readonly RunningService[];
}

const NAME = "running.json";

export function writeRunFile(dataDirectory: string, run: RunFile): void {
  writeFileSync(join(dataDirectory, NAME), `${JSON.stringify(run, null, 2)}\n`, { mode: 0o600 });
}

export function removeRunFile(dataDirectory: string): void {
  rmSync(join(dataDirectory, NAME), { force: true });
}

/** The cluster that runs in this directory, or undefined when none does. */
export function readRunFile(dataDirectory: string): RunFile | undefined {
  const file = join(dataDirectory, NAME);
  if (!existsSync(file)) return undefined;
  try {
    const run = JSON.parse(readFileSync(file, "utf8")) as RunFile;
    process.kill(run.pid, 0);
    return run;
  } catch {
    return undefined; // left over from a program that was killed
  }
}
