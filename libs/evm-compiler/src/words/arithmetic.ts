/** Addition, subtraction and multiplication modulo 2^(64 * target limbs). Targets are never locals of an operand. */
import type { FunctionCode } from "../wasm/code.ts";
import { OP } from "../wasm/opcodes.ts";
import { LIMBS, type Limb, limbAt, pushLimb, type Scratch, significantLimbs, type Word } from "./word.ts";

/** A word of several limbs and a constant below 2^64: counters and offsets, which hardly ever carry. */
function isSmallStep(a: Word, b: Word, target: readonly number[]): boolean {
  return target.length > 1 && significantLimbs(a) > 1 && b.length === 1 && typeof b[0] === "bigint";
}

/** target = a ± step: the upper limbs stay what they are, behind a branch that is taken when the lowest one wraps. */
function emitSmallStep(
  scratch: Scratch,
  a: Word,
  step: bigint,
  op: typeof OP.i64Add | typeof OP.i64Sub,
  target: readonly number[],
): void {
  const { code } = scratch;
  const [low, ...upper] = target as [number, ...number[]];
  pushLimb(code, limbAt(a, 0));
  code.i64(step);
  code.op(op);
  code.set(low);
  for (const [i, local] of upper.entries()) {
    pushLimb(code, limbAt(a, i + 1));
    code.set(local);
  }
  if (op === OP.i64Add) {
    code.get(low);
    code.i64(step);
  } else {
    pushLimb(code, limbAt(a, 0));
    code.i64(step);
  }
  code.op(OP.i64LtU);
  code.if();
  const carry = scratch.i64(0);
  code.i64(1);
  code.set(carry);
  for (const [i, local] of upper.entries()) {
    const before = limbAt(a, i + 1);
    pushLimb(code, before);
    code.get(carry);
    code.op(op);
    code.set(local);
    if (i === upper.length - 1) break;
    // A limb that wraps to zero carries on; one that was zero borrows on.
    pushLimb(code, op === OP.i64Add ? local : before);
    code.op(OP.i64Eqz);
    code.op(OP.i64ExtendI32U);
    code.get(carry);
    code.op(OP.i64And);
    code.set(carry);
  }
  code.end();
}

/** target = a + b. */
export function emitAdd(scratch: Scratch, a: Word, b: Word, target: readonly number[]): void {
  const { code } = scratch;
  if (isSmallStep(a, b, target)) return emitSmallStep(scratch, a, b[0] as bigint, OP.i64Add, target);
  if (isSmallStep(b, a, target)) return emitSmallStep(scratch, b, a[0] as bigint, OP.i64Add, target);
  const carry = scratch.i64(0);
  let hasCarry = false;
  for (let i = 0; i < target.length; i++) {
    const out = target[i]!;
    const last = i === target.length - 1;
    let [x, y] = [limbAt(a, i), limbAt(b, i)];
    if (x === 0n) [x, y] = [y, x];
    if (y === 0n) {
      hasCarry = addCarryOnly(code, x, out, carry, hasCarry, last);
      continue;
    }
    pushLimb(code, x);
    pushLimb(code, y);
    code.op(OP.i64Add);
    if (!hasCarry) {
      code.set(out);
      if (last) continue;
      pushLess(code, out, x);
      code.op(OP.i64ExtendI32U);
      code.set(carry);
    } else if (last) {
      code.get(carry);
      code.op(OP.i64Add);
      code.set(out);
    } else {
      const sum = scratch.i64(1);
      code.tee(sum);
      code.get(carry);
      code.op(OP.i64Add);
      code.set(out);
      pushLess(code, sum, x);
      pushLess(code, out, sum);
      code.op(OP.i32Or);
      code.op(OP.i64ExtendI32U);
      code.set(carry);
    }
    hasCarry = true;
  }
}

/** out = x + carry; says whether there is still a carry. */
function addCarryOnly(
  code: FunctionCode,
  x: Limb,
  out: number,
  carry: number,
  hasCarry: boolean,
  last: boolean,
): boolean {
  if (!hasCarry) {
    pushLimb(code, x);
    code.set(out);
    return false;
  }
  if (x === 0n) {
    code.get(carry);
    code.set(out);
    return false;
  }
  pushLimb(code, x);
  code.get(carry);
  code.op(OP.i64Add);
  code.set(out);
  if (last) return true;
  pushLess(code, out, x);
  code.op(OP.i64ExtendI32U);
  code.set(carry);
  return true;
}

function pushLess(code: FunctionCode, a: Limb, b: Limb): void {
  pushLimb(code, a);
  pushLimb(code, b);
  code.op(OP.i64LtU);
}

/** target = a - b. */
export function emitSub(scratch: Scratch, a: Word, b: Word, target: readonly number[]): void {
  const { code } = scratch;
  if (isSmallStep(a, b, target)) return emitSmallStep(scratch, a, b[0] as bigint, OP.i64Sub, target);
  const borrow = scratch.i64(0);
  let hasBorrow = false;
  for (let i = 0; i < target.length; i++) {
    const out = target[i]!;
    const last = i === target.length - 1;
    const [x, y] = [limbAt(a, i), limbAt(b, i)];
    if (y === 0n && !hasBorrow) {
      pushLimb(code, x);
      code.set(out);
      continue;
    }
    if (!hasBorrow || y === 0n) {
      pushLimb(code, x);
      if (hasBorrow) code.get(borrow);
      else pushLimb(code, y);
      code.op(OP.i64Sub);
      code.set(out);
      if (!last) {
        pushLimb(code, x);
        if (hasBorrow) code.get(borrow);
        else pushLimb(code, y);
        code.op(OP.i64LtU);
        code.op(OP.i64ExtendI32U);
        code.set(borrow);
      }
    } else {
      const difference = scratch.i64(1);
      pushLimb(code, x);
      pushLimb(code, y);
      code.op(OP.i64Sub);
      code.tee(difference);
      code.get(borrow);
      code.op(OP.i64Sub);
      code.set(out);
      if (!last) {
        pushLess(code, x, y);
        pushLess(code, difference, borrow);
        code.op(OP.i32Or);
        code.op(OP.i64ExtendI32U);
        code.set(borrow);
      }
    }
    hasBorrow = true;
  }
}

