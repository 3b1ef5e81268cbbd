/** The checks of `velarium doctor`. */
import { existsSync, readdirSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findProgram, isPortFree } from "@velarium/cluster";

export interface Check {
  readonly name: string;
  readonly state: "ok" | "optional" | "missing";
  readonly found: string;
  readonly fix: string;
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const NEEDED_NODE = 24;
const LEAST_CORES = 2;
/** Ten services at 100 to 200 MiB each, and the generator. */
const LEAST_MEMORY_GIB = 3;

export async function runChecks(httpPort: number): Promise<Check[]> {
  return [
    node(),
    pinnedNode(),
    await setUp(),
    await builds(),
    await port(httpPort),
    cores(),
    memory(),
    server("nats-server"),
    server("redis-server"),
    fixtures(),
  ];
}

function check(
  name: string,
  holds: boolean,
  found: string,
  fix: string,
  otherwise: "optional" | "missing" = "missing",
): Check {
  return { name, state: holds ? "ok" : otherwise, found, fix: holds ? "" : fix };
}

function node(): Check {
  const major = Number(process.versions.node.split(".")[0]);
  return check(
    "Node.js",
    major >= NEEDED_NODE,
    process.versions.node,
    `Node ${NEEDED_NODE} runs the services; npm run setup installs a pinned one into the clone`,
  );
}

function pinnedNode(): Check {
  const path = join(ROOT, "node_modules/.bin/node");
  const found = existsSync(path);
  return check(
    "pinned Node.js",
    found,
    found ? "installed in the clone" : "not installed",
    "run: npm run setup",
  );
}

async function setUp(): Promise<Check> {
  const { isInstalled } = (await import(pathToFileURL(join(ROOT, "libs/setup/src/setup.mjs")).href)) as {
    isInstalled(root: string): boolean;
  };
  const done = isInstalled(ROOT);
  return check(
    "dependencies",
    done,
    done ? "as locked" : "missing or older than pnpm-lock.yaml",
    "run: npm run setup",
  );
}

async function builds(): Promise<Check> {
  const { staleBuilds } = (await import(pathToFileURL(join(ROOT, "libs/setup/src/builds.mjs")).href)) as {
    staleBuilds(root: string): { name: string }[];
  };
  const stale = staleBuilds(ROOT).map((each) => each.name);
  return check(
    "kernels and contracts",
    stale.length === 0,
    stale.length === 0 ? "built" : `stale: ${stale.join(", ")}`,
    "run: npm run setup",
  );
}

async function port(number: number): Promise<Check> {
  const free = await isPortFree(number);
  return check(
    `port ${number}`,
    free,
    free ? "free" : "in use",
    "end the program that listens there (velarium status shows a running cluster), or give --http-port another",
    "missing",
  );
}

function cores(): Check {
  const count = cpus().length;
  return check(
    "cores",
    count >= LEAST_CORES,
    String(count),
    `a cluster runs on one core, but its speed is measured on ${LEAST_CORES}`,
    "optional",
  );
}

function memory(): Check {
  const gib = totalmem() / 2 ** 30;
  return check(
    "memory",
    gib >= LEAST_MEMORY_GIB,
    `${gib.toFixed(1)} GiB`,
    `a local cluster with a large workload wants ${LEAST_MEMORY_GIB} GiB; fewer executors, shards and accounts want less`,
    "optional",
  );
}

function server(program: string): Check {
  const path = findProgram(program);
  return check(
    program,
    path !== undefined,
    path ?? "not on PATH",
    `only --local needs it; Debian: apt-get install ${program}, or give its URL`,
    "optional",
  );
}

function fixtures(): Check {
  const folder = join(process.env["VELARIUM_FIXTURES"] ?? join(ROOT, ".fixtures"), "blocks");
  const found = existsSync(folder) ? readdirSync(folder) : [];
  return check(
    "block fixtures",
    found.length > 0,
    found.length > 0 ? found.join(", ") : "none",
    "only replay needs them, and tests skip without them; unpack them into .fixtures/blocks (see CONTRIBUTING.md)",
    "optional",
  );
}
