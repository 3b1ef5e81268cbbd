// 256-bit words in memory, four little-endian u64 limbs at 32 bytes: moving, comparing, adding. Of all operations on
// words (u256-*.ts) `out` may equal an operand: what they read they have read before they write there.

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
