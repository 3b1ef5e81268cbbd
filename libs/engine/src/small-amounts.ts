/**
 * Amounts below 2^96 as two halves of 48 bits in doubles, which are exact below 2^53: what nearly every balance and
 * value is, at a tenth of the work that limbs take.
 */
export const HALF = 2 ** 48;
/** Bytes of an amount in two halves. */
export const SMALL_BYTES = 12;
const HALF_BYTES = 6;

/** A big-endian integer of at most six bytes. */
export function loadHalf(bytes: Uint8Array, offset: number, size: number): number {
  let high = 0;
  let low = 0;
  const end = offset + size;
  const middle = end - 4;
  for (let i = offset; i < middle; i++) high = (high << 8) | bytes[i]!;
  for (let i = Math.max(middle, offset); i < end; i++) low = (low << 8) | bytes[i]!;
  return high * 2 ** 32 + (low >>> 0);
}

/** The upper half of an integer of at most twelve bytes. */
export const loadUpper = (bytes: Uint8Array, offset: number, size: number): number =>
  size <= HALF_BYTES ? 0 : loadHalf(bytes, offset, size - HALF_BYTES);

/** The lower half of an integer of any size. */
export const loadLower = (bytes: Uint8Array, offset: number, size: number): number =>
  size <= HALF_BYTES
    ? loadHalf(bytes, offset, size)
    : loadHalf(bytes, offset + size - HALF_BYTES, HALF_BYTES);

/** Halves of the last product; the lower one is below 2^52 + 2^48 and may carry. */
export let productUpper = 0;
export let productLower = 0;
/** Factors of gas are below this, so that all parts of a product stay exact. */
export const FACTOR_LIMIT = 2 ** 28;

/** Multiplies an integer below 2^48 by one below `FACTOR_LIMIT`. */
export function multiplyHalf(a: number, by: number): void {
  const high = Math.floor(a / 2 ** 24);
  const upper = high * by;
  productUpper = Math.floor(upper / 2 ** 24);
  productLower = (upper - productUpper * 2 ** 24) * 2 ** 24 + (a - high * 2 ** 24) * by;
}

const swap = (w: number): number =>
  ((w & 0xff) << 24) | ((w & 0xff00) << 8) | ((w >>> 8) & 0xff00) | (w >>> 24);

/** Writes 32 big-endian bytes, seen as little-endian words. Halves are below 2^48. */
export function storeSmall(out: Uint32Array, upper: number, lower: number): void {
  for (let i = 0; i < 5; i++) out[i] = 0;
  const upperTop = Math.floor(upper / 2 ** 32);
  const lowerTop = Math.floor(lower / 2 ** 32);
  out[5] = swap((upperTop << 16) | (upper >>> 16));
  out[6] = swap(((upper & 0xffff) << 16) | lowerTop);
  out[7] = swap(lower >>> 0);
}
