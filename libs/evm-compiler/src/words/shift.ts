/** Shifts, BYTE and SIGNEXTEND. Amounts known when compiling become limb moves; others go through four limb cases. */
import type { FunctionCode } from "../wasm/code.ts";
import { OP } from "../wasm/opcodes.ts";
import { constantOf, LIMBS, type Limb, limbAt, pushLimb, pushOr, type Scratch, type Word } from "./word.ts";

export type Shift = "shl" | "shr" | "sar";

/** target = a shifted by a constant amount of bits. Targets are never locals of the operand. */
export function emitConstantShift(
  code: FunctionCode,
  shift: Shift,
  a: Word,
  amount: bigint,
  target: readonly number[],
): void {
  const overflow = amount >= 256n;
  const bits = overflow ? 0 : Number(amount) & 63;
  const moved = overflow ? LIMBS : Number(amount) >> 6;
  const sign = shift === "sar" && a.length === LIMBS;
  for (let i = 0; i < target.length; i++) {
    if (shift === "shl") pushPair(code, pick(a, i - moved), pick(a, i - moved - 1), 64 - bits, bits);
    else if (sign && i + moved >= LIMBS - 1) {
      pushLimb(code, limbAt(a, LIMBS - 1));
      code.i64(i + moved === LIMBS - 1 ? bits : 63);
      code.op(OP.i64ShrS);
    } else pushPair(code, pick(a, i + moved + 1), pick(a, i + moved), bits, bits);
    code.set(target[i]!);
  }
}

function pick(a: Word, index: number): Limb {
  return index < 0 ? 0n : limbAt(a, index);
}

/**
 * Pushes 64 bits out of the pair (high, low), from bit `from` of the low limb on; `bits` = 0 means a move of whole
 * limbs, where the pair is one limb: the high one for a left shift (from = 64), the low one for a right shift.
 */
function pushPair(code: FunctionCode, high: Limb, low: Limb, from: number, bits: number): void {
  if (bits === 0) {
    pushLimb(code, from === 64 ? high : low);
    return;
  }
  if (low !== 0n) {
    pushLimb(code, low);
    code.i64(from);
    code.op(OP.i64ShrU);
  }
  if (high !== 0n) {
    pushLimb(code, high);
    code.i64(64 - from);
    code.op(OP.i64Shl);
    if (low !== 0n) code.op(OP.i64Or);
  }
  if (low === 0n && high === 0n) code.i64(0);
}

/** target = a shifted by an amount that is known only at run time. Targets are never locals of an operand. */
export function emitShift(
  scratch: Scratch,
  shift: Shift,
  a: Word,
  amount: Word,
  target: readonly number[],
): void {
  const { code } = scratch;
  const known = constantOf(amount);
  if (known !== undefined) {
    emitConstantShift(code, shift, a, known, target);
    return;
  }
  const [bits, rest] = [scratch.i64(0), scratch.i64(1)];
  const fill = shift === "sar" && a.length === LIMBS ? scratch.i64(2) : undefined;
  if (fill !== undefined) {
    pushLimb(code, limbAt(a, LIMBS - 1));
    code.i64(63);
    code.op(OP.i64ShrS);
    code.set(fill);
  }
  pushLimb(code, limbAt(amount, 0));
  code.i64(63);
  code.op(OP.i64And);
  code.tee(bits);
  code.i64(63);
  code.op(OP.i64Xor);
  code.set(rest);
  code.block();
  for (let i = 0; i <= LIMBS; i++) code.block();
  pushLimbCase(code, amount);
  code.brTable([0, 1, 2, 3], LIMBS);
  for (let moved = 0; moved < LIMBS; moved++) {
    code.end();
    for (let i = 0; i < target.length; i++) {
      if (shift === "shl") pushShiftedUp(code, pick(a, i - moved), pick(a, i - moved - 1), bits, rest);
      else
        pushShiftedDown(code, rightLimb(a, i + moved, fill), rightLimb(a, i + moved + 1, fill), bits, rest);
      code.set(target[i]!);
    }
    code.br(LIMBS - moved);
  }
  code.end();
  for (const local of target) {
    pushLimb(code, fill ?? 0n);
    code.set(local);
  }
  code.end();
}

function rightLimb(a: Word, index: number, fill: number | undefined): Limb {
  return index >= LIMBS && fill !== undefined ? fill : limbAt(a, index);
}

/** Pushes the number of whole limbs to move as i32: 4 or more when the amount is 256 or more. */
function pushLimbCase(code: FunctionCode, amount: Word): void {
  const low = limbAt(amount, 0);
  pushLimb(code, low);
  code.i64(6);
  code.op(OP.i64ShrU);
  // Values from 2^32 on must not wrap into the cases.
  code.i64(LIMBS);
  pushLimb(code, low);
  code.i64(255);
  code.op(OP.i64LeU);
  if (pushOr(code, amount, 1)) {
    code.op(OP.i64Eqz);
    code.op(OP.i32And);
  }
  code.op(OP.select);
  code.op(OP.i32WrapI64);
}

function pushShiftedUp(code: FunctionCode, limb: Limb, below: Limb, bits: number, rest: number): void {
  pushLimb(code, limb);
  code.get(bits);
  code.op(OP.i64Shl);
  if (below === 0n) return;
  pushLimb(code, below);
  code.i64(1);
  code.op(OP.i64ShrU);
  code.get(rest);
  code.op(OP.i64ShrU);
  code.op(OP.i64Or);
}

