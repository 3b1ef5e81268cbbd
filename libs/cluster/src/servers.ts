/** NATS and Redis for a local cluster: found on PATH and started beside it, or given by URL. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, mkdirSync, openSync } from "node:fs";
import { connect } from "node:net";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cpuMsOf } from "./child.ts";
import { ClusterError } from "./error.ts";
import { freePort } from "./ports.ts";

/** Directories that hold servers on common systems but are not on every user's PATH. */
const SERVER_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin"];
const START_TIMEOUT_MS = 10_000;
/** A given server may be starting at the same time, as in a compose file. */
const REACH_TIMEOUT_MS = 5_000;
const REACH_PAUSE_MS = 250;
const CONNECT_TIMEOUT_MS = 2_000;
/** Longer than the guard gives the server. */
const KILL_AFTER_MS = 8_000;
const guardProgram = fileURLToPath(new URL("./server-guard.mjs", import.meta.url));

export function findProgram(name: string): string | undefined {
  for (const directory of [...(process.env["PATH"] ?? "").split(delimiter), ...SERVER_DIRECTORIES]) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this directory
    }
  }
  return undefined;
}

/** A server that this cluster started and will end: run by a guard, which ends it also when this process is killed. */
export class ServerProcess {
  readonly name: string;
  readonly url: string;
  /** The guard. */
  private readonly process: ChildProcess;
  private serverPid = 0;
  private readonly ended: Promise<void>;
  private running = true;

  constructor(name: string, url: string, process: ChildProcess) {
    this.name = name;
    this.url = url;
    this.process = process;
    process.on("message", (message: { pid?: number }) => {
      this.serverPid = message.pid ?? 0;
    });
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.running = false;
        resolve();
      };
      process.once("exit", end);
      process.once("error", end);
    });
  }

  /** Of the server itself; 0 until it has started. */
  get pid(): number {
    return this.serverPid;
  }

  get alive(): boolean {
    return this.running;
  }

  cpuMs(): number {
    return cpuMsOf(this.pid);
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), KILL_AFTER_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

async function launch(
  name: string,
  url: string,
  port: number,
  command: string,
  args: string[],
  logFile: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const log = openSync(logFile, "a");
  const child = spawn(process.execPath, [guardProgram, command, ...args], {
    stdio: ["ignore", log, log, "ipc"],
    env: { ...env, ...process.env },
    // A group of their own: a Ctrl-C meant for the supervisor, which ends the services first, must not reach them.
    detached: true,
  });
  closeSync(log);
  const server = new ServerProcess(name, url, child);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await canConnect(port))) {
    if (!server.alive || Date.now() > deadline) {
      await server.stop();
      throw new ClusterError("server-unreachable", `${name} did not start`, `its log is ${logFile}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return server;
}

function canConnect(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: CONNECT_TIMEOUT_MS });
    const done = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
    socket.once("timeout", () => done(false));
  });
}

/**
 * Waits until somebody listens at the address of a server that is said to run. The first of several addresses counts.
 * @throws ClusterError `server-unreachable`, also when the URL is none
 */
export async function requireServer(
  name: string,
  url: string,
  defaultPort: number,
  option: string,
): Promise<void> {
  const first = url.split(",")[0]!.trim();
  const address = URL.parse(first.includes("://") ? first : `tcp://${first}`);
  if (!address?.hostname)
    throw new ClusterError("server-unreachable", `${name}: "${url}" is not a URL`, `correct ${option}`);
  const port = Number(address.port) || defaultPort;
  const deadline = Date.now() + REACH_TIMEOUT_MS;
  // Brackets of an IPv6 address are the URL's.
  while (!(await canConnect(port, address.hostname.replace(/^\[|\]$/g, "")))) {
    if (Date.now() > deadline) {
      throw new ClusterError(
        "server-unreachable",
        `${name} cannot be reached at ${address.hostname}:${port}, tried for ${REACH_TIMEOUT_MS / 1000} s`,
        `start it, correct ${option}, or leave it out`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, REACH_PAUSE_MS));
  }
}

function requireProgram(program: string, option: string): string {
  const path = findProgram(program);
  if (path) return path;
  throw new ClusterError(
    "server-missing",
    `${program} is not on PATH`,
    `install it (Debian: apt-get install ${program}), give ${option}, or run without --local`,
  );
}

/**
 * Half of the cores: the others have services to run. CPU of the server per transaction at 40,000 a second on 2 busy cores:
 * 3.3 and 3.4 µs with one, 4.1 and 7.6 with both; few and noisy runs, so measure again before relying on it.
 */
const natsCores = (): string => String(Math.max(1, availableParallelism() >> 1));

/**
 * `madvdontneed=0`: memory that Go's collector frees is given back only when the system needs it. A server that passes large
 * messages frees and takes megabytes all the time, and spends a fifth of its time on clearing pages anew otherwise: 2.8 to
 * 3.2 µs CPU per transaction with it, 3.4 to 3.5 without.
 */
const NATS_ENVIRONMENT: Readonly<Record<string, string>> = {
  GOMAXPROCS: natsCores(),
  GODEBUG: "madvdontneed=0",
};

/** nats-server with JetStream; its store lives in `directory` and survives a restart of the cluster. */
export async function startNats(directory: string): Promise<ServerProcess> {
  const program = requireProgram("nats-server", "--nats-url");
  const port = await freePort();
  const store = join(directory, "nats");
  mkdirSync(store, { recursive: true });
  const args = ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", store];
  return launch(
    "nats-server",
    `nats://127.0.0.1:${port}`,
    port,
    program,
    args,
    join(directory, "logs", "nats-server.log"),
    NATS_ENVIRONMENT,
  );
}

/** redis-server as a pure cache: nothing in it has to survive. */
export async function startRedis(directory: string): Promise<ServerProcess> {
  const program = requireProgram("redis-server", "--redis-url");
  const port = await freePort();
  const args = [
    "--bind",
    "127.0.0.1",
    "--port",
    String(port),
    "--save",
    "",
    "--appendonly",
    "no",
    "--dir",
    directory,
    "--maxmemory",
    "256mb",
    "--maxmemory-policy",
    "allkeys-lru",
  ];
  return launch(
    "redis-server",
    `redis://127.0.0.1:${port}`,
    port,
    program,
    args,
    join(directory, "logs", "redis-server.log"),
  );
}
