// 256-bit arithmetic on words in memory: four little-endian u64 limbs at 32 bytes. `out` may equal an operand: all
// limbs are read before the first is written.

const M32: u64 = 0xffffffff;

@inline
export function copy(from: usize, to: usize): void {
  const low = v128.load(from);
  const high = v128.load(from, 16);
  v128.store(to, low);
  v128.store(to, high, 16);
}

@inline
export function zero(to: usize): void {
  v128.store(to, i64x2.splat(0));
  v128.store(to, i64x2.splat(0), 16);
}

@inline
export function small(to: usize, value: u64): void {
  store<u64>(to, value);
  store<u64>(to, 0, 8);
  store<u64>(to, 0, 16);
  store<u64>(to, 0, 24);
}

/** 32 bytes in reverse order: between a word and its big-endian form, both ways. */
@inline
export function reverse(from: usize, to: usize): void {
  const low = v128.load(from);
  const high = v128.load(from, 16);
  v128.store(to, v128.shuffle<u8>(high, high, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  v128.store(to, v128.shuffle<u8>(low, low, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), 16);
}

@inline
export function isZero(a: usize): bool {
  return (load<u64>(a) | load<u64>(a, 8) | load<u64>(a, 16) | load<u64>(a, 24)) == 0;
}

@inline
export function equals(a: usize, b: usize): bool {
  return (
    ((load<u64>(a) ^ load<u64>(b)) |
      (load<u64>(a, 8) ^ load<u64>(b, 8)) |
      (load<u64>(a, 16) ^ load<u64>(b, 16)) |
      (load<u64>(a, 24) ^ load<u64>(b, 24))) ==
    0
  );
}

/** The word as u64; 2^64 - 1 when it does not fit. */
@inline
export function saturated(a: usize): u64 {
  return (load<u64>(a, 8) | load<u64>(a, 16) | load<u64>(a, 24)) == 0 ? load<u64>(a) : u64.MAX_VALUE;
}

@inline
export function add(a: usize, b: usize, out: usize): void {
  const a0 = load<u64>(a);
  const r0 = a0 + load<u64>(b);
  const a1 = load<u64>(a, 8);
  const s1 = a1 + load<u64>(b, 8);
  const r1 = s1 + u64(r0 < a0);
  const c1 = u64(s1 < a1) | u64(r1 < s1);
  const a2 = load<u64>(a, 16);
  const s2 = a2 + load<u64>(b, 16);
  const r2 = s2 + c1;
  const c2 = u64(s2 < a2) | u64(r2 < s2);
  const r3 = load<u64>(a, 24) + load<u64>(b, 24) + c2;
  store<u64>(out, r0);
  store<u64>(out, r1, 8);
  store<u64>(out, r2, 16);
  store<u64>(out, r3, 24);
}

/** a + b; true when it overflows. */
export function addCarry(a: usize, b: usize, out: usize): bool {
  const a3 = load<u64>(a, 24);
  const b3 = load<u64>(b, 24);
  add(a, b, out);
  const r3 = load<u64>(out, 24);
  // The carry out of the top limb: majority of the top bits, the result's inverted.
  return ((a3 & b3) | ((a3 | b3) & ~r3)) >> 63 != 0;
}

@inline
export function sub(a: usize, b: usize, out: usize): void {
  const a0 = load<u64>(a);
  const b0 = load<u64>(b);
  const r0 = a0 - b0;
  const a1 = load<u64>(a, 8);
  const b1 = load<u64>(b, 8);
  const d1 = a1 - b1;
  const c0 = u64(a0 < b0);
  const r1 = d1 - c0;
  const c1 = u64(a1 < b1) | u64(d1 < c0);
  const a2 = load<u64>(a, 16);
  const b2 = load<u64>(b, 16);
  const d2 = a2 - b2;
  const r2 = d2 - c1;
  const c2 = u64(a2 < b2) | u64(d2 < c1);
  const r3 = load<u64>(a, 24) - load<u64>(b, 24) - c2;
  store<u64>(out, r0);
  store<u64>(out, r1, 8);
  store<u64>(out, r2, 16);
  store<u64>(out, r3, 24);
}

@inline
export function negate(a: usize, out: usize): void {
  const a0 = load<u64>(a);
  const a1 = load<u64>(a, 8);
  const a2 = load<u64>(a, 16);
  const a3 = load<u64>(a, 24);
  store<u64>(out, 0 - a0);
  store<u64>(out, ~a1 + u64(a0 == 0), 8);
  store<u64>(out, ~a2 + u64((a0 | a1) == 0), 16);
  store<u64>(out, ~a3 + u64((a0 | a1 | a2) == 0), 24);
}

@inline
export function less(a: usize, b: usize): bool {
  const a3 = load<u64>(a, 24);
  const b3 = load<u64>(b, 24);
  if (a3 != b3) return a3 < b3;
  const a2 = load<u64>(a, 16);
  const b2 = load<u64>(b, 16);
  if (a2 != b2) return a2 < b2;
  const a1 = load<u64>(a, 8);
  const b1 = load<u64>(b, 8);
  if (a1 != b1) return a1 < b1;
  return load<u64>(a) < load<u64>(b);
}

@inline
export function lessSigned(a: usize, b: usize): bool {
  const a3 = load<i64>(a, 24);
  const b3 = load<i64>(b, 24);
  return a3 != b3 ? a3 < b3 : less(a, b);
}

/** High half of the 128-bit product. */
@inline
export function mulHigh(a: u64, b: u64): u64 {
  const al = a & M32;
  const ah = a >> 32;
  const bl = b & M32;
  const bh = b >> 32;
  const lh = al * bh;
  const hl = ah * bl;
  const mid = ((al * bl) >> 32) + (lh & M32) + (hl & M32);
  return ah * bh + (lh >> 32) + (hl >> 32) + (mid >> 32);
}

export function mul(a: usize, b: usize, out: usize): void {
  const a0 = load<u64>(a);
  const a1 = load<u64>(a, 8);
  const a2 = load<u64>(a, 16);
  const a3 = load<u64>(a, 24);
  const b0 = load<u64>(b);
  const b1 = load<u64>(b, 8);
  const b2 = load<u64>(b, 16);
  const b3 = load<u64>(b, 24);
  let r1 = mulHigh(a0, b0);
  store<u64>(out, a0 * b0);
  if ((a1 | a2 | a3 | b1 | b2 | b3) == 0) {
    store<u64>(out, r1, 8);
    store<u64>(out, 0, 16);
    store<u64>(out, 0, 24);
    return;
  }
  // Column 1.
  let t = a0 * b1;
  r1 += t;
  let c = u64(r1 < t);
  t = a1 * b0;
  r1 += t;
  c += u64(r1 < t);
  // Column 2.
  let r2 = c;
  let r3: u64 = 0;
  t = mulHigh(a0, b1);
  r2 += t;
  r3 += u64(r2 < t);
  t = mulHigh(a1, b0);
  r2 += t;
  r3 += u64(r2 < t);
  t = a0 * b2;
  r2 += t;
  r3 += u64(r2 < t);
  t = a1 * b1;
  r2 += t;
  r3 += u64(r2 < t);
  t = a2 * b0;
  r2 += t;
  r3 += u64(r2 < t);
  // Column 3, low half only.
  r3 += mulHigh(a0, b2) + mulHigh(a1, b1) + mulHigh(a2, b0) + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
  store<u64>(out, r1, 8);
  store<u64>(out, r2, 16);
  store<u64>(out, r3, 24);
}

// ---- Division: Knuth's algorithm D (TAOCP 4.3.1) over 32-bit digits in scratch memory --------------------------------

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

/** a to the power of b, by squaring. */
export function power(a: usize, b: usize, out: usize): void {
  copy(a, A);
  copy(b, B);
  small(out, 1);
  let top: i32 = 3;
  while (top >= 0 && load<u64>(B + (<usize>top << 3)) == 0) top--;
  if (top < 0) return;
  const bits = (top << 6) + 64 - <i32>clz<u64>(load<u64>(B + (<usize>top << 3)));
  if (load<u64>(A) == 2 && (load<u64>(A, 8) | load<u64>(A, 16) | load<u64>(A, 24)) == 0) {
    // Powers of two.
    if (bits > 8) return zero(out);
    const exponent = <u32>load<u64>(B);
    zero(out);
    store<u64>(out + <usize>((exponent >> 6) << 3), (<u64>1) << (<u64>(exponent & 63)));
    return;
  }
  for (let i = bits - 1; i >= 0; i--) {
    mul(out, out, out);
    if ((load<u64>(B + (<usize>(i >> 6) << 3)) >> (<u64>(i & 63))) & 1) mul(out, A, out);
  }
}

/** Bytes of the word without leading zeros. */
export function byteLength(a: usize): i32 {
  for (let limb: i32 = 3; limb >= 0; limb--) {
    const value = load<u64>(a + (<usize>limb << 3));
    if (value != 0) return (limb << 3) + 8 - (<i32>clz<u64>(value) >> 3);
  }
  return 0;
}

@inline
export function clz256(a: usize): u64 {
  const a3 = load<u64>(a, 24);
  if (a3 != 0) return clz<u64>(a3);
  const a2 = load<u64>(a, 16);
  if (a2 != 0) return 64 + clz<u64>(a2);
  const a1 = load<u64>(a, 8);
  if (a1 != 0) return 128 + clz<u64>(a1);
  return 192 + clz<u64>(load<u64>(a));
}

/** SIGNEXTEND: `size` is the index of the byte whose top bit is the sign. */
export function signextend(size: usize, a: usize, out: usize): void {
  const index = saturated(size);
  copy(a, out);
  if (index >= 31) return;
  const limb = <usize>(index >> 3) << 3;
  const shift = 56 - ((index & 7) << 3);
  const extended = (<i64>(load<u64>(out + limb) << shift)) >> (<i64>shift);
  store<i64>(out + limb, extended);
  const fill = extended >> 63;
  for (let i = limb + 8; i < 32; i += 8) store<i64>(out + i, fill);
}

/** BYTE: index 0 is the most significant byte. */
export function byteAt(index: usize, a: usize, out: usize): void {
  const i = saturated(index);
  small(out, i < 32 ? <u64>load<u8>(a + 31 - <usize>i) : 0);
}

/** Three limbs of zeros (or of the sign) before and behind the word, so that shifts by whole limbs are loads. */
const WINDOW = memory.data(112, 64);

export function shl(shift: usize, a: usize, out: usize): void {
  const n = saturated(shift);
  if (n >= 256) return zero(out);
  const bits = n & 63;
  // Limb i of the result joins limbs i - n/64 and the one below it.
  zero(WINDOW);
  copy(a, WINDOW + 32);
  const from = WINDOW + 32 - (<usize>(n >> 6) << 3);
  const l3 = load<u64>(from, 24);
  const l2 = load<u64>(from, 16);
  const l1 = load<u64>(from, 8);
  const l0 = load<u64>(from);
  if (bits == 0) {
    store<u64>(out, l0);
    store<u64>(out, l1, 8);
    store<u64>(out, l2, 16);
    store<u64>(out, l3, 24);
    return;
  }
  const back = 64 - bits;
  store<u64>(out, l0 << bits);
  store<u64>(out, (l1 << bits) | (l0 >> back), 8);
  store<u64>(out, (l2 << bits) | (l1 >> back), 16);
  store<u64>(out, (l3 << bits) | (l2 >> back), 24);
}

@inline
function shiftRight(n: u64, a: usize, fill: u64, out: usize): void {
  const bits = n & 63;
  copy(a, WINDOW + 32);
  v128.store(WINDOW, i64x2.splat(fill), 64);
  v128.store(WINDOW, i64x2.splat(fill), 80);
  const from = WINDOW + 32 + (<usize>(n >> 6) << 3);
  const l0 = load<u64>(from);
  const l1 = load<u64>(from, 8);
  const l2 = load<u64>(from, 16);
  const l3 = load<u64>(from, 24);
  if (bits == 0) {
    store<u64>(out, l0);
    store<u64>(out, l1, 8);
    store<u64>(out, l2, 16);
    store<u64>(out, l3, 24);
    return;
  }
  const back = 64 - bits;
  const l4 = fill;
  store<u64>(out, (l0 >> bits) | (l1 << back));
  store<u64>(out, (l1 >> bits) | (l2 << back), 8);
  store<u64>(out, (l2 >> bits) | (l3 << back), 16);
  store<u64>(out, (l3 >> bits) | (l4 << back), 24);
}

export function shr(shift: usize, a: usize, out: usize): void {
  const n = saturated(shift);
  if (n >= 256) return zero(out);
  shiftRight(n, a, 0, out);
}

export function sar(shift: usize, a: usize, out: usize): void {
  const n = saturated(shift);
  const fill = <u64>(load<i64>(a, 24) >> 63);
  if (n >= 256) {
    store<u64>(out, fill);
    store<u64>(out, fill, 8);
    store<u64>(out, fill, 16);
    store<u64>(out, fill, 24);
    return;
  }
  shiftRight(n, a, fill, out);
}

/** The lower 160 bits. */
@inline
export function addressMask(a: usize, out: usize): void {
  store<u64>(out, load<u64>(a));
  store<u64>(out, load<u64>(a, 8), 8);
  store<u64>(out, load<u64>(a, 16) & 0xffffffff, 16);
  store<u64>(out, 0, 24);
}

/** a times a number of 64 bits; returns what is above 256 bits. */
export function mulSmall(a: usize, b: u64, out: usize): u64 {
  let carry: u64 = 0;
  for (let i: usize = 0; i < 32; i += 8) {
    const x = load<u64>(a + i);
    const low = x * b;
    const sum = low + carry;
    carry = mulHigh(x, b) + u64(sum < low);
    store<u64>(out + i, sum);
  }
  return carry;
}
