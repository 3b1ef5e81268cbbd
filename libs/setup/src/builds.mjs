/**
 * Packages with a `build` script: WebAssembly kernels and contracts. A build is current when `build/.inputs` holds
 * the digest of what it was made from: the script, the sources, and the compiler's version.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { digestOf } from "./digest.mjs";

/** Folders of a package from which builds are made. */
const SOURCE_FOLDERS = ["assembly", "solidity"];
/** Compilers whose version is part of what a build follows from. */
const COMPILERS = ["assemblyscript", "solc"];

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesUnder(path);
    return entry.isFile() ? [path] : [];
  });
}

function inputsOf(folder, script) {
  const sources = [
    ...SOURCE_FOLDERS.flatMap((name) => filesUnder(join(folder, name))),
    ...readdirSync(folder)
      .filter((name) => name === "asconfig.json" || name.endsWith(".mjs"))
      .map((name) => join(folder, name)),
  ].sort();
  const compilers = COMPILERS.map((name) => {
    const file = join(folder, "node_modules", name, "package.json");
    return existsSync(file) ? `${name}@${JSON.parse(readFileSync(file, "utf8")).version}` : "";
  });
  return digestOf(
    sources.map((file) => [relative(folder, file), readFileSync(file)]),
    [script, ...compilers].join("\n"),
  );
}

/** Packages under libs/ whose build is missing or older than its sources. */
export function staleBuilds(root, force = false) {
  const stale = [];
  for (const name of readdirSync(join(root, "libs")).sort()) {
    const folder = join(root, "libs", name);
    const manifest = join(folder, "package.json");
    if (!existsSync(manifest)) continue;
    const script = JSON.parse(readFileSync(manifest, "utf8")).scripts?.build;
    if (!script) continue;
    const stamp = join(folder, "build/.inputs");
    if (force || !existsSync(stamp) || readFileSync(stamp, "utf8") !== inputsOf(folder, script))
      stale.push({ name, folder, script });
  }
  return stale;
}

/** Builds what is stale, one after the other; `runScript(script, cwd, env)` throws when it fails. */
export async function buildPackages(root, force, env, say, runScript) {
  const stale = staleBuilds(root, force);
  for (const [i, { name, folder, script }] of stale.entries()) {
    const started = Date.now();
    await runScript(script, folder, { ...env, PATH: `${join(folder, "node_modules/.bin")}:${env.PATH}` });
    // Compilers may have installed just now: the digest is taken after the build.
    writeFileSync(join(folder, "build/.inputs"), inputsOf(folder, script));
    say(`built ${name} in ${((Date.now() - started) / 1000).toFixed(1)} s (${i + 1} of ${stale.length})`);
  }
}
