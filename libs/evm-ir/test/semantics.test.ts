import { describe, expect, test } from "@jest/globals";
import { createBlockRules, type Fork } from "@velarium/chain-rules";
import fc from "fast-check";
import {
  type BuildOptions,
  buildFunction,
  type IrFunction,
  parseFunction,
  printFunction,
  verifyFunction,
} from "../src/index.ts";
import { compareRuns } from "./evaluator.ts";
import { CALLEE_CODE, noise, program } from "./programs.ts";
import { runReference } from "./reference.ts";

function build(code: Uint8Array, fork: Fork, options: BuildOptions): IrFunction {
  const result = buildFunction(code, createBlockRules(fork, 1), { maxContexts: 8, maxShared: 8, ...options });
  if (!result.ok) throw new Error(`beyond ${result.exceeded}`);
  expect(verifyFunction(result.function)).toEqual([]);
  return result.function;
}

const statuses = new Map<string, number>();

async function check(code: Uint8Array, data: Uint8Array, gas: bigint, fork: Fork): Promise<void> {
  const run = { code, data, gas, callee: CALLEE_CODE, storage: new Map([[1n, 5n]]) };
  const reference = await runReference(createBlockRules(fork, 1), run);
  for (const optimize of [false, true])
    for (const maxContexts of [0, 1, 8]) {
      const { status } = compareRuns(build(code, fork, { optimize, maxContexts }), run, reference);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  compareRuns(build(code, fork, { optimize: true, template: true }), run, reference);
  // No contexts at all: every jump leaves its operands to a landing.
  for (const optimize of [false, true])
    for (const maxContexts of [0, 1])
      compareRuns(build(code, fork, { optimize, maxContexts, maxShared: 0, landings: true }), run, reference);
}

const gas = fc.oneof(
  fc.bigInt({ min: 0n, max: 3000n }),
  fc.bigInt({ min: 3000n, max: 40_000n }),
  fc.constant(100_000n),
);
const data = fc.uint8Array({ maxLength: 70 });

describe("functions do what the reference interpreter does", () => {
  test.each(["cancun", "osaka", "berlin", "istanbul", "byzantium", "chainstart"] as const)(
    "random programs under %s",
    async (fork) => {
      const numRuns = fork === "cancun" ? 250 : 60;
      await fc.assert(
        fc.asyncProperty(program, data, gas, (code, input, limit) => check(code, input, limit, fork)),
        { numRuns },
      );
      // A generator whose programs all fail would prove little.
      if (fork === "cancun") expect(statuses.get("success") ?? 0).toBeGreaterThan(20);
    },
  );

  test.each([1020, 1021, 1022, 1023])("a landing on a stack of %i", async (height) => {
    // Two operands come from below the window while the section is open; then there is one more, and yet another.
    const to = height + 4;
    const head = [...new Array<number>(height).fill(0x5f), 0x61, to >> 8, to & 0xff, 0x56];
    await check(Uint8Array.from([...head, 0x5b, 0x81, 0x5f, 0x00]), new Uint8Array(), 100_000n, "cancun");
  });

  test("bytes at random", async () => {
    await fc.assert(
      fc.asyncProperty(noise, data, gas, (code, input, limit) => check(code, input, limit, "cancun")),
      { numRuns: 400 },
    );
  });
});

test("the text form reads back as the same function", () => {
  fc.assert(
    fc.property(program, fc.boolean(), fc.boolean(), (code, optimize, template) => {
      const fn = build(code, "cancun", { optimize, template });
      const text = printFunction(fn);
      const again = parseFunction(text);
      expect(verifyFunction(again)).toEqual([]);
      expect(printFunction(again)).toBe(text);
    }),
    { numRuns: 200 },
  );
});
