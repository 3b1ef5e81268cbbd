/**
 * Official state tests through the reference engine:
 *   node libs/engine/test/conformance.ts [--every N] [--fork NAME] [--match TEXT] FOLDER...
 * FOLDER is below the fixtures (`tests/GeneralStateTests`, `eest/state_tests`, `legacytests/Constantinople/GeneralStateTests`).
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createReferenceEngine } from "../src/index.ts";
import { runCase, type StateTest } from "./support/state-test.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    every: { type: "string", default: "1" },
    fork: { type: "string" },
    match: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
/** Pushes the block's gas limit, which is above 2^53 in these files; here it is a number. */
const WIDE_GAS_LIMIT = /randomStatetest384/;
const fixtures = process.env["VELARIUM_FIXTURES"] ?? ".fixtures";
/** Minutes each on the reference interpreter; left out as the fixtures advise. */
const SLOW = /Call50000_sha256|Return50000|CALLBlake2f_MaxRounds|loopMul|loopExp|static_Call50000|Call50000/;

function* filesOf(path: string): Generator<string> {
  if (statSync(path).isFile()) {
    if (path.endsWith(".json")) yield path;
    return;
  }
  for (const name of readdirSync(path).sort()) yield* filesOf(join(path, name));
}

const engine = createReferenceEngine({ keepsEmptyAccounts: true });
const every = Number(values.every);
const counts = { passed: 0, failed: 0, skipped: 0 };
let index = 0;
const started = performance.now();
for (const folder of positionals.length > 0 ? positionals : ["tests/GeneralStateTests"]) {
  for (const file of filesOf(join(fixtures, folder))) {
    if (
      SLOW.test(file) ||
      WIDE_GAS_LIMIT.test(file) ||
      (values.match !== undefined && !file.includes(values.match))
    )
      continue;
    const tests = JSON.parse(readFileSync(file, "utf8")) as Record<string, StateTest>;
    for (const [name, test] of Object.entries(tests)) {
      if (test.post === undefined) continue;
      for (const [fork, posts] of Object.entries(test.post)) {
        if (values.fork !== undefined && values.fork !== fork) continue;
        for (const [i, post] of posts.entries()) {
          if (index++ % every !== 0) continue;
          const result = await runCase(engine, `${file} ${name} ${fork}[${i}]`, test, fork, post);
          counts[result.status]++;
          if (result.status === "failed" || (values.verbose && result.status === "skipped"))
            console.log(`${result.status} ${result.name}: ${result.why}`);
        }
      }
    }
  }
}
console.log({ ...counts, seconds: Math.round((performance.now() - started) / 1000) });
process.exitCode = counts.failed > 0 ? 1 : 0;
