// Quotients and remainders of words, and sums and products modulo a word: Knuth's algorithm D (TAOCP 4.3.1) over 32-bit
// digits in scratch memory, with shorter ways for divisors of one limb. By zero all give zero.
import { addCarry, copy, isZero, less, negate, small, zero } from "./u256";
import { M32, mulHigh } from "./u256-products";

/** Numerator of up to 16 digits and one more for normalisation. */
const NUMERATOR = memory.data(80, 64);
const DENOMINATOR = memory.data(48, 64);
const QUOTIENT = memory.data(80, 64);
/** Product of two words, as 16 digits. */
const PRODUCT = memory.data(64, 64);
const A = memory.data(32, 64);
const B = memory.data(32, 64);

/** Significant 32-bit digits of `digits` at `at`. */
function significant(at: usize, digits: i32): i32 {
  while (digits > 0 && load<u32>(at + (<usize>(digits - 1) << 2)) == 0) digits--;
  return digits;
}

/** 128 by 64 bits: quotient of (high, low) / d, given high < d. Leaves the remainder in `divRemainder`. */
let divRemainder: u64 = 0;
function divide128(high: u64, low: u64, d: u64): u64 {
  if (high == 0) {
    divRemainder = low % d;
    return low / d;
  }
  const shift = clz<u64>(d);
  const divisor = d << shift;
  const dh = divisor >> 32;
  const dl = divisor & M32;
  const n32 = shift == 0 ? high : (high << shift) | (low >> (64 - shift));
  const n10 = low << shift;
  const n1 = n10 >> 32;
  const n0 = n10 & M32;
  let q1 = n32 / dh;
  let rhat = n32 - q1 * dh;
  while (q1 > M32 || q1 * dl > ((rhat << 32) | n1)) {
    q1--;
    rhat += dh;
    if (rhat > M32) break;
  }
  const n21 = (n32 << 32) + n1 - q1 * divisor;
  let q0 = n21 / dh;
  rhat = n21 - q0 * dh;
  while (q0 > M32 || q0 * dl > ((rhat << 32) | n0)) {
    q0--;
    rhat += dh;
    if (rhat > M32) break;
  }
  divRemainder = ((n21 << 32) + n0 - q0 * divisor) >> shift;
  return (q1 << 32) + q0;
}

/**
 * Divides the number of `n` digits at `num` by that of `m` digits at `den` (m ≥ 1, top digit not zero). The quotient,
 * n digits, goes to QUOTIENT, the remainder, m digits, to NUMERATOR.
 */
function divideDigits(num: usize, n: i32, den: usize, m: i32): void {
  if (m == 1) {
    const d = <u64>load<u32>(den);
    let rest: u64 = 0;
    for (let i = n - 1; i >= 0; i--) {
      const part = (rest << 32) | <u64>load<u32>(num + (<usize>i << 2));
      store<u32>(QUOTIENT + (<usize>i << 2), <u32>(part / d));
      rest = part % d;
    }
    store<u32>(NUMERATOR, <u32>rest);
    return;
  }
  // Normalise: shift both left until the divisor's top bit is set.
  const shift = clz<u32>(load<u32>(den + (<usize>(m - 1) << 2)));
  const back = 32 - shift;
  let above: u64 = 0;
  for (let i = 0; i < m; i++) {
    const digit = <u64>load<u32>(den + (<usize>i << 2));
    const wide = (digit << shift) | above;
    store<u32>(DENOMINATOR + (<usize>i << 2), <u32>wide);
    above = wide >> 32;
  }
  above = 0;
  for (let i = 0; i < n; i++) {
    const wide = ((<u64>load<u32>(num + (<usize>i << 2))) << shift) | above;
    store<u32>(NUMERATOR + (<usize>i << 2), <u32>wide);
    above = wide >> 32;
  }
  store<u32>(NUMERATOR + (<usize>n << 2), <u32>above);
  const top = <u64>load<u32>(DENOMINATOR + (<usize>(m - 1) << 2));
  const next = <u64>load<u32>(DENOMINATOR + (<usize>(m - 2) << 2));
  for (let i = n - 1; i >= n - m + 1; i--) store<u32>(QUOTIENT + (<usize>i << 2), 0);
  for (let j = n - m; j >= 0; j--) {
    const at = NUMERATOR + (<usize>j << 2);
    const high = ((<u64>load<u32>(at + (<usize>m << 2))) << 32) | <u64>load<u32>(at + (<usize>(m - 1) << 2));
    const low = <u64>load<u32>(at + (<usize>(m - 2) << 2));
    let q = high / top;
    let r = high - q * top;
    while (q > M32 || q * next > ((r << 32) | low)) {
      q--;
      r += top;
      if (r > M32) break;
    }
    let borrow: i64 = 0;
    let carry: u64 = 0;
    for (let i = 0; i < m; i++) {
      const product = q * <u64>load<u32>(DENOMINATOR + (<usize>i << 2)) + carry;
      carry = product >> 32;
      const difference = <i64>load<u32>(at + (<usize>i << 2)) - borrow - <i64>(product & M32);
      store<u32>(at + (<usize>i << 2), <u32>difference);
      borrow = difference < 0 ? 1 : 0;
    }
    const difference = <i64>load<u32>(at + (<usize>m << 2)) - borrow - <i64>carry;
    store<u32>(at + (<usize>m << 2), <u32>difference);
    if (difference < 0) {
      // One too many: add the divisor back.
      q--;
      let sum: u64 = 0;
      for (let i = 0; i < m; i++) {
        sum += <u64>load<u32>(at + (<usize>i << 2)) + <u64>load<u32>(DENOMINATOR + (<usize>i << 2));
        store<u32>(at + (<usize>i << 2), <u32>sum);
        sum >>= 32;
      }
      store<u32>(at + (<usize>m << 2), load<u32>(at + (<usize>m << 2)) + <u32>sum);
    }
    store<u32>(QUOTIENT + (<usize>j << 2), <u32>q);
  }
  // The remainder, shifted back.
  for (let i = 0; i < m; i++) {
    const digit = <u64>load<u32>(NUMERATOR + (<usize>i << 2));
    const upper = <u64>load<u32>(NUMERATOR + (<usize>(i + 1) << 2));
    store<u32>(NUMERATOR + (<usize>i << 2), <u32>((digit >> shift) | (upper << back)));
  }
}

