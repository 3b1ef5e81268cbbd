/**
 * Evaluation keeps account of gas to the unit: programs made of priced operations write, after each, a slot that is named
 * by the gas left, so one unit too many or too few gives other accesses than the reference engine has.
 */
import { describe, expect, it } from "@jest/globals";
import { createBlockRules, type Fork, isAtLeast } from "@velarium/chain-rules";
import { buildFunction } from "@velarium/evm-ir";
import { Domain } from "@velarium/slots";
import fc from "fast-check";
import { CodePrograms, evaluateAccesses } from "../src/index.ts";
import { kindsOf, realKinds, uncovered } from "./access-kinds.ts";
import { account, callOf, context, MemoryChain, word } from "./memory-chain.ts";

const [ALICE, SUBJECT, RETURNS, FAILS, LEAVES, ABSENT, REVERTS] = [1, 2, 3, 4, 5, 6, 7].map(account) as [
  Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array,
]; // biome-ignore format: one line

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const codeOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const at = (address: Uint8Array): string => `73${hexOf(address)}`;

/** CALL and CALLCODE with 33 bytes in and 40 out; the result is dropped. */
const call = (op: string, to: string, value = "6000", gas = "612710") =>
  `6028 6000 6021 6000 ${value} ${to} ${gas} ${op} 50`;
const plainCall = (op: string, to: string) => `6028 6000 6021 6000 ${to} 612710 ${op} 50`;
/** Initcode in the first word of memory, from its left. */
const create = (initcode: string, value = "6000") =>
  `7f${initcode.padEnd(64, "0")} 6000 52 6020 6000 ${value} f0 50`;

const PIECES: readonly (readonly [since: Fork, hex: string])[] = [
  ["chainstart", "6001 612000 52"],
  ["chainstart", "6001 611111 53"],
  ["chainstart", "6103e8 6000 20 50"],
  ["chainstart", "62ffffff 6003 0a 50 6000 6003 0a 50"],
  ["chainstart", "6064 6000 6010 37 60c8 6005 613000 39"],
  ["chainstart", "6007 6011 6000 a1 6100ff 610900 a0"],
  ["chainstart", `${at(RETURNS)} 31 50`],
  ["chainstart", `${at(ABSENT)} 3b 50 30 3b 50`],
  ["chainstart", `6040 6000 610020 ${at(FAILS)} 3c`],
  ["chainstart", "6001 54 50"],
  ["chainstart", "6005 6001 55"],
  ["chainstart", "6000 6001 55"],
  ["chainstart", "6009 6002 55 6009 6002 55"],
  ["chainstart", call("f1", at(RETURNS))],
  ["chainstart", call("f1", at(RETURNS), "6001")],
  ["chainstart", call("f1", at(ABSENT), "6001", "6000")],
  ["chainstart", call("f1", at(ABSENT), "6000")],
  ["chainstart", call("f1", at(FAILS))],
  ["chainstart", call("f1", at(RETURNS), `7f${"ff".repeat(32)}`)],
  ["chainstart", call("f2", at(RETURNS), "6001")],
  ["chainstart", call("f1", at(LEAVES))],
  ["chainstart", call("f1", "6002")],
  ["chainstart", call("f1", "6004", "6000", "6001")],
  ["chainstart", create("6005 6000 f3".replaceAll(" ", ""))],
  ["chainstart", create("6001 6001 55 6000 6000 f3".replaceAll(" ", ""), "6001")],
  ["chainstart", create("fe")],
  ["chainstart", create("60ef 6000 53 6001 6000 f3".replaceAll(" ", ""))],
  ["homestead", plainCall("f4", at(RETURNS))],
  ["byzantium", plainCall("fa", at(RETURNS))],
  ["byzantium", plainCall("fa", at(LEAVES))],
  ["byzantium", `${call("f1", at(REVERTS))} 3d 6000 6000 3e`],
  ["byzantium", create("6003 6000 fd".replaceAll(" ", ""))],
  ["constantinople", `${at(ABSENT)} 3f 50 ${at(LEAVES)} 3f 50`],
  ["constantinople", "6011 6020 6000 6000 f5 50"],
  ["istanbul", "47 50"],
  ["cancun", "6033 6000 612400 5e"],
  ["cancun", "6001 6002 5d 6002 5c 50"],
];

/** Writes the slot that is named by the gas left. */
const TELLS = "6001 5a 55";

const FORKS: readonly Fork[] = [
  "chainstart", "homestead", "tangerineWhistle", "spuriousDragon", "byzantium", "constantinople", "petersburg",
  "istanbul", "berlin", "london", "paris", "shanghai", "cancun", "prague", "osaka",
]; // biome-ignore format: a table

const state = (subject: string): MemoryChain =>
  new MemoryChain()
    .fund(ALICE, 10n ** 18n)
    .fund(SUBJECT, 1000n)
    .fund(LEAVES, 3n)
    .deploy(SUBJECT, codeOf(subject))
    .deploy(RETURNS, codeOf("6001 6003 54 01 6000 52 6040 6000 f3"))
    .deploy(FAILS, codeOf("6001 6001 55 fe"))
    .deploy(REVERTS, codeOf("6002 6001 55 6003 54 50 6011 6000 fd"))
    .deploy(LEAVES, codeOf(`${at(ABSENT)} ff`))
    .put(SUBJECT, word(1n), 7n);

const cases = fc.record({
  fork: fc.constantFrom(...FORKS),
  pieces: fc.array(fc.nat(PIECES.length - 1), { minLength: 1, maxLength: 10 }),
  gasLimit: fc.oneof(fc.constant(3_000_000), fc.integer({ min: 60_000, max: 400_000 })),
  listed: fc.boolean(),
});

describe("evaluation", () => {
  it("has the gas left that execution has, after every operation, under every fork", async () => {
    let succeeded = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ({ fork, pieces, gasLimit, listed }) => {
        const rules = createBlockRules(fork, 1);
        const chosen = pieces.map((i) => PIECES[i]!).filter(([since]) => isAtLeast(fork, since));
        const chain = state(`${chosen.map(([, hex]) => `${hex} ${TELLS}`).join(" ")} 00`);
        const hasLists = isAtLeast(fork, "berlin") && listed;
        const accessList = hasLists
          ? [
              { address: SUBJECT, storageKeys: [word(1n)] },
              { address: FAILS, storageKeys: [] },
            ]
          : undefined;
        const transaction = { ...callOf(ALICE, SUBJECT, Uint8Array.of(1, 2)), type: 0, gasLimit };
        const block = rules.eip1559
          ? { ...context, rules }
          : { ...context, rules, baseFee: 0n, difficulty: 1n };
        const tx = hasLists ? { ...transaction, type: 1, accessList } : transaction;
        const { kinds: real, status } = await realKinds(tx, chain, block);
        const programs = new CodePrograms(rules, buildFunction);
        const found = await evaluateAccesses(block, tx, { programs, state: chain, onlyAsItIs: true });
        if (!found.known) throw new Error(found.reason);
        expect(found.succeeded).toBe(status === 1);
        // Where it fails, the reference reads what the failing operation has not paid for.
        if (status !== 1) return;
        succeeded++;
        const predicted = kindsOf(found);
        expect(uncovered(predicted, real)).toEqual([]);
        const slots = [...predicted.keys()].filter((key) => key.charCodeAt(0) === Domain.storage);
        expect(slots.filter((key) => !real.has(key))).toEqual([]);
      }),
      { numRuns: 400 },
    );
    expect(succeeded).toBeGreaterThan(200);
  });
});
