/**
 * 256-bit unsigned integers as 16 little-endian limbs of 16 bits in a Uint32Array: a limb times a 32-bit number plus a
 * carry stays below 2^53, so plain doubles are exact and nothing is allocated.
 */
export const LIMBS = 16;
export type Limbs = Uint32Array;

export const createLimbs = (): Limbs => new Uint32Array(LIMBS);

/** Loads a big-endian integer of `size` bytes (at most 32). */
export function loadBytes(out: Limbs, bytes: Uint8Array, offset: number, size: number): void {
  const end = offset + size;
  for (let i = 0; i < LIMBS; i++) {
    const low = end - 1 - 2 * i;
    out[i] = low < offset ? 0 : low === offset ? bytes[low]! : bytes[low]! | (bytes[low - 1]! << 8);
  }
}

/** Stores 32 big-endian bytes. */
export function storeWord(from: Limbs, bytes: Uint8Array, offset: number): void {
  for (let i = 0; i < LIMBS; i++) {
    const limb = from[i]!;
    bytes[offset + 31 - 2 * i] = limb & 0xff;
    bytes[offset + 30 - 2 * i] = limb >>> 8;
  }
}

/** Negative, zero or positive as a is below, equal to or above b. */
export function compare(a: Limbs, b: Limbs): number {
  for (let i = LIMBS - 1; i >= 0; i--) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** out = a + b; returns the carry out of 256 bits. `out` may be an operand. */
export function add(out: Limbs, a: Limbs, b: Limbs): number {
  let carry = 0;
  for (let i = 0; i < LIMBS; i++) {
    const sum = a[i]! + b[i]! + carry;
    out[i] = sum & 0xffff;
    carry = sum >>> 16;
  }
  return carry;
}

/** out = a − b modulo 2^256; returns the borrow. `out` may be an operand. */
export function subtract(out: Limbs, a: Limbs, b: Limbs): number {
  let borrow = 0;
  for (let i = 0; i < LIMBS; i++) {
    const difference = a[i]! - b[i]! - borrow;
    out[i] = difference & 0xffff;
    borrow = difference < 0 ? 1 : 0;
  }
  return borrow;
}

/** out = a · by for an integer 0 ≤ by < 2^32; returns what does not fit 256 bits. */
export function multiply(out: Limbs, a: Limbs, by: number): number {
  let carry = 0;
  for (let i = 0; i < LIMBS; i++) {
    const product = a[i]! * by + carry;
    const high = Math.floor(product / 65536);
    out[i] = product - high * 65536;
    carry = high;
  }
  return carry;
}

export function isZeroLimbs(a: Limbs): boolean {
  for (let i = 0; i < LIMBS; i++) if (a[i] !== 0) return false;
  return true;
}
