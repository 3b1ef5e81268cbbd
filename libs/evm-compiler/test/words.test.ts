import { describe, expect, it } from "@jest/globals";
import { wasmApi } from "@velarium/wasm";
import fc from "fast-check";
import { FunctionCode, I32, I64 } from "../src/wasm/code.ts";
import { ModuleBuilder } from "../src/wasm/module.ts";
import { OP } from "../src/wasm/opcodes.ts";
import { emitAdd, emitMul, emitSub } from "../src/words/arithmetic.ts";
import {
  emitBitwise,
  emitCountLeadingZeros,
  emitNot,
  pushEqual,
  pushIsNonZero,
  pushIsZero,
  pushLessThan,
  pushSignedLessThan,
} from "../src/words/logic.ts";
import { emitLoadBigEndian, emitLoadLimbs, emitStoreBigEndian, emitStoreLimbs } from "../src/words/memory.ts";
import { emitByte, emitShift, emitSignExtend } from "../src/words/shift.ts";
import { constantWord, LIMBS, Scratch, type Word } from "../src/words/word.ts";

type Emit = (scratch: Scratch, a: Word, b: Word, target: readonly number[]) => void;

interface Case {
  readonly emit: Emit;
  readonly model: (a: bigint, b: bigint) => bigint;
}

const W = 256;
const MASK = (1n << 256n) - 1n;
const signed = (x: bigint): bigint => BigInt.asIntN(W, x);
const unsigned = (x: bigint): bigint => BigInt.asUintN(W, x);
const truth = (push: (scratch: Scratch, a: Word, b: Word) => void): Emit => {
  return (scratch, a, b, target) => {
    push(scratch, a, b);
    scratch.code.op(OP.i64ExtendI32U);
    scratch.code.set(target[0]!);
    for (const rest of target.slice(1)) {
      scratch.code.i64(0);
      scratch.code.set(rest);
    }
  };
};
const bit = (value: boolean): bigint => (value ? 1n : 0n);

const CASES: Record<string, Case> = {
  add: { emit: emitAdd, model: (a, b) => unsigned(a + b) },
  sub: { emit: emitSub, model: (a, b) => unsigned(a - b) },
  mul: { emit: emitMul, model: (a, b) => unsigned(a * b) },
  and: { emit: (s, a, b, t) => emitBitwise(s.code, "and", a, b, t), model: (a, b) => a & b },
  or: { emit: (s, a, b, t) => emitBitwise(s.code, "or", a, b, t), model: (a, b) => a | b },
  xor: { emit: (s, a, b, t) => emitBitwise(s.code, "xor", a, b, t), model: (a, b) => a ^ b },
  not: { emit: (s, a, _, t) => emitNot(s.code, a, t), model: (a) => a ^ MASK },
  isZero: { emit: truth((s, a) => pushIsZero(s.code, a)), model: (a) => bit(a === 0n) },
  isNonZero: { emit: truth((s, a) => pushIsNonZero(s.code, a)), model: (a) => bit(a !== 0n) },
  equal: { emit: truth((s, a, b) => pushEqual(s.code, a, b)), model: (a, b) => bit(a === b) },
  lessThan: { emit: truth((s, a, b) => pushLessThan(s.code, a, b)), model: (a, b) => bit(a < b) },
  signedLessThan: {
    emit: truth((s, a, b) => pushSignedLessThan(s.code, a, b)),
    model: (a, b) => bit(signed(a) < signed(b)),
  },
  countLeadingZeros: {
    emit: (s, a, _, t) => emitCountLeadingZeros(s, a, t),
    model: (a) => BigInt(256 - (a === 0n ? 0 : a.toString(2).length)),
  },
  shl: {
    emit: (s, a, b, t) => emitShift(s, "shl", a, b, t),
    model: (a, b) => (b > 255n ? 0n : unsigned(a << b)),
  },
  shr: { emit: (s, a, b, t) => emitShift(s, "shr", a, b, t), model: (a, b) => (b > 255n ? 0n : a >> b) },
  sar: {
    emit: (s, a, b, t) => emitShift(s, "sar", a, b, t),
    model: (a, b) => unsigned(signed(a) >> (b > 255n ? 255n : b)),
  },
  byte: {
    emit: (s, a, b, t) => emitByte(s, b, a, t),
    model: (a, b) => (b > 31n ? 0n : (a >> (8n * (31n - b))) & 255n),
  },
  signExtend: {
    emit: (s, a, b, t) => emitSignExtend(s, b, a, t),
    model: (a, b) => (b > 30n ? a : unsigned(BigInt.asIntN(8 * (Number(b) + 1), a))),
  },
};

const LIMITS = { maxBytes: 1 << 20, maxLocals: 1000 };

/** How an operand reaches the operation: as a constant, or in so many locals. */
type Shape = "constant" | 1 | 2 | 3 | 4;

class Bench {
  readonly memory = new wasmApi.Memory({ initial: 1 });
  readonly #words = new DataView(this.memory.buffer);

