/** Every precompile of every fork against `@ethereumjs/evm`: results, gas, failures; with either curve library. */
import { createHash } from "node:crypto";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { createBlockRules, FORKS, type Fork } from "@velarium/chain-rules";
import { loadFastCurves, precompilesOf } from "../src/index.ts";
import { inputFor, join, Random, spoiled, word } from "./inputs.ts";
import { type Reference, referenceIds, referenceOf } from "./reference.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const versionedHash = (commitment: Uint8Array): Uint8Array => {
  const hash = new Uint8Array(createHash("sha256").update(commitment).digest());
  hash[0] = 1;
  return hash;
};

const ruleSets = new Map(FORKS.map((fork) => [fork, createBlockRules(fork, 1)]));
const references = new Map<Fork, Reference>();
async function reference(fork: Fork): Promise<Reference> {
  let found = references.get(fork);
  if (found === undefined) references.set(fork, (found = await referenceOf(ruleSets.get(fork)!)));
  return found;
}

async function same(fork: Fork, id: number, input: Uint8Array, gasLimit = 100_000_000): Promise<boolean> {
  const expected = await (await reference(fork))(id, input, gasLimit);
  const actual = precompilesOf(ruleSets.get(fork)!).run(id, input, gasLimit);
  const shown = (result: typeof actual) => ({ ok: result.ok, gas: result.gas, output: hex(result.output) });
  expect({ fork, id, input: hex(input), ...shown(actual) }).toEqual({
    fork,
    id,
    input: hex(input),
    ...shown(expected),
  });
  return actual.ok;
}

test.each(FORKS)("%s has the precompiles of its fork", async (fork) => {
  const rules = ruleSets.get(fork)!;
  expect(precompilesOf(rules).ids).toEqual(await referenceIds(rules));
});

const ids = precompilesOf(ruleSets.get("osaka")!).ids;

/** Few cases each: the reference's pairings take tens of milliseconds. */
function agree(forks: readonly Fork[], seed: number, cases: number): void {
  for (const fork of forks)
    test.each(precompilesOf(ruleSets.get(fork)!).ids)(`${fork}: precompile %i`, async (id) => {
      const random = new Random(seed + id);
      let succeeded = 0;
      for (let i = 0; i < cases; i++) {
        const input = inputFor(id, random, versionedHash);
        if (await same(fork, id, input)) succeeded++;
        await same(fork, id, spoiled(input, random));
      }
      expect(succeeded).toBeGreaterThan(0);
    });
}

describe("in JavaScript", () => agree(["osaka"], 1, 6));

describe("in WebAssembly", () => {
  beforeAll(() => loadFastCurves());
  agree(["osaka"], 2, 10);
  agree(["berlin", "byzantium"], 3, 4);
});

test.each(ids)("precompile %i fails without its gas and takes it all", async (id) => {
  const input = inputFor(id, new Random(7 + id), versionedHash);
  const rules = ruleSets.get("osaka")!;
  const { gas } = precompilesOf(rules).run(id, input, 100_000_000);
  expect(gas).toBeGreaterThan(0);
  expect(precompilesOf(rules).run(id, input, gas - 1)).toEqual({
    ok: false,
    gas: gas - 1,
    output: new Uint8Array(0),
  });
  expect(precompilesOf(rules).run(id, input, gas).gas).toBe(gas);
});

test("a number that is no precompile answers nothing", () => {
  expect(precompilesOf(ruleSets.get("byzantium")!).run(9, new Uint8Array(3), 10)).toEqual({
    ok: true,
    gas: 0,
    output: new Uint8Array(0),
  });
});

describe("modular exponentiation", () => {
  const forks = ["byzantium", "berlin", "osaka"] as const;
  const header = (b: bigint, e: bigint, m: bigint) => join(word(b), word(e), word(m));
  const huge = 2n ** 256n - 1n;
  test.each([
    ["nothing", new Uint8Array(0)],
    ["lengths only", header(1n, 1n, 1n)],
    ["a huge base", header(huge, 0n, 0n)],
    ["a huge exponent of nothing", header(0n, huge, 0n)],
    ["a huge exponent", header(1n, huge, 1n)],
    ["a huge modulus", header(0n, 0n, huge)],
    ["1024 bytes", join(header(1024n, 1n, 1024n), new Uint8Array(1024).fill(7), Uint8Array.of(3))],
    ["1025 bytes", join(header(1025n, 1n, 32n), new Uint8Array(1025).fill(7), Uint8Array.of(3))],
    ["an even modulus", join(header(1n, 1n, 1n), Uint8Array.of(3, 5, 8))],
    ["the modulus one", join(header(1n, 1n, 1n), Uint8Array.of(3, 0, 1))],
    ["zero to the power of zero", join(header(0n, 0n, 1n), Uint8Array.of(9))],
    ["an exponent cut off", join(header(1n, 40n, 2n), Uint8Array.of(3, 0, 1))],
    [
      "the exponent 65537",
      join(
        header(32n, 3n, 32n),
        new Uint8Array(32).fill(0xee),
        Uint8Array.of(1, 0, 1),
        new Uint8Array(32).fill(0xef),
      ),
    ],
  ])("%s", async (_, input) => {
    for (const fork of forks) {
      await same(fork, 5, input);
      await same(fork, 5, input, 100);
    }
  });
});

test("no input makes a precompile throw", () => {
  const random = new Random(11);
  const rules = ruleSets.get("osaka")!;
  for (let i = 0; i < 400; i++) {
    const id = ids[random.below(ids.length)]!;
    const gasLimit = 1 + random.below(300_000);
    const result = precompilesOf(rules).run(id, random.bytes(random.below(600)), gasLimit);
    expect(result.gas).toBeLessThanOrEqual(gasLimit);
  }
});