function pushShiftedDown(code: FunctionCode, limb: Limb, above: Limb, bits: number, rest: number): void {
  pushLimb(code, limb);
  code.get(bits);
  code.op(OP.i64ShrU);
  if (above === 0n) return;
  pushLimb(code, above);
  code.i64(1);
  code.op(OP.i64Shl);
  code.get(rest);
  code.op(OP.i64Shl);
  code.op(OP.i64Or);
}

/** target = byte `index` of `a`, counted from the most significant one; zero from 32 on. */
export function emitByte(scratch: Scratch, index: Word, a: Word, target: readonly number[]): void {
  const { code } = scratch;
  const known = constantOf(index);
  if (known !== undefined) {
    pushByteAt(code, a, known);
  } else {
    const low = limbAt(index, 0);
    const chosen = scratch.i64(0);
    // Limb 3 - (index >> 3), then byte 7 - (index & 7) of it.
    pushLimb(code, limbAt(a, 0));
    for (let i = 1; i < LIMBS; i++) {
      pushLimb(code, limbAt(a, i));
      pushLimb(code, low);
      code.i64(8 * (LIMBS - i));
      code.op(OP.i64GeU);
      code.op(OP.select);
    }
    code.set(chosen);
    code.get(chosen);
    pushLimb(code, low);
    code.i64(-1);
    code.op(OP.i64Xor);
    code.i64(7);
    code.op(OP.i64And);
    code.i64(3);
    code.op(OP.i64Shl);
    code.op(OP.i64ShrU);
    code.i64(255);
    code.op(OP.i64And);
    code.i64(0);
    pushLimb(code, low);
    code.i64(32);
    code.op(OP.i64LtU);
    if (pushOr(code, index, 1)) {
      code.op(OP.i64Eqz);
      code.op(OP.i32And);
    }
    code.op(OP.select);
  }
  code.set(target[0]!);
  for (let i = 1; i < target.length; i++) {
    code.i64(0);
    code.set(target[i]!);
  }
}

function pushByteAt(code: FunctionCode, a: Word, index: bigint): void {
  const limb = index < 32n ? limbAt(a, LIMBS - 1 - Number(index >> 3n)) : 0n;
  if (limb === 0n) {
    code.i64(0);
    return;
  }
  pushLimb(code, limb);
  const shift = 8 * (7 - Number(index & 7n));
  if (shift > 0) {
    code.i64(shift);
    code.op(OP.i64ShrU);
  }
  if (shift < 56) {
    code.i64(255);
    code.op(OP.i64And);
  }
}

/** target = `a` sign-extended from its lowest `index` + 1 bytes. Targets are never locals of an operand. */
export function emitSignExtend(scratch: Scratch, index: Word, a: Word, target: readonly number[]): void {
  const { code } = scratch;
  const known = constantOf(index);
  if (known !== undefined) {
    emitConstantSignExtend(code, known, a, target);
    return;
  }
  // Each limb: kept below the sign limb, extended in it, the sign above it. A sign limb of 4 keeps everything.
  const low = limbAt(index, 0);
  const [signLimb, unused, chosen, sign] = [scratch.i64(0), scratch.i64(1), scratch.i64(2), scratch.i64(3)];
  pushLimb(code, low);
  code.i64(3);
  code.op(OP.i64ShrU);
  code.i64(LIMBS);
  pushLimb(code, low);
  code.i64(31);
  code.op(OP.i64LtU);
  if (pushOr(code, index, 1)) {
    code.op(OP.i64Eqz);
    code.op(OP.i32And);
  }
  code.op(OP.select);
  code.set(signLimb);
  pushLimb(code, low);
  code.i64(-1);
  code.op(OP.i64Xor);
  code.i64(7);
  code.op(OP.i64And);
  code.i64(3);
  code.op(OP.i64Shl);
  code.set(unused);
  pushLimb(code, limbAt(a, 3));
  for (let i = 2; i >= 0; i--) {
    pushLimb(code, limbAt(a, i));
    code.get(signLimb);
    code.i64(i);
    code.op(OP.i64Ne);
    code.op(OP.select);
  }
  code.get(unused);
  code.op(OP.i64Shl);
  code.get(unused);
  code.op(OP.i64ShrS);
  code.tee(chosen);
  code.i64(63);
  code.op(OP.i64ShrS);
  code.set(sign);
  for (let i = 0; i < target.length; i++) {
    pushLimb(code, limbAt(a, i));
    code.get(chosen);
    code.get(sign);
    code.get(signLimb);
    code.i64(i);
    code.op(OP.i64Eq);
    code.op(OP.select);
    code.i64(i);
    code.get(signLimb);
    code.op(OP.i64LtU);
    code.op(OP.select);
    code.set(target[i]!);
  }
}

function emitConstantSignExtend(code: FunctionCode, index: bigint, a: Word, target: readonly number[]): void {
  const signLimb = index < 31n ? Number(index >> 3n) : LIMBS;
  const unused = 8 * (7 - Number(index & 7n));
  for (let i = 0; i < target.length; i++) {
    if (i <= signLimb) pushLimb(code, limbAt(a, i));
    else {
      code.get(target[signLimb]!);
      code.i64(63);
      code.op(OP.i64ShrS);
    }
    if (i === signLimb && unused > 0) {
      code.i64(unused);
      code.op(OP.i64Shl);
      code.i64(unused);
      code.op(OP.i64ShrS);
    }
    code.set(target[i]!);
  }
}
