/** What pure operations compute, on integers below 2^256. Yellow Paper appendix H; EIP-145, EIP-7939. */
import type { Operation } from "./operations.ts";

export const WORD_MASK = (1n << 256n) - 1n;
const SIGN = 1n << 255n;

const signed = (value: bigint): bigint => (value >= SIGN ? value - (1n << 256n) : value);
const word = (value: bigint): bigint => value & WORD_MASK;
const flag = (value: boolean): bigint => (value ? 1n : 0n);

/** base^exponent mod 2^256 by squaring. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let factor = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = word(result * factor);
    factor = word(factor * factor);
  }
  return result;
}

function signExtend(size: bigint, value: bigint): bigint {
  if (size >= 31n) return value;
  return word(BigInt.asIntN(8 * (Number(size) + 1), value));
}

function arithmeticShift(shift: bigint, value: bigint): bigint {
  if (shift >= 256n) return value >= SIGN ? WORD_MASK : 0n;
  return word(signed(value) >> shift);
}

/** Bits needed to write `value`; 0 for zero. */
export const bitLength = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length);

const ZERO_DIVISOR = 0n;

type Evaluate = (a: bigint, b: bigint, c: bigint) => bigint;

const EVALUATE: Partial<Record<Operation, Evaluate>> = {
  add: (a, b) => word(a + b),
  sub: (a, b) => word(a - b),
  mul: (a, b) => word(a * b),
  div: (a, b) => (b === ZERO_DIVISOR ? 0n : a / b),
  sdiv: (a, b) => (b === ZERO_DIVISOR ? 0n : word(signed(a) / signed(b))),
  mod: (a, b) => (b === ZERO_DIVISOR ? 0n : a % b),
  smod: (a, b) => (b === ZERO_DIVISOR ? 0n : word(signed(a) % signed(b))),
  addmod: (a, b, n) => (n === ZERO_DIVISOR ? 0n : (a + b) % n),
  mulmod: (a, b, n) => (n === ZERO_DIVISOR ? 0n : (a * b) % n),
  exp: power,
  signextend: signExtend,
  lt: (a, b) => flag(a < b),
  gt: (a, b) => flag(a > b),
  slt: (a, b) => flag(signed(a) < signed(b)),
  sgt: (a, b) => flag(signed(a) > signed(b)),
  eq: (a, b) => flag(a === b),
  iszero: (a) => flag(a === 0n),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => a ^ WORD_MASK,
  byte: (index, value) => (index >= 32n ? 0n : (value >> (8n * (31n - index))) & 0xffn),
  shl: (shift, value) => (shift >= 256n ? 0n : word(value << shift)),
  shr: (shift, value) => (shift >= 256n ? 0n : value >> shift),
  sar: arithmeticShift,
  clz: (a) => BigInt(256 - bitLength(a)),
};

/** The result of a pure operation, or of `exp`; undefined for any other operation. */
export function evaluatePure(op: Operation, args: readonly bigint[]): bigint | undefined {
  return EVALUATE[op]?.(args[0] ?? 0n, args[1] ?? 0n, args[2] ?? 0n);
}
