#!/usr/bin/env node
/**
 * Sets up a clone: dependencies (pinned Node included), WebAssembly kernels, contracts. Plain JavaScript, because it
 * runs before anything is installed, under whatever Node the machine has. Does nothing, in milliseconds and without
 * the network, when everything is current.
 *
 *   node libs/setup/src/setup.mjs [--force] [--then COMMAND ARGUMENTS...]
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildPackages, staleBuilds } from "./builds.mjs";
import { digestOf } from "./digest.mjs";

const OLDEST_NODE = 20;
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");

const say = (line) => process.stderr.write(`setup: ${line}\n`);

/** An error that the user can act on: printed without a stack. */
export class SetupError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Runs a command to its end; resolves to its exit code (128 + signal number when a signal ended it). */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", ...options });
    // The terminal sends Ctrl-C to the child as well; it decides how to end, and this process reports its exit code.
    const ignore = () => {};
    const forward = (signal) => child.kill(signal);
    process.on("SIGINT", ignore);
    process.on("SIGTERM", forward);
    const finish = () => {
      process.off("SIGINT", ignore);
      process.off("SIGTERM", forward);
    };
    child.on("error", (error) => {
      finish();
      reject(error);
    });
    child.on("exit", (code, signal) => {
      finish();
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

/** The environment in which the workspace's own programs, the pinned Node first, are found before others. */
export function workspaceEnvironment(root = ROOT) {
  return { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH ?? ""}` };
}

function pinnedPnpm(root) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (!/^pnpm@\d/.test(packageManager ?? ""))
    throw new SetupError("package.json names no packageManager pnpm@VERSION");
  return packageManager;
}

const stampFile = (root) => join(root, "node_modules/.velarium-setup");

/** What an installation follows from. The platform is in it: addons and the Node binary are native. */
export function installDigest(root) {
  return digestOf(
    ["pnpm-lock.yaml", "pnpm-workspace.yaml"].map((file) => [file, readFileSync(join(root, file))]),
    `${process.platform} ${process.arch}`,
  );
}

export function isInstalled(root) {
  const stamp = stampFile(root);
  return (
    existsSync(stamp) &&
    existsSync(join(root, "node_modules/.bin/node")) &&
    readFileSync(stamp, "utf8") === installDigest(root)
  );
}

async function install(root) {
  const pnpm = pinnedPnpm(root);
  say(`installing dependencies with ${pnpm} (once; about a minute)`);
  const started = Date.now();
  // npx has chosen the version already; pnpm need not look itself up in the registry to record it in the lockfile.
  const code = await run(
    "npx",
    ["--yes", pnpm, "install", "--frozen-lockfile", "--config.pm-on-fail=ignore"],
    {
      cwd: root,
      env: { ...process.env, CI: "true" },
    },
  ).catch((error) => {
    throw new SetupError(`npx did not start (${error.code}): npm is needed, and comes with Node`);
  });
  if (code !== 0)
    throw new SetupError(
      `the installation ended with code ${code}; the reason is above (a first set-up needs the npm registry)`,
      code,
    );
  const stamp = stampFile(root);
  writeFileSync(`${stamp}.tmp`, installDigest(root));
  renameSync(`${stamp}.tmp`, stamp);
  say(`dependencies installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

const LOCK_STALE_MS = 15 * 60_000;

/** Two set-ups at once (two terminals) wait for each other: a directory is made by one of them only. */
async function locked(root, work) {
  const lock = join(root, ".velarium-setup.tmp");
  for (let waited = false; ; waited = true) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0);
      if (age > LOCK_STALE_MS) rmSync(lock, { recursive: true, force: true });
      else if (!waited) say(`another set-up is at work; waiting (if none is, remove ${lock})`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

/** Brings the clone up to date; resolves to whether there was anything to do. */
export async function setup(root = ROOT, { force = false } = {}) {
  const version = Number(process.versions.node.split(".")[0]);
  if (version < OLDEST_NODE)
    throw new SetupError(
      `Node ${process.versions.node} is too old: set-up needs ${OLDEST_NODE} or newer (it installs the pinned Node 24 itself)`,
      2,
    );
  const isCurrent = () => !force && isInstalled(root) && staleBuilds(root).length === 0;
  if (isCurrent()) return false;
  await locked(root, async () => {
    if (isCurrent()) return;
    if (force || !isInstalled(root)) await install(root);
    await buildPackages(root, force, workspaceEnvironment(root), say, async (script, cwd, env) => {
      const code = await run(script, [], { cwd, env, shell: true });
      if (code !== 0) throw new SetupError(`"${script}" in ${cwd} ended with code ${code}`, code);
    });
    say("ready");
  });
  return true;
}

async function main(args) {
  const then = args.indexOf("--then");
  const own = then < 0 ? args : args.slice(0, then);
  const command = then < 0 ? [] : args.slice(then + 1);
  const unknown = own.find((a) => !["--force", "--help"].includes(a));
  if (own.includes("--help")) {
    console.log("usage: setup.mjs [--force] [--then COMMAND ARGUMENTS...]");
    return 0;
  }
  if (unknown !== undefined) throw new SetupError(`unknown argument ${unknown}; see --help`, 2);
  const isDone = await setup(ROOT, { force: own.includes("--force") });
  // npx would look the program up again, under npm's own start-up time; it is already there.
  if (command[0] === "npx" && existsSync(join(ROOT, "node_modules/.bin", command[1] ?? ""))) command.shift();
  if (command.length === 0) {
    if (then >= 0) throw new SetupError("--then needs a command", 2);
    if (!isDone) say("nothing to do");
    return 0;
  }
  return run(command[0], command.slice(1), { env: workspaceEnvironment() }).catch((error) => {
    throw new SetupError(`${command[0]} did not start: ${error.message}`, 127);
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (error) => {
      say(error instanceof SetupError ? error.message : String(error?.stack ?? error));
      process.exitCode = error.exitCode ?? 1;
    },
  );
}