/** Partial products of a multiplication that need both halves, a measure of its size. */
export function fullProducts(a: Word, b: Word, limbs: number): number {
  let n = 0;
  for (let i = 0; i < significantLimbs(a); i++) {
    for (let j = 0; j < significantLimbs(b); j++) {
      if (limbAt(a, i) !== 0n && limbAt(b, j) !== 0n && i + j < limbs - 1) n++;
    }
  }
  return n;
}

/** Scratch locals of `emitMul`; those of `emitHighProduct` are below. */
const TERM = 9;
const CARRIES = 10;
const HIGHS = 12;

/**
 * target = a * b by columns of 64 bits: in each, lower halves of its products, upper halves of the column before, and
 * last the carry of that column, which is known last. So no carry runs through all products.
 */
export function emitMul(scratch: Scratch, a: Word, b: Word, target: readonly number[]): void {
  const { code } = scratch;
  const n = target.length;
  /** Locals with upper halves of the column before, and its carry. */
  let incoming: number[] = [];
  for (let column = 0; column < n; column++) {
    const last = column === n - 1;
    const sum = new ColumnSum(
      scratch,
      target[column]!,
      last ? undefined : scratch.i64(CARRIES + (column & 1)),
    );
    const highs: number[] = [];
    for (let i = 0; i <= column; i++) {
      const [x, y] = [limbAt(a, i), limbAt(b, column - i)];
      if (x === 0n || y === 0n) continue;
      pushLimb(code, x);
      pushLimb(code, y);
      code.op(OP.i64Mul);
      sum.addStacked();
      if (last) continue;
      // Alternate columns: the highs of the one before are still needed.
      const high = scratch.i64(HIGHS + (column & 1) * LIMBS + highs.length);
      emitHighProduct(scratch, x, y, high);
      highs.push(high);
    }
    for (const local of incoming) sum.add(local);
    incoming = [...highs, ...sum.finish()];
  }
}

/** A sum of 64-bit terms in a local, and the number of times that it overflowed in another. */
class ColumnSum {
  readonly #scratch: Scratch;
  readonly #out: number;
  readonly #carry: number | undefined;
  #terms = 0;

  constructor(scratch: Scratch, out: number, carry: number | undefined) {
    this.#scratch = scratch;
    this.#out = out;
    this.#carry = carry;
  }

  addStacked(): void {
    const { code } = this.#scratch;
    if (this.#terms === 0) {
      code.set(this.#out);
      this.#terms++;
      return;
    }
    const term = this.#scratch.i64(TERM);
    code.set(term);
    this.add(term);
  }

  add(term: number): void {
    const { code } = this.#scratch;
    code.get(term);
    if (this.#terms++ > 0) {
      code.get(this.#out);
      code.op(OP.i64Add);
    }
    code.set(this.#out);
    if (this.#carry === undefined || this.#terms === 1) return;
    code.get(this.#out);
    code.get(term);
    code.op(OP.i64LtU);
    code.op(OP.i64ExtendI32U);
    if (this.#terms > 2) {
      code.get(this.#carry);
      code.op(OP.i64Add);
    }
    code.set(this.#carry);
  }

  /** The local of the carry, when there can be one. */
  finish(): number[] {
    if (this.#terms === 0) {
      this.#scratch.code.i64(0);
      this.#scratch.code.set(this.#out);
    }
    return this.#carry !== undefined && this.#terms > 1 ? [this.#carry] : [];
  }
}

/** The upper 64 bits of x * y, from four products of 32-bit halves (Hacker's Delight, 8-2). */
function emitHighProduct(scratch: Scratch, x: Limb, y: Limb, target: number): void {
  const { code } = scratch;
  const [xLow, xHigh, yLow, yHigh] = [scratch.i64(3), scratch.i64(4), scratch.i64(5), scratch.i64(6)];
  const [middle, other] = [scratch.i64(7), scratch.i64(8)];
  split(code, x, xLow, xHigh);
  split(code, y, yLow, yHigh);
  product(code, xLow, yLow);
  shiftDown(code);
  product(code, xHigh, yLow);
  code.op(OP.i64Add);
  code.set(middle);
  product(code, xLow, yHigh);
  code.get(middle);
  code.i64(0xffff_ffffn);
  code.op(OP.i64And);
  code.op(OP.i64Add);
  code.set(other);
  product(code, xHigh, yHigh);
  code.get(middle);
  shiftDown(code);
  code.op(OP.i64Add);
  code.get(other);
  shiftDown(code);
  code.op(OP.i64Add);
  code.set(target);
}

function split(code: FunctionCode, limb: Limb, low: number, high: number): void {
  pushLimb(code, limb);
  code.i64(0xffff_ffffn);
  code.op(OP.i64And);
  code.set(low);
  pushLimb(code, limb);
  shiftDown(code);
  code.set(high);
}

function product(code: FunctionCode, a: number, b: number): void {
  code.get(a);
  code.get(b);
  code.op(OP.i64Mul);
}

function shiftDown(code: FunctionCode): void {
  code.i64(32);
  code.op(OP.i64ShrU);
}
