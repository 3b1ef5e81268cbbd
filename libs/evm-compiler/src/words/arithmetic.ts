/** Addition, subtraction and multiplication modulo 2^(64 * target limbs). Targets are never locals of an operand. */
import type { FunctionCode } from "../wasm/code.ts";
import { OP } from "../wasm/opcodes.ts";
import { type Limb, limbAt, pushLimb, type Scratch, significantLimbs, type Word } from "./word.ts";

/** target = a + b. */
export function emitAdd(scratch: Scratch, a: Word, b: Word, target: readonly number[]): void {
  const { code } = scratch;
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

/** target = a * b by rows: each row multiplies all of `a` by one limb of `b` and adds it with one carry limb. */
export function emitMul(scratch: Scratch, a: Word, b: Word, target: readonly number[]): void {
  const { code } = scratch;
  const n = target.length;
  let written = 0;
  for (let j = 0; j < Math.min(n, significantLimbs(b)); j++) {
    const y = limbAt(b, j);
    if (y === 0n) continue;
    let hasCarry = false;
    for (let i = 0; i + j < n; i++) {
      const x = limbAt(a, i);
      const at = i + j;
      // A row has one limb more than `a`, and nothing is above it yet.
      if (i > significantLimbs(a) || (i === significantLimbs(a) && !hasCarry)) break;
      while (written < at) zero(code, target[written++]!);
      hasCarry = mulStep(scratch, x, y, target[at]!, written > at, hasCarry, at === n - 1);
      written = Math.max(written, at + 1);
    }
  }
  while (written < n) zero(code, target[written++]!);
}

function zero(code: FunctionCode, local: number): void {
  code.i64(0);
  code.set(local);
}

/** out = x * y + (out when it has a value) + carry, the upper half into the carry; says whether there is a carry. */
function mulStep(
  scratch: Scratch,
  x: Limb,
  y: Limb,
  out: number,
  accumulate: boolean,
  hasCarry: boolean,
  last: boolean,
): boolean {
  const { code } = scratch;
  const carry = scratch.i64(0);
  if (last) {
    if (x === 0n) code.i64(0);
    else {
      pushLimb(code, x);
      pushLimb(code, y);
      code.op(OP.i64Mul);
    }
    if (accumulate) {
      code.get(out);
      code.op(OP.i64Add);
    }
    if (hasCarry) {
      code.get(carry);
      code.op(OP.i64Add);
    }
    code.set(out);
    return true;
  }
  const [low, high] = [scratch.i64(1), scratch.i64(2)];
  if (x === 0n) {
    code.i64(0);
    code.set(low);
    code.i64(0);
    code.set(high);
  } else {
    pushLimb(code, x);
    pushLimb(code, y);
    code.op(OP.i64Mul);
    code.set(low);
    emitHighProduct(scratch, x, y, high);
  }
  // Neither addition can overflow the upper half: (2^64-1)^2 + 2 (2^64-1) < 2^128.
  if (accumulate) addInto(code, low, high, out);
  if (hasCarry) addInto(code, low, high, carry);
  code.get(low);
  code.set(out);
  code.get(high);
  code.set(carry);
  return true;
}

/** (high, low) += addend. */
function addInto(code: FunctionCode, low: number, high: number, addend: number): void {
  code.get(low);
  code.get(addend);
  code.op(OP.i64Add);
  code.set(low);
  code.get(high);
  code.get(low);
  code.get(addend);
  code.op(OP.i64LtU);
  code.op(OP.i64ExtendI32U);
  code.op(OP.i64Add);
  code.set(high);
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
