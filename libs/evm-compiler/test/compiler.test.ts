import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "@jest/globals";
import { createBlockRules } from "@velarium/chain-rules";
import { encodeCall, pair, token } from "@velarium/contracts";
import { Domain } from "@velarium/slots";
import { type WasmModule, wasmApi } from "@velarium/wasm";
import { DEFAULT_BUDGETS } from "../src/budgets.ts";
import { compileCode } from "../src/compile.ts";
import { createCompiler } from "../src/compiler.ts";
import type { Compiler, CompilerBudgets, CompilerPolicy } from "../src/types.ts";
import { withHints } from "../src/wasm/optimised-module.ts";
import { address, Machine, word } from "./support/machine.ts";

const HOLDER = address(0x31);
const TOKEN = address(0x32);

/** A call of the holder. */
const call = (data: Uint8Array, to = TOKEN) => ({ caller: HOLDER, to, data, gasLimit: 200_000 });
const transferNothing = encodeCall(token, "transfer(address,uint256)", [address(0x33), 0]);

const open: Compiler[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((compiler) => compiler.close()));
});

function setUp(options: { policy?: Partial<CompilerPolicy>; budgets?: Partial<CompilerBudgets> } = {}) {
  const machine = new Machine("cancun");
  machine.setWorld([
    { address: HOLDER, balance: 10n ** 18n },
    { address: TOKEN, code: token.runtime, nonce: 1n },
  ]);
  const compiler = createCompiler({ kernel: machine.kernel, ...options });
  open.push(compiler);
  return { machine, compiler };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

/** Returns the constant that it pushes: codes of one template. */
const returningConstant = (value: bigint): Uint8Array =>
  Uint8Array.from([0x7f, ...word(value), 0x60, 0, 0x52, 0x60, 0x20, 0x60, 0, 0xf3]);

describe("hints", () => {
  it("ask V8 to optimise every function of a module, which stays valid", () => {
    const emitted = compileCode(token.runtime, createBlockRules("cancun", 1), DEFAULT_BUDGETS);
    if (!emitted.ok) throw new Error(emitted.reason);
    const Module = wasmApi.Module as typeof wasmApi.Module & {
      exports(module: WasmModule): object[];
      customSections(module: WasmModule, name: string): ArrayBuffer[];
    };
    const plain = new Module(emitted.bytes);
    const hinted = new Module(withHints(emitted.bytes));
    expect(Module.exports(hinted)).toEqual(Module.exports(plain));
    expect(Module.customSections(plain, "compilationHints")).toEqual([]);
    const [hints] = Module.customSections(hinted, "compilationHints");
    const [functions, ...each] = new Uint8Array(hints!);
    expect(each).toEqual(new Array(functions).fill(0b10_10_10));
    expect(functions).toBeGreaterThan(0);
  });
});

describe("tier-up", () => {
  it("compiles a code on the worker once it is hot, and installs it", async () => {
    const { machine, compiler } = setUp({ policy: { calls: 3 } });
    const expected = machine.run(call(transferNothing), { compiled: false, suspend: false });
    compiler.poll(machine.rules);
    expect(compiler.stats()).toEqual([]);
    machine.run(call(transferNothing), { compiled: false, suspend: false });
    machine.run(call(transferNothing), { compiled: false, suspend: false });
    compiler.poll(machine.rules);
    await until(() => compiler.stats()[0]?.state === "ready");
    compiler.poll(machine.rules);
    const [stats] = compiler.stats();
    expect(stats).toMatchObject({ installed: 1, fork: "cancun", codeBytes: token.runtime.length });
    expect(stats!.wasmBytes).toBeGreaterThan(1000);
    const before = machine.interpretedFrames();
    expect(machine.run(call(transferNothing), { compiled: true, suspend: true })).toBe(expected);
    expect(machine.interpretedFrames()).toBe(before);
  });

  it("warms its worker up, once, and puts work first", async () => {
    const { machine, compiler } = setUp();
    const warm = compiler.warmUp();
    const entry = machine.kernel.addCode(token.runtime);
    let compiled = false;
    void compiler.forceInBackground(entry, machine.rules).then((outcome) => {
      compiled = outcome.compiled;
    });
    await until(() => compiled);
    await warm;
    await compiler.warmUp();
    expect(compiler.stats()).toHaveLength(1);
    const other = setUp().compiler;
    const unfinished = other.warmUp();
    await other.close();
    await unfinished;
  });

  it("compiles what it warms up on", () => {
    for (const { runtime } of [pair, token]) {
      const emitted = compileCode(runtime, createBlockRules("osaka", 1), DEFAULT_BUDGETS);
      expect(emitted).toMatchObject({ ok: true });
      expect(emitted.ok && emitted.blocks).toBeGreaterThan(50);
    }
  });

  it("shares one module among codes that differ in constants", () => {
    const { machine, compiler } = setUp();
    const values = [7n ** 80n, 11n ** 70n];
    machine.setWorld(
      values.map((value, i) => ({ address: address(0x40 + i), code: returningConstant(value) })),
    );
    const entries = values.map((value) => machine.kernel.addCode(returningConstant(value)));
    for (const entry of entries) expect(compiler.force(entry, machine.rules)).toEqual({ compiled: true });
    expect(compiler.stats()).toHaveLength(1);
    expect(compiler.stats()[0]!.installed).toBe(2);
    for (const [i, value] of values.entries()) {
      const text = machine.run(call(new Uint8Array(0), address(0x40 + i)), {
        compiled: true,
        suspend: false,
      });
      expect(text).toContain(value.toString(16).padStart(64, "0"));
    }
  });

  it("evicts the module that was used longest ago, and the code runs on", () => {
    const { machine, compiler } = setUp({ policy: { maxModules: 1, calls: 1_000_000 } });
    const expected = machine.run(call(transferNothing), { compiled: false, suspend: false });
    const first = machine.kernel.addCode(token.runtime);
    compiler.force(first, machine.rules);
    compiler.poll(machine.rules);
    compiler.force(machine.kernel.addCode(returningConstant(3n ** 100n)), machine.rules);
    compiler.poll(machine.rules);
    expect(compiler.installed(first)).toBe(false);
    expect(compiler.stats().map(({ state }) => state)).toEqual(["evicted", "ready"]);
    expect(machine.run(call(transferNothing), { compiled: false, suspend: false })).toBe(expected);
  });
});

describe("bounds without a look at the kernel", () => {
  it("hold while codes are forced one after the other", () => {
    const { machine, compiler } = setUp({ policy: { maxModules: 3 } });
    for (let i = 1n; i <= 20n; i++) {
      // A constant of three bytes is part of the template: each code has a module of its own.
      const code = Uint8Array.from([0x62, 1, 2, Number(i), 0x60, 0, 0x52, 0x60, 0x20, 0x60, 0, 0xf3]);
      expect(compiler.force(machine.kernel.addCode(code), machine.rules)).toEqual({ compiled: true });
    }
    expect(compiler.stats().filter(({ state }) => state === "ready")).toHaveLength(3);
    expect(machine.kernel.codes().filter(({ compiled }) => compiled)).toHaveLength(3);
  });

  it("hold for a code of which a fork's module goes: that of another fork stays in charge", () => {
    const { machine, compiler } = setUp({ policy: { maxModules: 1 } });
    const { kernel } = machine;
    const entry = kernel.addCode(token.runtime);
    for (const fork of ["berlin", "london", "cancun"] as const) {
      expect(compiler.force(entry, createBlockRules(fork, 1))).toEqual({ compiled: true });
      expect(compiler.installed(entry)).toBe(true);
    }
    expect(compiler.stats().map(({ state }) => state)).toEqual(["evicted", "evicted", "ready"]);
  });

  it("hold when the kernel has forgotten all codes: what stands at an old entry is left alone", () => {
    const machine = new Machine("cancun", { codeBytes: 1 << 20 });
    const { kernel, rules } = machine;
    const compiler = createCompiler({ kernel, background: false, policy: { maxModules: 1 } });
    open.push(compiler);
    const large = (fill: number): Uint8Array => new Uint8Array(24_000).fill(fill);
    kernel.addCode(Uint8Array.of(0x5b));
    const old = kernel.addCode(token.runtime);
    expect(compiler.force(old, rules)).toEqual({ compiled: true });
    for (let fill = 0; kernel.codeEpoch === 0; fill++) {
      kernel.addCode(large(fill));
      kernel.beginCall(call(new Uint8Array(0)));
    }
    const covering = large(0x5b);
    const entry = kernel.addCode(covering);
    const other = kernel.addCode(returningConstant(3n ** 100n));
    expect(entry).toBeLessThan(old);
    expect(compiler.force(other, rules)).toEqual({ compiled: true });
    expect(compiler.stats().map(({ state }) => state)).toEqual(["evicted", "ready"]);
    expect(Buffer.compare(kernel.codeOf(entry), covering)).toBe(0);
    expect(compiler.installed(other)).toBe(true);
  });
});

describe("frames under way", () => {
  it("keep the function that they began with, whatever is evicted and installed meanwhile", () => {
    const { machine, compiler } = setUp({ policy: { maxModules: 1, calls: 1_000_000 } });
    const { kernel, rules } = machine;
    const expected = machine.run(call(transferNothing), { compiled: false, suspend: false });
    const entry = kernel.addCode(token.runtime);
    compiler.force(entry, rules);
    compiler.poll(rules);
    kernel.beginCall(call(transferNothing));
    let storageMisses = 0;
    let status = kernel.run();
    for (; status === "miss"; status = kernel.run()) {
      const miss = kernel.miss();
      if (miss.kind === "slot" && miss.key[0] === Domain.storage && storageMisses++ === 0) {
        for (const value of [5n ** 90n, 6n ** 80n]) {
          compiler.force(kernel.addCode(returningConstant(value)), rules);
          compiler.poll(rules);
        }
        expect(compiler.installed(entry)).toBe(false);
      }
      machine.answer(miss);
    }
    expect(storageMisses).toBeGreaterThan(0);
    expect(machine.observe(status)).toBe(expected);
  });
});

describe("budgets", () => {
  const cases: [string, Partial<CompilerBudgets>][] = [
    ["code-size", { codeBytes: 100 }],
    ["variants", { blocks: 5 }],
    ["operations", { instructions: 20 }],
    ["bytes", { wasmBytes: 2000 }],
    ["locals", { locals: 12 }],
    ["nesting", { nesting: 3 }],
  ];
  for (const [reason, budgets] of cases) {
    it(`falls back for good beyond ${reason}`, async () => {
      const { machine, compiler } = setUp({ budgets });
      const entry = machine.kernel.addCode(token.runtime);
      expect(compiler.force(entry, machine.rules)).toMatchObject({ compiled: false, reason });
      expect(await compiler.forceInBackground(entry, machine.rules)).toMatchObject({ reason });
      expect(compiler.stats()).toMatchObject([{ state: "fallback", reason, installed: 0 }]);
    });
  }

  it("gives up on a code that takes too long, and goes on with the next", async () => {
    const { machine, compiler } = setUp({ budgets: { wallMs: 1 } });
    const slow = machine.kernel.addCode(token.runtime);
    expect(await compiler.forceInBackground(slow, machine.rules)).toMatchObject({ reason: "time" });
    expect(compiler.stats()[0]!.state).toBe("fallback");
  });

  it("stays within its bounds on hostile code", async () => {
    const { machine, compiler } = setUp();
    const filled = (bytes: readonly number[]): Uint8Array =>
      Uint8Array.from({ length: 24_576 }, (_, i) => bytes[i % bytes.length]!);
    const bombs = [
      filled([0x5b]),
      // MSTORE at offsets that nothing says of.
      filled([0x5a, 0x5a, 0x52]),
      // Jumps over jumps, each on a condition.
      filled([0x5b, 0x5a, 0x38, 0x57]),
      filled([0x80, 0x01]),
      // Everything that was read stays needed.
      filled([0x35, 0x80, 0x01]),
      filled([0x60]),
    ];
    for (const code of bombs) {
      machine.setWorld([
        { address: TOKEN, code },
        { address: HOLDER, balance: 1n },
      ]);
      const expected = machine.run(call(new Uint8Array(0)), { compiled: false, suspend: false });
      const entry = machine.kernel.addCode(code);
      const outcome = await compiler.forceInBackground(entry, machine.rules);
      if (!outcome.compiled) expect(outcome.reason).not.toBe("crash");
      expect(machine.run(call(new Uint8Array(0)), { compiled: false, suspend: false })).toBe(expected);
    }
  });
});
