/** One service as a child process: starts it, waits until it says it is ready, ends it. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, readFileSync, type WriteStream } from "node:fs";
import { ClusterError } from "./error.ts";

export interface ChildSpec {
  /** Unique in the cluster, for example `executor-1`. */
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What it prints goes here. */
  readonly logFile: string;
  readonly readyTimeoutMs: number;
}

export type Endpoints = Readonly<Record<string, string>>;

const LAST_LINES = 12;
const KILL_AFTER_MS = 15_000;
/** Exit codes of a service that blame its surroundings: options, something unreachable, a port. */
const TELLING_EXIT_CODES: readonly (number | undefined)[] = [2, 69, 71];
const TICKS_PER_SECOND = 100;

export class Child {
  readonly name: string;
  endpoints: Endpoints = {};
  /** Set once it has ended: exit code, or the signal that ended it. */
  exited: string | undefined;
  private readonly process: ChildProcess;
  private readonly log: WriteStream;
  private readonly lastLines: string[] = [];
  private readonly ended: Promise<void>;
  private stopping = false;
  private exitListener: ((child: Child) => void) | undefined;

  private constructor(spec: ChildSpec) {
    this.name = spec.name;
    this.log = createWriteStream(spec.logFile, { flags: "a" });
    const [program, ...args] = spec.command;
    this.process = spawn(program!, args, {
      env: { ...process.env, ...spec.env },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // Ctrl-C reaches the whole process group of a terminal; the supervisor alone decides the order of the drain.
      detached: true,
    });
    for (const stream of [this.process.stdout!, this.process.stderr!])
      stream.on("data", (data: Buffer) => this.keep(data));
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (this.exited !== undefined) return;
        this.exited = how;
        this.log.end();
        resolve();
        if (!this.stopping) this.exitListener?.(this);
      };
      this.process.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
      this.process.once("error", (error) => end(error.message));
    });
  }

  /** Starts a service. Rejects with `service-failed` when it ends or is silent before it is ready. */
  static async start(spec: ChildSpec): Promise<Child> {
    const child = new Child(spec);
    await child.untilReady(spec.readyTimeoutMs);
    return child;
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Called when it ends without having been asked to. */
  onUnexpectedExit(listener: (child: Child) => void): void {
    this.exitListener = listener;
  }

  /** CPU time used so far in ms (user and system), where the system tells; 0 elsewhere. */
  cpuMs(): number {
    return cpuMsOf(this.pid);
  }

  /** Resident memory in bytes, where the system tells. */
  residentBytes(): number {
    try {
      const pages = Number(readFileSync(`/proc/${this.pid}/statm`, "utf8").split(" ")[1]);
      return pages * 4096;
    } catch {
      return 0;
    }
  }

  /** What it printed last, to explain a failure. */
  tail(): string {
    return this.lastLines.join("\n");
  }

  /** Asks it to drain and end; ends it by force when it does not. */
  async stop(): Promise<void> {
    if (this.exited !== undefined) return;
    this.stopping = true;
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), KILL_AFTER_MS);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.stopping = true;
    this.process.kill("SIGKILL");
  }

  private keep(data: Buffer): void {
    this.log.write(data);
    for (const line of data.toString("utf8").split("\n")) {
      if (line === "") continue;
      this.lastLines.push(line);
      if (this.lastLines.length > LAST_LINES) this.lastLines.shift();
    }
  }

  private untilReady(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.kill();
        reject(
          new ClusterError("timeout", `${this.name} was not ready within ${timeoutMs} ms:\n${this.tail()}`),
        );
      }, timeoutMs);
      const settle = (): void => clearTimeout(timer);
      this.process.on("message", (message: unknown) => {
        const ready = message as { ready?: boolean; endpoints?: Endpoints };
        if (!ready?.ready) return;
        settle();
        this.endpoints = ready.endpoints ?? {};
        resolve();
      });
      void this.ended.then(() => {
        settle();
        const code = TELLING_EXIT_CODES.find((known) => this.exited === `exit code ${known}`);
        reject(
          new ClusterError(
            "service-failed",
            `${this.name} ended before it was ready (${this.exited}):\n${this.tail()}`,
            "",
            code,
          ),
        );
      });
    });
  }
}

/** CPU time of a process in ms from the proc file system; 0 where there is none. */
export function cpuMsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}
