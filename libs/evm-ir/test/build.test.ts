import { describe, expect, test } from "@jest/globals";
import { createBlockRules } from "@velarium/chain-rules";
import fc from "fast-check";
import {
  type BuildOptions,
  type BuildStats,
  buildFunction,
  type IrFunction,
  jumpDestinations,
  printFunction,
  templateOf,
  verifyFunction,
} from "../src/index.ts";

const RULES = createBlockRules("cancun", 1);
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

function built(code: Uint8Array, options?: BuildOptions): { fn: IrFunction; stats: BuildStats } {
  const result = buildFunction(code, RULES, options);
  if (!result.ok) throw new Error(`beyond ${result.exceeded}`);
  expect(verifyFunction(result.function)).toEqual([]);
  return { fn: result.function, stats: result.stats };
}
const text = (hex: string, options?: BuildOptions): string => printFunction(built(bytes(hex), options).fn);

describe("edges of bytecode", () => {
  test("no code stops", () => expect(text("")).toContain("stop @0"));
  test("a PUSH cut off by the end pushes zeros behind what is there", () =>
    // PUSH4 0x01, which is 0x01000000; nothing uses it.
    expect(text("600054 6301").split("\n").at(-2)).toContain("stop @8"));
  test("a JUMPDEST that is data of a PUSH is no destination", () => {
    expect([...jumpDestinations(bytes("605b5b615b5b5b"))]).toEqual([0, 0, 1, 0, 0, 0, 1]);
    expect(text("600156605b")).toContain("fail badjump");
  });
  test("an opcode of a later fork fails", () => expect(text("1e")).toContain("fail undefined"));
  test("the stack underflows and overflows while building", () => {
    expect(text("6000 01")).toContain("fail underflow");
    expect(text("5f".repeat(1025))).toContain("fail overflow");
    expect(text("5f".repeat(1024))).toContain("stop");
  });
  test("dead code is not followed, but a destination behind it is", () => {
    const fn = text("600456 fe 5b 00");
    expect(fn).not.toContain("fail");
    expect(fn).toContain("stop @5");
  });
  test("a return from an internal function has one target for each call", () => {
    // Calls 0x0f twice, which returns to where it was called from.
    const { stats } = built(bytes("6005600f56 5b600b600f56 5b005b5b 5b56"), { maxContexts: 4 });
    expect([stats.unknownJumps, stats.guardedJumps]).toEqual([0, 0]);
  });
  test("shared code returns to whatever called it", () => {
    const { fn, stats } = built(bytes("5f35 600f57 600a 601656 5b5f545000 5b 6018 601656 00 5b56 5b00"), {
      maxContexts: 0,
    });
    expect(stats.unknownJumps).toBe(0);
    expect(printFunction(fn)).toContain("sload");
  });
  test("shared code that is given a target and a miss does not take the target for granted", () => {
    // Both ways leave 0x1f, a destination, or 0x07, which is none, below the address that tells contexts apart.
    const code = bytes("5f35 600d57 601f 6016 601656 00 5b 6007 6016 601656 00 5b 50 63ffffffff 16 56 5b 00");
    const { fn, stats } = built(code, { maxContexts: 0 });
    expect(stats.guardedJumps).toBe(1);
    expect(printFunction(fn)).toMatch(/switch %\d+ \[0x1f /);
    expect(printFunction(fn)).toContain("exit unknownjump");
  });
  test("a jump to a computed target is left to the interpreter, unpaid", () => {
    const fn = text("5f35 56 5b 00");
    expect(fn).toContain("exit unknownjump");
    expect(fn).toContain("section gas=5 ");
  });
  test("an irreducible graph is built", () => {
    // Two destinations that jump to each other, both entered from outside.
    const { fn } = built(
      bytes("5f35 6009 57 6011 56 00 5b 6020 35 6011 57 00 5b 6040 35 6009 57 00".replaceAll(" ", "")),
    );
    expect(fn.blocks.length).toBeGreaterThan(2);
  });
});

describe("templates", () => {
  const code = (address: string) => bytes(`73${address}31 73${"ff".repeat(20)}16 00`);
  test("leaves the code that it masks as it was, a Buffer too", () => {
    const bytes = Buffer.from(`73${"11".repeat(20)}00`, "hex");
    const before = new Uint8Array(bytes);
    expect(templateOf(bytes).immediates).toHaveLength(1);
    expect(new Uint8Array(bytes)).toEqual(before);
  });

  test("codes that differ in an address share one, with masks left in", () => {
    const [a, b] = [templateOf(code("11".repeat(20))), templateOf(code("22".repeat(20)))];
    expect(a.code).toEqual(b.code);
    expect(a.positions).toEqual(b.positions);
    expect([a.immediates, b.immediates]).toEqual([
      [BigInt(`0x${"11".repeat(20)}`)],
      [BigInt(`0x${"22".repeat(20)}`)],
    ]);
  });
  test("functions of one template differ in the table of immediates only", () => {
    const [a, b] = ["11", "22"].map((byte) => built(code(byte.repeat(20)), { template: true }).fn);
    expect(a!.immediates).not.toEqual(b!.immediates);
    expect({ ...a!, immediates: [] }).toEqual({ ...b!, immediates: [] });
  });
});

describe("optimisation", () => {
  test("the words of a mapping's key are found, and its free memory pointer is a constant", () => {
    // mstore(0x40, 0x80) mstore(0, caller) mstore(0x20, 3) sload(keccak(0, 0x40)); mload(0x40) returned
    const fn = text("6080604052 335f52 6003602052 60405f20 54 604051 52 00");
    expect(fn).toMatch(/keccak 0x0 0x40 words=\[%\d+, 0x3\]/);
    expect(fn).toMatch(/mstore 0x80/);
    expect(fn).not.toContain("mload");
  });
  test("memory that has been touched is not touched again, neither behind a branch nor an access", () => {
    const fn = text("5f6060 52 5f35 600c57 5f54 50 5b 5f6020 52 00");
    expect(fn.match(/touch/g)).toHaveLength(1);
  });
  test("a section takes the price of what is constant, and reaches over jumps but not over accesses", () => {
    const fn = text("6003 56 5b 60406000 20 50 5f54 50 00");
    expect(fn.match(/section/g)).toHaveLength(2);
    expect(fn).not.toContain("chargewords");
  });
  test("a loop whose head is left by a branch pays once a turn", () => {
    // n = calldataload(0); while (n) n = n - 1
    const fn = text("5f35 5b 80 15 6010 57 6001 90 03 6002 56 5b 00");
    const loop = fn.split("block").find((part) => part.includes("sub"))!;
    expect(loop).toContain("section gas=40 ");
    expect(fn.split("block").find((part) => part.includes("branch"))).not.toContain("section");
  });
  test("negations become branches the other way", () => {
    expect(text("5f35 5f351015 15 600b57 fe 5b00")).not.toContain("iszero");
  });
  test("widths follow masks, shifts and loops", () => {
    expect(text("5f35 60e0 1c 54")).toContain("w32");
    expect(text(`5f35 73${"ff".repeat(20)} 16 31`)).toContain("w160");
  });
  test("a store of what memory holds is dropped, one that changes it is not", () => {
    expect(text("60055f52 60055f52 60015f52 00").match(/mstore/g)).toHaveLength(2);
  });
});

/** Builds within the budgets, or says which it exceeds; what is built follows the rules. */
function endure(code: Uint8Array, options?: BuildOptions): void {
  const result = buildFunction(code, RULES, options);
  if (result.ok) expect(verifyFunction(result.function)).toEqual([]);
  else expect(result.limit).toBeGreaterThan(0);
}
const repeat = (part: string, size = 24_576): Uint8Array => {
  const unit = bytes(part);
  return Uint8Array.from(
    { length: Math.floor(size / unit.length) * unit.length },
    (_, i) => unit[i % unit.length]!,
  );
};
const push2 = (value: number): string => `61${value.toString(16).padStart(4, "0")}`;

/** Functions that each call the next one twice: 2^n contexts. */
function doublingCalls(levels: number): Uint8Array {
  const size = 18;
  let code = "";
  for (let i = 0; i < levels; i++) {
    const at = i * size;
    const next = push2((i + 1) * size);
    code += `5b${push2(at + 8)}${next}56 5b${push2(at + 16)}${next}56 5b56`;
  }
  return bytes(`${code}5b56`);
}

/** A recursion that leaves its return address and a word on the stack at each level. */
const RECURSION = bytes(
  "6006 5f 600a 56 5b 5b 5b00 5b 5f35 8015 6015 57 6013 600a 56 5b 50 5b 50 56".replaceAll(" ", ""),
);

describe("landings", () => {
  // f(n), at 0x09, calls f(n - 1) while n is not zero.
  const recursive = bytes("6007 5f 35 6009 56 5b 00 5b 80 15 601a 57 6019 81 6001 90 03 6009 56 5b 5b 50 56");
  test("a function that calls itself is one landing, and what it returns to are others", () => {
    const { fn, stats } = built(recursive, { landings: true });
    expect([stats.unknownJumps, stats.droppedVariants]).toEqual([0, 0]);
    const landings = fn.blocks.filter(({ resume }) => resume?.landing === true).map(({ pc }) => pc);
    expect(landings.toSorted((a, b) => a - b)).toEqual([0x07, 0x09, 0x19]);
    expect(printFunction(fn)).toMatch(/dispatch \[.*\] gas=8/);
    const cut = built(recursive, { maxContexts: 8, maxShared: 0 });
    expect(printFunction(cut.fn)).toContain("exit variants");
  });
  test("doubling calls stay within the size of the code", () => {
    const { stats } = built(doublingCalls(1000), { landings: true });
    expect(stats.blocks).toBeLessThan(10_000);
  });
  test("small functions are cloned, large ones shared", () => {
    // Called twice, at 0x06 and at 0x0e.
    const code = (size: number) =>
      bytes(`610007 610011 56 5b 61000f 610011 56 5b 00 5b ${"3350".repeat(size)} 56`);
    expect(built(code(10), { landings: true }).stats.landings).toBe(0);
    expect(built(code(200), { landings: true }).stats.landings).toBe(3);
  });
});

describe("hostile code ends in a result", () => {
  test.each([
    ["jump destinations", repeat("5b")],
    ["jump destinations that jump on", repeat("5b5f35600057")],
    ["stores in one block", repeat("5f5f52")],
    [
      "stores at ever higher places",
      bytes(Array.from({ length: 6000 }, (_, i) => `5f${push2(i * 8)}52`).join("")),
    ],
    ["loads of what was loaded", bytes(`5f${"51".repeat(24_000)}`)],
    ["a stack that grows in a loop", bytes("5b5f5f5f5f5f5f5f5f5f5f5f56")],
    ["deep stacks through many blocks", bytes(`${"5f".repeat(1000)}${"5b5f35605757".repeat(500)}`)],
    ["doubling calls", doublingCalls(20)],
    ["a thousand levels of calls", doublingCalls(1000)],
    ["recursion", RECURSION],
    ["return addresses that pile up", bytes("5b6000600056")],
    ["targets chosen by arithmetic", bytes(Array.from({ length: 3000 }, () => "5b5f353456").join(""))],
    ["pushes of 32 bytes", repeat(`7f${"5b".repeat(32)}`)],
    ["duplicates and swaps", bytes(`${"33".repeat(17)}${"8f9f".repeat(12_000)}`)],
    ["calls with a full stack", bytes(`${"33".repeat(900)}${"f15f5f5f5f5f5f".repeat(3000)}`)],
    ["accesses with a full stack", bytes(`${"33".repeat(1000)}${"54".repeat(23_000)}`)],
    ["sums of sums", bytes(`33${"8001".repeat(12_000)}`)],
    ["hashes of everything", bytes(`33${"5f5260205f20".repeat(4_000)}`)],
    ["expensive constants", bytes(`60ff${"800a".repeat(12_000)}`)],
  ])("%s", (_, code) => endure(code));

  test("initcode of 48 kB at random", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        let state = seed >>> 0;
        const code = Uint8Array.from({ length: 49_152 }, () => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          const choice = state >>> 24;
          return choice < 100
            ? 0x5b
            : choice < 140
              ? 0x5f
              : choice < 180
                ? 0x35
                : choice < 200
                  ? 0x57
                  : choice;
        });
        endure(code);
      }),
      { numRuns: 5 },
    );
  });

  test("each budget ends a build", () => {
    const code = repeat("5b5f3554604057", 2000);
    for (const name of ["blocks", "values", "instructions", "operands"] as const)
      expect(buildFunction(code, RULES, { budgets: { [name]: 3 } })).toMatchObject({
        ok: false,
        exceeded: name,
        limit: 3,
      });
    let clock = 0;
    expect(buildFunction(code, RULES, { now: () => clock++ * 1000 })).toMatchObject({
      ok: false,
      exceeded: "wallMs",
    });
    expect(buildFunction(repeat("5f5f52"), RULES, { budgets: { blockInstructions: 3 } })).toMatchObject({
      ok: false,
      exceeded: "blockInstructions",
    });
  });
});
