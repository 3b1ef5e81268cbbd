/** Arithmetic of the EVM on integers in [0, 2^256). */
const WORD = 1n << 256n;
const MASK = WORD - 1n;
const SIGN = 1n << 255n;

const signed = (a: bigint): bigint => (a >= SIGN ? a - WORD : a);
const wrapped = (a: bigint): bigint => BigInt.asUintN(256, a);

export const add = (a: bigint, b: bigint): bigint => {
  const sum = a + b;
  return sum >= WORD ? sum - WORD : sum;
};
export const sub = (a: bigint, b: bigint): bigint => (a >= b ? a - b : a - b + WORD);
export const mul = (a: bigint, b: bigint): bigint => wrapped(a * b);
export const div = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : a / b);
export const sdiv = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : wrapped(signed(a) / signed(b)));
export const mod = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : a % b);
export const smod = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : wrapped(signed(a) % signed(b)));
export const addmod = (a: bigint, b: bigint, n: bigint): bigint => (n === 0n ? 0n : (a + b) % n);
export const mulmod = (a: bigint, b: bigint, n: bigint): bigint => (n === 0n ? 0n : (a * b) % n);

export function exp(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base, e = exponent; e > 0n; e >>= 1n) {
    if ((e & 1n) === 1n) result = wrapped(result * b);
    b = wrapped(b * b);
  }
  return result;
}

export const signextend = (index: bigint, value: bigint): bigint =>
  index >= 31n ? value : wrapped(BigInt.asIntN(Number(index) * 8 + 8, value));
export const slt = (a: bigint, b: bigint): boolean => signed(a) < signed(b);
export const not = (a: bigint): bigint => a ^ MASK;
export const byte = (index: bigint, value: bigint): bigint =>
  index >= 32n ? 0n : (value >> BigInt(248 - Number(index) * 8)) & 0xffn;
export const shl = (shift: bigint, value: bigint): bigint => (shift >= 256n ? 0n : wrapped(value << shift));
export const shr = (shift: bigint, value: bigint): bigint => (shift >= 256n ? 0n : value >> shift);
export const sar = (shift: bigint, value: bigint): bigint =>
  wrapped(signed(value) >> (shift >= 256n ? 255n : shift));
export const clz = (a: bigint): bigint => (a === 0n ? 256n : BigInt(256 - a.toString(2).length));