  /** Runs an operation on operands of the given shapes, with `limbs` limbs of result. */
  run(emit: Emit, a: bigint, shapeA: Shape, b: bigint, shapeB: Shape, limbs: number): bigint {
    const code = new FunctionCode([I32], LIMITS);
    const scratch = new Scratch(code);
    const operand = (value: bigint, shape: Shape, offset: number): Word => {
      this.#write(offset, value);
      if (shape === "constant") return constantWord(value);
      const locals = Array.from({ length: shape }, () => code.local(I64));
      emitLoadLimbs(code, 0, offset, locals);
      return locals;
    };
    const [x, y] = [operand(a, shapeA, 0), operand(b, shapeB, 32)];
    const target = Array.from({ length: limbs }, () => code.local(I64));
    emit(scratch, x, y, target);
    emitStoreLimbs(code, 0, 64, target);
    this.start(code);
    return this.read(64);
  }

  start(code: FunctionCode): void {
    const module = new ModuleBuilder();
    module.importMemory("env", "memory", 1);
    module.exportFunction("run", module.addFunction(code, []));
    const { exports } = new wasmApi.Instance(new wasmApi.Module(module.finish()), {
      env: { memory: this.memory },
    });
    (exports["run"] as (at: number) => void)(0);
  }

  read(offset: number): bigint {
    let value = 0n;
    for (let i = LIMBS - 1; i >= 0; i--)
      value = (value << 64n) | this.#words.getBigUint64(offset + 8 * i, true);
    return value;
  }
  #write(offset: number, value: bigint): void {
    for (let i = 0; i < LIMBS; i++)
      this.#words.setBigUint64(offset + 8 * i, BigInt.asUintN(64, value >> BigInt(64 * i)), true);
  }
}

const limb = fc.oneof(
  fc.constantFrom(
    0n,
    1n,
    2n ** 64n - 1n,
    2n ** 63n,
    2n ** 63n - 1n,
    2n ** 32n,
    2n ** 32n - 1n,
    0x80n,
    0x7fffn,
  ),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const shape = fc.constantFrom<Shape>("constant", 1, 2, 3, 4, 4);
/** A value together with a shape that can hold it. */
const operand = fc.tuple(shape, limb, limb, limb, limb).map(([s, ...limbs]): [bigint, Shape] => {
  const kept = s === "constant" ? 4 : s;
  return [limbs.slice(0, kept).reduce((value, l, i) => value | (l << BigInt(64 * i)), 0n), s];
});
const small = fc.tuple(
  fc.oneof(fc.integer({ min: 0, max: 300 }).map(BigInt), limb),
  fc.constantFrom<Shape>("constant", 1, 4),
);

describe("256-bit operations on limbs", () => {
  const bench = new Bench();
  for (const [name, { emit, model }] of Object.entries(CASES)) {
    const second = ["shl", "shr", "sar", "byte", "signExtend"].includes(name)
      ? fc.oneof(small, operand)
      : operand;
    it(`${name} agrees with BigInt, whatever holds the operands and whatever width is wanted`, () => {
      fc.assert(
        fc.property(operand, second, fc.integer({ min: 1, max: 4 }), ([a, shapeA], [b, shapeB], limbs) => {
          const expected = BigInt.asUintN(64 * limbs, model(a, b));
          expect(bench.run(emit, a, shapeA, b, shapeB, limbs)).toBe(expected);
        }),
        { numRuns: 400 },
      );
    });
  }

  it("steps by small constants carry through all limbs", () => {
    const edge = fc.constantFrom(0n, 1n, 2n ** 64n - 1n, 2n ** 63n);
    const step = fc.oneof(edge, limb);
    fc.assert(
      fc.property(edge, edge, edge, step, step, fc.integer({ min: 1, max: 4 }), (x, y, z, low, by, limbs) => {
        const a = low | (x << 64n) | (y << 128n) | (z << 192n);
        const fit = (value: bigint) => BigInt.asUintN(64 * limbs, value);
        const { add, sub } = CASES as Record<"add" | "sub", { emit: Emit }>;
        expect(bench.run(add.emit, a, 4, by, "constant", limbs)).toBe(fit(a + by));
        expect(bench.run(add.emit, by, "constant", a, 4, limbs)).toBe(fit(a + by));
        expect(bench.run(sub.emit, a, 4, by, "constant", limbs)).toBe(fit(a - by));
      }),
      { numRuns: 400 },
    );
  });
  it("stores and loads words as big-endian bytes", () => {
    fc.assert(
      fc.property(operand, fc.integer({ min: 1, max: 4 }), ([a, shapeA], limbs) => {
        const roundTrip: Emit = (scratch, x, _, target) => {
          emitStoreBigEndian(scratch.code, 0, 1003, x);
          emitLoadBigEndian(scratch, 0, 1003, target);
        };
        expect(bench.run(roundTrip, a, shapeA, 0n, 4, limbs)).toBe(BigInt.asUintN(64 * limbs, a));
        const bytes = Buffer.from(bench.memory.buffer, 1003, 32).toString("hex");
        expect(bytes).toBe(a.toString(16).padStart(64, "0"));
      }),
    );
  });
});
