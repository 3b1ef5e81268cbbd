/**
 * Runs the suites that have properties again and again, each round under another seed, for `--minutes N` (10); other
 * arguments choose among suites. Ends at the first failure, with the command that repeats it.
 */
import { randomInt } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runJest, tallyLine } from "./test.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");

/** Suites that draw cases, of those whose path contains one of `patterns` (all when there are none). */
function suites(patterns) {
  const all = globSync("{libs,services}/*/test/**/*.test.ts", { cwd: ROOT }).sort();
  const chosen = all.filter(
    (path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)),
  );
  return chosen.filter((path) => readFileSync(join(ROOT, path), "utf8").includes("fast-check"));
}

async function main(args) {
  const { values, positionals } = parseArgs({
    args,
    options: { minutes: { type: "string", default: "10" } },
    allowPositionals: true,
  });
  const minutes = Number(values.minutes);
  const chosen = suites(positionals);
  if (!(minutes > 0) || chosen.length === 0) {
    console.error("soak: expected `--minutes N` with N above 0, and paths of suites that have properties");
    return 2;
  }
  const end = Date.now() + minutes * 60_000;
  for (let round = 1; Date.now() < end; round++) {
    const seed = randomInt(2 ** 31);
    const { counts, code } = await runJest([`--seed=${seed}`, "--silent", ...chosen]);
    console.log(`round ${round}, seed ${seed}: ${tallyLine(counts)}`);
    if (code !== 0) {
      console.log(
        `repeat it by: npm test -- --seed=${seed} ${chosen.length < 4 ? chosen.join(" ") : "<suite>"}`,
      );
      return code;
    }
  }
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
