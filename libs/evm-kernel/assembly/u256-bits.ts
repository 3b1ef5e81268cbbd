// Words as bits and bytes: logic, shifts, and where their first digit stands.
import { copy, saturated, small, zero } from "./u256";

@inline
export function and(a: usize, b: usize, out: usize): void {
  v128.store(out, v128.and(v128.load(b), v128.load(a)));
  v128.store(out, v128.and(v128.load(b, 16), v128.load(a, 16)), 16);
}

@inline
export function or(a: usize, b: usize, out: usize): void {
  v128.store(out, v128.or(v128.load(b), v128.load(a)));
  v128.store(out, v128.or(v128.load(b, 16), v128.load(a, 16)), 16);
}

@inline
export function xor(a: usize, b: usize, out: usize): void {
  v128.store(out, v128.xor(v128.load(b), v128.load(a)));
  v128.store(out, v128.xor(v128.load(b, 16), v128.load(a, 16)), 16);
}

@inline
export function not(a: usize, out: usize): void {
  v128.store(out, v128.not(v128.load(a)));
  v128.store(out, v128.not(v128.load(a, 16)), 16);
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

/** The lower 160 bits. */
@inline
export function addressMask(a: usize, out: usize): void {
  store<u64>(out, load<u64>(a));
  store<u64>(out, load<u64>(a, 8), 8);
  store<u64>(out, load<u64>(a, 16) & 0xffffffff, 16);
  store<u64>(out, 0, 24);
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