/** Copies `digits` 32-bit digits to a word, zeros above. */
function digitsToWord(from: usize, digits: i32, out: usize): void {
  zero(out);
  for (let i = 0; i < digits && i < 8; i++)
    store<u32>(out + (<usize>i << 2), load<u32>(from + (<usize>i << 2)));
}

/** Quotient (`rest` false) or remainder; division by zero gives zero. */
function divideWords(a: usize, b: usize, out: usize, rest: bool): void {
  const a1 = load<u64>(a, 8);
  const b0 = load<u64>(b);
  const upperA = load<u64>(a, 16) | load<u64>(a, 24);
  const upperB = load<u64>(b, 8) | load<u64>(b, 16) | load<u64>(b, 24);
  if (upperB == 0) {
    if (b0 == 0) return zero(out);
    const a0 = load<u64>(a);
    if (upperA == 0) {
      if (a1 == 0) return small(out, rest ? a0 % b0 : a0 / b0);
      const q1 = a1 / b0;
      const q0 = divide128(a1 - q1 * b0, a0, b0);
      small(out, rest ? divRemainder : q0);
      if (!rest) store<u64>(out, q1, 8);
      return;
    }
    // Limb by limb.
    const a2 = load<u64>(a, 16);
    const a3 = load<u64>(a, 24);
    const q3 = a3 / b0;
    const q2 = divide128(a3 - q3 * b0, a2, b0);
    const q1 = divide128(divRemainder, a1, b0);
    const q0 = divide128(divRemainder, a0, b0);
    if (rest) return small(out, divRemainder);
    store<u64>(out, q0);
    store<u64>(out, q1, 8);
    store<u64>(out, q2, 16);
    store<u64>(out, q3, 24);
    return;
  }
  if (less(a, b)) {
    if (rest) copy(a, out);
    else zero(out);
    return;
  }
  const n = significant(a, 8);
  const m = significant(b, 8);
  divideDigits(a, n, b, m);
  if (rest) digitsToWord(NUMERATOR, m, out);
  else digitsToWord(QUOTIENT, n, out);
}

export function div(a: usize, b: usize, out: usize): void {
  divideWords(a, b, out, false);
}

export function mod(a: usize, b: usize, out: usize): void {
  divideWords(a, b, out, true);
}

export function sdiv(a: usize, b: usize, out: usize): void {
  const negativeA = load<i64>(a, 24) < 0;
  const negativeB = load<i64>(b, 24) < 0;
  if (negativeA) negate(a, A);
  else copy(a, A);
  if (negativeB) negate(b, B);
  else copy(b, B);
  divideWords(A, B, out, false);
  if (negativeA != negativeB) negate(out, out);
}

export function smod(a: usize, b: usize, out: usize): void {
  const negativeA = load<i64>(a, 24) < 0;
  if (negativeA) negate(a, A);
  else copy(a, A);
  if (load<i64>(b, 24) < 0) negate(b, B);
  else copy(b, B);
  divideWords(A, B, out, true);
  if (negativeA) negate(out, out);
}

export function addmod(a: usize, b: usize, m: usize, out: usize): void {
  if (isZero(m)) return zero(out);
  const carry = addCarry(a, b, PRODUCT);
  if (!carry) return divideWords(PRODUCT, m, out, true);
  store<u64>(PRODUCT, 1, 32);
  reduce(9, m, out);
}

/** PRODUCT, of `digits` digits, modulo m. */
function reduce(digits: i32, m: usize, out: usize): void {
  const n = significant(PRODUCT, digits);
  const k = significant(m, 8);
  if (n < k) return digitsToWord(PRODUCT, n, out);
  divideDigits(PRODUCT, n, m, k);
  digitsToWord(NUMERATOR, k, out);
}

export function mulmod(a: usize, b: usize, m: usize, out: usize): void {
  if (isZero(m)) return zero(out);
  // Schoolbook with 64-bit limbs into eight limbs.
  v128.store(PRODUCT, i64x2.splat(0));
  v128.store(PRODUCT, i64x2.splat(0), 16);
  v128.store(PRODUCT, i64x2.splat(0), 32);
  v128.store(PRODUCT, i64x2.splat(0), 48);
  for (let i: usize = 0; i < 32; i += 8) {
    const x = load<u64>(a + i);
    if (x == 0) continue;
    let carry: u64 = 0;
    for (let j: usize = 0; j < 32; j += 8) {
      const y = load<u64>(b + j);
      const at = PRODUCT + i + j;
      const low = x * y;
      let high = mulHigh(x, y);
      let sum = load<u64>(at) + low;
      high += u64(sum < low);
      sum += carry;
      high += u64(sum < carry);
      store<u64>(at, sum);
      carry = high;
    }
    store<u64>(PRODUCT + i, carry, 32);
  }
  reduce(16, m, out);
}
