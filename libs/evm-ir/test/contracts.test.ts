import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { createBlockRules } from "@velarium/chain-rules";
import { pair, token } from "@velarium/contracts";
import { type BuildOptions, buildFunction, type IrFunction, verifyFunction } from "../src/index.ts";
import { compareRuns } from "./evaluator.ts";
import { CALLEE_CODE } from "./programs.ts";
import { CALLEE, runReference } from "./reference.ts";

const RULES = createBlockRules("cancun", 1);
const FOLDER = join(process.env["VELARIUM_FIXTURES"] ?? ".fixtures", "contracts", "pevm");

const codes: [string, Uint8Array][] = [
  ["Token", token.runtime],
  ["Pair", pair.runtime],
];
if (existsSync(FOLDER))
  for (const file of readdirSync(FOLDER))
    codes.push([file, Uint8Array.from(Buffer.from(readFileSync(join(FOLDER, file), "utf8").trim(), "hex"))]);

/** What the code compares the selector with, among others. */
function selectorsIn(code: Uint8Array): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (let pc = 0; pc < code.length; pc++) {
    const op = code[pc]!;
    if (op === 0x63) found.set(code.slice(pc + 1, pc + 5).join(), code.slice(pc + 1, pc + 5));
    if (op >= 0x60 && op <= 0x7f) pc += op - 0x5f;
  }
  return [...found.values()];
}

function callOf(selector: Uint8Array, words: readonly bigint[]): Uint8Array {
  const body = words.map((word) => word.toString(16).padStart(64, "0")).join("");
  return Uint8Array.from([...selector, ...Buffer.from(body, "hex")]);
}

// Whatever the contracts call answers like a token or a pair might.
const storage = new Map(Array.from({ length: 16 }, (_, slot) => [BigInt(slot), BigInt(CALLEE)]));
const ARGUMENTS = [
  [BigInt(CALLEE), 5n, 1n, BigInt(CALLEE), 2n, 1n],
  [0n, 0n, 0n, 0n, 0n, 0n],
  [7n, BigInt(CALLEE), 1000n, 128n, 1n, 1n << 255n],
];

function build(code: Uint8Array, options: BuildOptions): IrFunction {
  const built = buildFunction(code, RULES, options);
  if (!built.ok) throw new Error(`beyond ${built.exceeded}`);
  expect(verifyFunction(built.function)).toEqual([]);
  return built.function;
}

test.each(codes)("%s does what the reference does, whatever is called", async (_, code) => {
  const functions = [
    build(code, { maxContexts: 512 }),
    build(code, { maxContexts: 2, template: true }),
    build(code, { landings: true, maxClone: 30 }),
    build(code, { landings: true, maxContexts: 1, maxClone: 0 }),
  ];
  const statuses = new Set<string>();
  for (const selector of selectorsIn(code).slice(0, 40))
    for (const words of ARGUMENTS) {
      const run = { code, data: callOf(selector, words), gas: 200_000n, callee: CALLEE_CODE, storage };
      const reference = await runReference(RULES, run);
      for (const fn of functions) statuses.add(compareRuns(fn, run, reference).status);
    }
  expect(statuses).toContain("success");
  expect(statuses).toContain("revert");
});
