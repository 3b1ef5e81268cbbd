#!/usr/bin/env node
/** Starts the program under the pinned Node: TypeScript runs by type stripping, which older versions lack. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NEEDED_NODE = 24;
const CANNOT_START = 70;
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../../..");
const pinned = join(root, "node_modules/.bin/node");

function refuse(code, message) {
  process.stderr.write(
    process.argv.includes("--json")
      ? `${JSON.stringify({ error: { code, message } })}\n`
      : `velarium: ${message} (${code})\n`,
  );
  process.exit(CANNOT_START);
}

/** Sources that came with an update may import packages that are not linked yet. */
async function start() {
  try {
    await import("./main.ts");
  } catch (error) {
    if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
    const [what] = String(error.message).split("\n");
    refuse(
      "setup-stale",
      `this clone has changed since it was set up; run: npm run setup --prefix ${root}. ${what}`,
    );
  }
}

if (!existsSync(join(root, "libs/cli/node_modules")))
  refuse("not-set-up", `this clone is not set up; run: npm run setup --prefix ${root}`);

if (Number(process.versions.node.split(".")[0]) >= NEEDED_NODE) {
  await start();
} else if (!existsSync(pinned)) {
  refuse(
    "node-version",
    `Node ${NEEDED_NODE} is needed, this is ${process.versions.node}; run: npm run setup --prefix ${root}`,
  );
} else {
  // As services have it: a generator or a benchmark gets memory again at the same price.
  const allocator = JSON.parse(readFileSync(join(root, "libs/cluster/src/allocator.json"), "utf8"));
  const child = spawn(pinned, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...allocator, ...process.env },
  });
  // Ctrl-C reaches the child through the terminal; signals from elsewhere are passed on.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => refuse("node-version", `the pinned Node did not start: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
