/**
 * Fetches the public conformance suites into .fixtures (or VELARIUM_FIXTURES), each pinned by version.
 *
 *   node libs/setup/src/fetch-fixtures.mjs [NAME...]
 *
 * Checksums: a commit id names its content, so a suite pinned by commit is checked by git itself. For a tag or a
 * release file whose checksum the project does not hold yet, the first fetch records what came (commit id or SHA-256)
 * in fixtures.lock.json beside this file, and every later fetch, anywhere, must give the same: the first one is
 * trusted, no other. Commit the lock file.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
export const LOCK_FILE = join(here, "fixtures.lock.json");

export const SUITES = [
  {
    name: "tests",
    // The last release to which state tests were added; later ones moved to execution-spec-tests.
    git: { url: "https://github.com/ethereum/tests.git", ref: "v14.1" },
    folders: ["GeneralStateTests", "TransactionTests", "RLPTests", "TrieTests", "BasicTests"],
  },
  {
    name: "eest",
    archive: {
      url: "https://github.com/ethereum/execution-spec-tests/releases/download/v5.4.0/fixtures_develop.tar.gz",
      inside: "fixtures",
    },
    folders: ["state_tests", "blockchain_tests"],
  },
  {
    // As published: blocks with pre-state in JSON, code in pevm's own binary format, which nothing here reads yet.
    name: "pevm",
    git: { url: "https://github.com/risechain/pevm.git", ref: "544a40f90983b239684b80804cc3676d2a99d7c6" },
    folders: ["data"],
  },
];

export class FixtureError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Compares with the lock, or records when the lock has nothing. Returns "matched" or "recorded". Throws FixtureError `checksum`. */
export function checkLock(lockFile, name, version, digest) {
  const lock = existsSync(lockFile) ? JSON.parse(readFileSync(lockFile, "utf8")) : {};
  const known = lock[name];
  if (known !== undefined && known.version === version) {
    if (known.digest !== digest)
      throw new FixtureError(
        "checksum",
        `${name} ${version}: expected ${known.digest} (${lockFile}), got ${digest}; not unpacked`,
      );
    return "matched";
  }
  lock[name] = { version, digest };
  const sorted = Object.fromEntries(Object.entries(lock).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(`${lockFile}.tmp`, `${JSON.stringify(sorted, null, 2)}\n`);
  renameSync(`${lockFile}.tmp`, lockFile);
  return "recorded";
}

export async function sha256OfFile(file) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}

function command(program, args, options = {}) {
  const result = spawnSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  if (result.error) throw new FixtureError("command", `${program} did not start: ${result.error.message}`);
  if (result.status !== 0)
    throw new FixtureError(
      "command",
      `${program} ${args[0]} ended with code ${result.status}: ${result.stderr.trim()}`,
    );
  return result.stdout.trim();
}

const isCommitId = (ref) => /^[0-9a-f]{40}$/.test(ref);

/** A shallow, partial clone of the pinned ref with only the wanted folders; returns the folder that holds them. */
export function fetchGit({ git, folders, name }, work, lockFile, say) {
  command("git", ["init", "--quiet", work]);
  const inside = (...args) => command("git", ["-C", work, ...args]);
  inside("remote", "add", "origin", git.url);
  inside("sparse-checkout", "set", ...folders);
  inside(
    "fetch",
    "--quiet",
    "--depth=1",
    "--filter=blob:none",
    "origin",
    isCommitId(git.ref) ? git.ref : `refs/tags/${git.ref}`,
  );
  const commit = inside("rev-parse", "FETCH_HEAD^{commit}");
  if (isCommitId(git.ref) && commit !== git.ref)
    throw new FixtureError("checksum", `${name}: asked for ${git.ref}, got ${commit}`);
  say(`${name}: commit ${commit} ${checkLock(lockFile, name, git.ref, commit)}`);
  inside("checkout", "--quiet", "FETCH_HEAD");
  rmSync(join(work, ".git"), { recursive: true, force: true });
  return work;
}

async function fetchArchive({ archive, folders, name }, work, lockFile, say) {
  mkdirSync(work, { recursive: true });
  const file = join(work, "archive.tar.gz");
  const response = await fetch(archive.url, { redirect: "follow" });
  if (!response.ok || response.body === null)
    throw new FixtureError("http", `${name}: ${archive.url} answered ${response.status}`);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(file));
  const digest = await sha256OfFile(file);
  say(`${name}: sha256 ${digest} ${checkLock(lockFile, name, archive.url, digest)}`);
  command("tar", ["-xzf", file, "-C", work, ...folders.map((folder) => `${archive.inside}/${folder}`)]);
  rmSync(file);
  return join(work, archive.inside);
}

/** Fetches one suite to `target`/NAME; complete or not at all. What is there already stays as it is. */
export async function fetchSuite(suite, target, lockFile = LOCK_FILE, say = console.log) {
  const place = join(target, suite.name);
  if (existsSync(place) && readdirSync(place).length > 0) {
    say(`${suite.name}: already in ${place}`);
    return;
  }
  mkdirSync(target, { recursive: true });
  const work = join(target, `${suite.name}.${process.pid}.tmp`);
  try {
    const made = suite.git
      ? fetchGit(suite, work, lockFile, say)
      : await fetchArchive(suite, work, lockFile, say);
    rmSync(place, { recursive: true, force: true });
    renameSync(made, place);
    say(`${suite.name}: ready in ${place}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function main(names) {
  const unknown = names.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined)
    throw new FixtureError(
      "argument",
      `no suite ${unknown}; there are ${SUITES.map((s) => s.name).join(", ")}`,
    );
  const target = process.env.VELARIUM_FIXTURES ?? join(here, "../../../.fixtures");
  for (const suite of SUITES)
    if (names.length === 0 || names.includes(suite.name)) await fetchSuite(suite, target);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(`fetch-fixtures: ${error.message}`);
    process.exitCode = 1;
  });
}
