/** Bitwise operations and comparisons. Comparisons leave an i32 truth value on the stack. */
import type { FunctionCode } from "../wasm/code.ts";
import { OP } from "../wasm/opcodes.ts";
import { LIMB_MASK, LIMBS, type Limb, limbAt, pushLimb, pushOr, type Scratch, type Word } from "./word.ts";

export type Bitwise = "and" | "or" | "xor";

/** target = a op b, limb by limb; limbs that a constant decides cost nothing. Targets may be locals of an operand. */
export function emitBitwise(
  code: FunctionCode,
  op: Bitwise,
  a: Word,
  b: Word,
  target: readonly number[],
): void {
  for (let i = 0; i < target.length; i++) {
    let [x, y] = [limbAt(a, i), limbAt(b, i)];
    if (typeof x === "bigint") [x, y] = [y, x];
    pushBitwise(code, op, x, y);
    code.set(target[i]!);
  }
}

function pushBitwise(code: FunctionCode, op: Bitwise, x: Limb, y: Limb): void {
  if (typeof y === "bigint") {
    if (typeof x === "bigint") {
      code.i64(op === "and" ? x & y : op === "or" ? x | y : x ^ y);
      return;
    }
    if (y === 0n) {
      if (op === "and") code.i64(0);
      else pushLimb(code, x);
      return;
    }
    if (y === LIMB_MASK && op !== "xor") {
      if (op === "and") pushLimb(code, x);
      else code.i64(-1);
      return;
    }
  }
  pushLimb(code, x);
  pushLimb(code, y);
  code.op(op === "and" ? OP.i64And : op === "or" ? OP.i64Or : OP.i64Xor);
}

/** target = not a. */
export function emitNot(code: FunctionCode, a: Word, target: readonly number[]): void {
  for (let i = 0; i < target.length; i++) {
    const limb = limbAt(a, i);
    if (typeof limb === "bigint") code.i64(limb ^ LIMB_MASK);
    else {
      pushLimb(code, limb);
      code.i64(-1);
      code.op(OP.i64Xor);
    }
    code.set(target[i]!);
  }
}

/** Pushes a = 0. */
export function pushIsZero(code: FunctionCode, a: Word): void {
  if (a.length === 1 && typeof a[0] === "object") {
    code.get(a[0].truth);
    code.op(OP.i32Eqz);
  } else if (pushOr(code, a, 0)) code.op(OP.i64Eqz);
  else code.i32(1);
}

/** Pushes a != 0. */
export function pushIsNonZero(code: FunctionCode, a: Word): void {
  if (a.length === 1 && typeof a[0] === "object") code.get(a[0].truth);
  else if (pushOr(code, a, 0)) {
    code.i64(0);
    code.op(OP.i64Ne);
  } else code.i32(0);
}

/** Pushes a = b. */
export function pushEqual(code: FunctionCode, a: Word, b: Word): void {
  const limbs = Math.max(a.length, b.length);
  let pushed = 0;
  for (let i = 0; i < limbs; i++) {
    let [x, y] = [limbAt(a, i), limbAt(b, i)];
    if (x === y && typeof x !== "object") continue;
    if (x === 0n) [x, y] = [y, x];
    pushLimb(code, x);
    if (y !== 0n) {
      pushLimb(code, y);
      code.op(limbs === 1 ? OP.i64Eq : OP.i64Xor);
      if (limbs === 1) return;
    }
    if (pushed++ > 0) code.op(OP.i64Or);
  }
  if (pushed === 0) code.i32(1);
  else code.op(OP.i64Eqz);
}

/** Pushes a < b, both without sign. */
export function pushLessThan(code: FunctionCode, a: Word, b: Word): void {
  pushLess(code, a, b, Math.max(a.length, b.length), false);
}

/** Pushes a < b in two's complement of 256 bits. */
export function pushSignedLessThan(code: FunctionCode, a: Word, b: Word): void {
  // A value of fewer limbs is not negative.
  const signed = a.length === LIMBS || b.length === LIMBS;
  pushLess(code, a, b, signed ? LIMBS : Math.max(a.length, b.length), signed);
}

function pushLess(code: FunctionCode, a: Word, b: Word, limbs: number, signed: boolean): void {
  let pushed = false;
  for (let i = 0; i < limbs; i++) {
    const [x, y] = [limbAt(a, i), limbAt(b, i)];
    if (typeof x === "bigint" && x === y) continue;
    const less = signed && i === LIMBS - 1 ? OP.i64LtS : OP.i64LtU;
    if (!pushed) {
      pushLimb(code, x);
      pushLimb(code, y);
      code.op(less);
      pushed = true;
      continue;
    }
    pushLimb(code, x);
    if (y === 0n) code.op(OP.i64Eqz);
    else {
      pushLimb(code, y);
      code.op(OP.i64Eq);
    }
    code.op(OP.i32And);
    if (y === 0n && less === OP.i64LtU) continue;
    pushLimb(code, x);
    pushLimb(code, y);
    code.op(less);
    code.op(OP.i32Or);
  }
  if (!pushed) code.i32(0);
}

/** target = number of leading zero bits of a 256-bit word (EIP-7939). */
export function emitCountLeadingZeros(scratch: Scratch, a: Word, target: readonly number[]): void {
  const { code } = scratch;
  // From the lowest limb up: each limb that is not zero decides, whatever is below it.
  code.i64(256);
  code.set(target[0]!);
  for (let i = 0; i < a.length; i++) {
    const limb = a[i]!;
    if (limb === 0n) continue;
    pushLimb(code, limb);
    code.op(OP.i64Clz);
    code.i64(64 * (LIMBS - 1 - i));
    code.op(OP.i64Add);
    code.get(target[0]!);
    pushLimb(code, limb);
    code.i64(0);
    code.op(OP.i64Ne);
    code.op(OP.select);
    code.set(target[0]!);
  }
  for (let i = 1; i < target.length; i++) {
    code.i64(0);
    code.set(target[i]!);
  }
}
