/**
 * 256-bit values in WebAssembly locals. A word is up to four 64-bit limbs, the lowest first; missing limbs are
 * zero, so a value known to fit 64 bits costs one local and a constant none.
 */
import { type FunctionCode, I32, I64, V128 } from "../wasm/code.ts";
import { OP } from "../wasm/opcodes.ts";

/** A truth value in an i32 local (0 or 1), used as a limb. */
export interface TruthLimb {
  readonly truth: number;
}

/** A bigint is a constant in [0, 2^64), a number the index of an i64 local. */
export type Limb = bigint | number | TruthLimb;

/** Lowest limb first, 0 to 4 of them. */
export type Word = readonly Limb[];

export const LIMBS = 4;
export const LIMB_MASK = 0xffff_ffff_ffff_ffffn;

/** The word of a constant, without leading zero limbs. */
export function constantWord(value: bigint): Word {
  const limbs: bigint[] = [];
  for (let rest = BigInt.asUintN(256, value); rest !== 0n; rest >>= 64n) limbs.push(rest & LIMB_MASK);
  return limbs;
}

/** The value of a word of constants only, else undefined. */
export function constantOf(word: Word): bigint | undefined {
  let value = 0n;
  for (let i = word.length - 1; i >= 0; i--) {
    const limb = word[i];
    if (typeof limb !== "bigint") return undefined;
    value = (value << 64n) | limb;
  }
  return value;
}

export function limbAt(word: Word, index: number): Limb {
  return word[index] ?? 0n;
}

/** Limbs up to the highest that can be other than zero. */
export function significantLimbs(word: Word): number {
  let n = word.length;
  while (n > 0 && word[n - 1] === 0n) n--;
  return n;
}

/** Locals for intermediate results, shared by all operations of a function: none keeps a value across operations. */
export class Scratch {
  readonly code: FunctionCode;
  readonly #i64: number[] = [];
  readonly #i32: number[] = [];
  readonly #v128: number[] = [];

  constructor(code: FunctionCode) {
    this.code = code;
  }
  i64(index: number): number {
    return (this.#i64[index] ??= this.code.local(I64));
  }
  i32(index: number): number {
    return (this.#i32[index] ??= this.code.local(I32));
  }
  v128(index: number): number {
    return (this.#v128[index] ??= this.code.local(V128));
  }
}

/** Pushes a limb as i64. */
export function pushLimb(code: FunctionCode, limb: Limb): void {
  if (typeof limb === "bigint") code.i64(limb);
  else if (typeof limb === "number") code.get(limb);
  else {
    code.get(limb.truth);
    code.op(OP.i64ExtendI32U);
  }
}

/** Copies a word into locals; limbs beyond `target` are dropped. */
export function copyWord(code: FunctionCode, source: Word, target: readonly number[]): void {
  for (let i = 0; i < target.length; i++) {
    const limb = limbAt(source, i);
    if (limb === target[i]) continue;
    pushLimb(code, limb);
    code.set(target[i]!);
  }
}

/** Pushes the bitwise or of the limbs from `from` on: not zero exactly when one of them is not. False when all are the constant zero. */
export function pushOr(code: FunctionCode, word: Word, from: number): boolean {
  let pushed = false;
  for (let i = from; i < word.length; i++) {
    const limb = word[i]!;
    if (limb === 0n) continue;
    pushLimb(code, limb);
    if (pushed) code.op(OP.i64Or);
    pushed = true;
  }
  return pushed;
}
