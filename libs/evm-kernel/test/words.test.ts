/** 256-bit arithmetic of the kernel against BigInt, over random and edge operands. */
import { describe, expect, test } from "@jest/globals";
import { createKernel } from "../src/index.ts";

const kernel = createKernel({ precompile: () => undefined, accounts: 64, slots: 64, codeBytes: 2 ** 20 });
type Binary = (a: number, b: number, out: number) => void;
type Ternary = (a: number, b: number, m: number, out: number) => void;
const k = (kernel.imports as { k: Record<string, Binary & Ternary> }).k;

const BITS = 256n;
const MASK = 2n ** BITS - 1n;
/** Operands stand at the end of memory, where EVM memory would be: no execution is under way. */
const memory = new DataView(kernel.memory.buffer);
const AT = memory.byteLength - 4096;

function put(at: number, value: bigint): void {
  for (let i = 0; i < 4; i++)
    memory.setBigUint64(at + 8 * i, BigInt.asUintN(64, value >> BigInt(64 * i)), true);
}

function take(at: number): bigint {
  let value = 0n;
  for (let i = 3; i >= 0; i--) value = (value << 64n) | memory.getBigUint64(at + 8 * i, true);
  return value;
}

function binary(name: string, a: bigint, b: bigint): bigint {
  put(AT, a);
  put(AT + 32, b);
  k[name]!(AT, AT + 32, AT + 32);
  return take(AT + 32);
}

function ternary(name: string, a: bigint, b: bigint, m: bigint): bigint {
  put(AT, a);
  put(AT + 32, b);
  put(AT + 64, m);
  k[name]!(AT, AT + 32, AT + 64, AT + 64);
  return take(AT + 64);
}

/** Seeded words of every width, with runs of ones and zeros. */
function words(count: number): bigint[] {
  let state = 0x9e3779b97f4a7c15n;
  const next = (): bigint => {
    state = BigInt.asUintN(64, state ^ (state << 13n));
    state ^= state >> 7n;
    state = BigInt.asUintN(64, state ^ (state << 17n));
    return state;
  };
  const edges = [
    0n,
    1n,
    2n,
    31n,
    32n,
    255n,
    256n,
    2n ** 32n - 1n,
    2n ** 64n,
    2n ** 128n - 1n,
    2n ** 255n,
    MASK,
  ];
  for (let i = edges.length; i < count; i++) {
    const wide = (next() << 192n) | (next() << 128n) | (next() << 64n) | next();
    const width = next() % 257n;
    edges.push((next() % 4n === 0n ? MASK - (wide >> (BITS - width)) : wide >> (BITS - width)) & MASK);
  }
  return edges;
}

const signed = (a: bigint): bigint => BigInt.asIntN(256, a);
const wrap = (a: bigint): bigint => BigInt.asUintN(256, a);

const binaries: Record<string, (a: bigint, b: bigint) => bigint> = {
  mul: (a, b) => wrap(a * b),
  div: (a, b) => (b === 0n ? 0n : a / b),
  mod: (a, b) => (b === 0n ? 0n : a % b),
  sdiv: (a, b) => (b === 0n ? 0n : wrap(signed(a) / signed(b))),
  smod: (a, b) => (b === 0n ? 0n : wrap(signed(a) % signed(b))),
  shl: (a, b) => (a > 255n ? 0n : wrap(b << a)),
  shr: (a, b) => (a > 255n ? 0n : b >> a),
  sar: (a, b) => wrap(signed(b) >> (a > 255n ? 255n : a)),
  byte: (a, b) => (a > 31n ? 0n : (b >> (248n - 8n * a)) & 0xffn),
  signextend: (a, b) => (a > 30n ? b : wrap(BigInt.asIntN(Number(8n * (a + 1n)), b))),
};

describe("words", () => {
  const operands = words(70);
  for (const [name, expected] of Object.entries(binaries))
    test(name, () => {
      for (const a of operands)
        for (const b of operands) {
          const found = binary(name, a, b);
          if (found !== expected(a, b)) expect([name, a, b, found]).toEqual([name, a, b, expected(a, b)]);
        }
      expect(binary(name, 3n, 7n)).toBe(expected(3n, 7n));
    });

  test("addmod and mulmod", () => {
    const few = words(36);
    for (const a of few)
      for (const b of few)
        for (const m of few) {
          const sum = m === 0n ? 0n : (a + b) % m;
          const product = m === 0n ? 0n : (a * b) % m;
          if (ternary("addmod", a, b, m) !== sum || ternary("mulmod", a, b, m) !== product)
            expect([a, b, m, ternary("addmod", a, b, m), ternary("mulmod", a, b, m)]).toEqual([
              a,
              b,
              m,
              sum,
              product,
            ]);
        }
    expect(ternary("mulmod", 5n, 7n, 11n)).toBe(2n);
  });
});
