/**
 * Operations whose code is too long to stand at each use: functions of the module from operands' limbs to the result's,
 * made when first needed.
 */
import { FunctionCode, I32, I64 } from "../wasm/code.ts";
import type { ModuleBuilder } from "../wasm/module.ts";
import { OP } from "../wasm/opcodes.ts";
import { emitMul } from "../words/arithmetic.ts";
import { emitLoadLimbs, emitStoreLimbs } from "../words/memory.ts";
import { emitByte, emitShift, emitSignExtend } from "../words/shift.ts";
import { LIMBS, pushLimb, pushOr, Scratch, type Word } from "../words/word.ts";
import type { KernelFunction } from "./imports.ts";

export type Outlined =
  | "mul"
  | "shl"
  | "shr"
  | "sar"
  | "byte"
  | "signextend"
  | "div"
  | "mod"
  | "sdiv"
  | "smod";

const LIMITS = { maxBytes: 1 << 16, maxLocals: 1000 };
const RESULTS = [I64, I64, I64, I64] as const;

export class OutlinedFunctions {
  readonly #module: ModuleBuilder;
  readonly #kernel: (name: KernelFunction) => number;
  readonly #index = new Map<Outlined, number>();

  constructor(module: ModuleBuilder, kernel: (name: KernelFunction) => number) {
    this.#module = module;
    this.#kernel = kernel;
  }

  /** Index of (scratch memory: i32, first operand's limbs, second operand's limbs) → limbs. */
  indexOf(name: Outlined): number {
    const known = this.#index.get(name);
    if (known !== undefined) return known;
    const code = new FunctionCode([I32, ...RESULTS, ...RESULTS], LIMITS);
    const index = this.#module.addFunction(code, RESULTS);
    this.#index.set(name, index);
    const [a, b]: [Word, Word] = [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ];
    const target = Array.from({ length: LIMBS }, () => code.local(I64));
    this.#write(name, new Scratch(code), a, b, target);
    for (const local of target) code.get(local);
    return index;
  }

  #write(name: Outlined, scratch: Scratch, a: Word, b: Word, target: readonly number[]): void {
    switch (name) {
      case "mul":
        return emitMul(scratch, a, b, target);
      case "shl":
      case "shr":
      case "sar":
        return emitShift(scratch, name, b, a, target);
      case "byte":
        return emitByte(scratch, a, b, target);
      case "signextend":
        return emitSignExtend(scratch, a, b, target);
      default:
        return this.#writeDivision(name, scratch, a, b, target);
    }
  }

  /** Operands of one limb are divided here, others by the kernel. */
  #writeDivision(
    name: "div" | "mod" | "sdiv" | "smod",
    scratch: Scratch,
    a: Word,
    b: Word,
    target: readonly number[],
  ): void {
    const { code } = scratch;
    pushOr(code, a, 1);
    pushOr(code, b, 1);
    code.op(OP.i64Or);
    code.op(OP.i64Eqz);
    code.if();
    emitNarrowDivision(code, name === "div" || name === "sdiv", a, b, target[0]!);
    for (const local of target) code.get(local);
    code.op(OP.return);
    code.end();
    emitStoreLimbs(code, 0, 0, a);
    emitStoreLimbs(code, 0, 32, b);
    code.get(0);
    code.get(0);
    code.i32(32);
    code.op(OP.i32Add);
    code.get(0);
    code.call(this.#kernel(name));
    emitLoadLimbs(code, 0, 0, target);
  }
}

/** target = a / b, or a mod b, of one limb each; zero when b is zero. */
export function emitNarrowDivision(
  code: FunctionCode,
  isQuotient: boolean,
  a: Word,
  b: Word,
  target: number,
): void {
  const [x, y] = [a[0] ?? 0n, b[0] ?? 0n];
  if (typeof y === "bigint" && y !== 0n) {
    pushLimb(code, x);
    pushLimb(code, y);
    code.op(isQuotient ? OP.i64DivU : OP.i64RemU);
    code.set(target);
    return;
  }
  pushLimb(code, y);
  code.op(OP.i64Eqz);
  code.if();
  code.i64(0);
  code.set(target);
  code.else();
  pushLimb(code, x);
  pushLimb(code, y);
  code.op(isQuotient ? OP.i64DivU : OP.i64RemU);
  code.set(target);
  code.end();
}
