import { describe, expect, it } from "@jest/globals";
import type { Fork } from "@velarium/chain-rules";
import fc from "fast-check";
import { CALLEE_CODE, noise, program } from "../../evm-ir/test/programs.ts";
import { CALLEE } from "../../evm-ir/test/reference.ts";
import { type Account, address, Machine } from "./support/machine.ts";

/** What the programs call. */
function calleeAddress(): Uint8Array {
  const bytes = new Uint8Array(20);
  new DataView(bytes.buffer).setUint32(16, Number(CALLEE));
  return bytes;
}

const CODE_AT = address(0x100);

function world(code: Uint8Array): Account[] {
  return [
    { address: CODE_AT, code, balance: 100n, storage: new Map([[1n, 5n]]) },
    { address: calleeAddress(), code: CALLEE_CODE, balance: 1n },
    { address: address(1), balance: 10n ** 18n },
  ];
}

/** Programs whose stack grows in a loop have a block per height: they need not all be compiled. */
const BUDGETS = { blocks: 1500 };

interface Tally {
  compiled: number;
  fallbacks: number;
}

/** Runs interpreted and compiled, with and without suspensions, and expects the same of all. */
function check(
  machine: Machine,
  code: Uint8Array,
  data: Uint8Array,
  gasLimit: number,
  isStatic: boolean,
  tally: Tally,
) {
  machine.setWorld(world(code));
  const call = { caller: address(1), to: CODE_AT, data, gasLimit, isStatic, value: isStatic ? 0n : 3n };
  const expected = machine.run(call, { compiled: false, suspend: false });
  expect(machine.run(call, { compiled: false, suspend: true })).toBe(expected);
  const before = machine.interpretedFrames();
  machine.fallbacks.clear();
  expect(machine.run(call, { compiled: true, suspend: false })).toBe(expected);
  expect(machine.run(call, { compiled: true, suspend: true })).toBe(expected);
  if (machine.fallbacks.size === 0) {
    tally.compiled++;
    expect(machine.interpretedFrames()).toBe(before);
  } else tally.fallbacks++;
}

const gas = fc.oneof(
  fc.integer({ min: 0, max: 3000 }),
  fc.integer({ min: 3000, max: 40_000 }),
  fc.constant(100_000),
);
const data = fc.uint8Array({ maxLength: 70 });

describe("compiled code does what the interpreter does", () => {
  for (const fork of ["berlin", "london", "cancun", "osaka"] as const satisfies Fork[]) {
    it(`random programs under ${fork}`, () => {
      const machine = new Machine(fork, { budgets: BUDGETS });
      const tally = { compiled: 0, fallbacks: 0 };
      fc.assert(
        fc.property(program, data, gas, fc.boolean(), (code, input, limit, isStatic) => {
          check(machine, code, input, limit, isStatic, tally);
        }),
        { numRuns: fork === "cancun" ? 120 : 40 },
      );
      expect(tally.compiled).toBeGreaterThan(tally.fallbacks);
    });
  }

  for (const clones of [
    { maxContexts: 0, maxClone: 0 },
    { maxContexts: 1, maxClone: 5 },
  ])
    it(`random programs, at most ${clones.maxContexts} clones of a position`, () => {
      const machine = new Machine("cancun", { budgets: BUDGETS, clones });
      const tally = { compiled: 0, fallbacks: 0 };
      fc.assert(
        fc.property(program, data, gas, fc.boolean(), (code, input, limit, isStatic) => {
          check(machine, code, input, limit, isStatic, tally);
        }),
        { numRuns: 100 },
      );
      expect(tally.compiled).toBeGreaterThan(tally.fallbacks);
    });

  it("bytes at random", () => {
    const machine = new Machine("cancun", { budgets: BUDGETS });
    const tally = { compiled: 0, fallbacks: 0 };
    fc.assert(
      fc.property(noise, data, gas, (code, input, limit) => {
        check(machine, code, input, limit, false, tally);
      }),
      { numRuns: 300 },
    );
    expect(tally.compiled).toBeGreaterThan(tally.fallbacks);
  });
});
