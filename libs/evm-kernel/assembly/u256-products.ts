// Products of words, and powers.
import { copy, small, zero } from "./u256";

/** The lower half of a limb. */
export const M32: u64 = 0xffffffff;

const BASE = memory.data(32, 64);
const EXPONENT = memory.data(32, 64);

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

/** a to the power of b, by squaring. */
export function power(a: usize, b: usize, out: usize): void {
  copy(a, BASE);
  copy(b, EXPONENT);
  small(out, 1);
  let top: i32 = 3;
  while (top >= 0 && load<u64>(EXPONENT + (<usize>top << 3)) == 0) top--;
  if (top < 0) return;
  const bits = (top << 6) + 64 - <i32>clz<u64>(load<u64>(EXPONENT + (<usize>top << 3)));
  if (load<u64>(BASE) == 2 && (load<u64>(BASE, 8) | load<u64>(BASE, 16) | load<u64>(BASE, 24)) == 0) {
    // Powers of two.
    if (bits > 8) return zero(out);
    const exponent = <u32>load<u64>(EXPONENT);
    zero(out);
    store<u64>(out + <usize>((exponent >> 6) << 3), (<u64>1) << (<u64>(exponent & 63)));
    return;
  }
  for (let i = bits - 1; i >= 0; i--) {
    mul(out, out, out);
    if ((load<u64>(EXPONENT + (<usize>(i >> 6) << 3)) >> (<u64>(i & 63))) & 1) mul(out, BASE, out);
  }
}
