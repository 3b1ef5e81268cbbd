/** 256-bit words as bigint and as 32 big-endian bytes. */
import { WORD_BYTES } from "@velarium/slots";

const view = new DataView(new ArrayBuffer(WORD_BYTES));
const scratch = new Uint8Array(view.buffer);

export function wordToBigInt(word: Uint8Array, offset = 0): bigint {
  for (let i = 0; i < WORD_BYTES; i++) scratch[i] = word[offset + i]!;
  const low = view.getBigUint64(24);
  const high = view.getBigUint64(0) | view.getBigUint64(8);
  if (high === 0n && view.getBigUint64(16) === 0n) return low;
  return (
    (view.getBigUint64(0) << 192n) | (view.getBigUint64(8) << 128n) | (view.getBigUint64(16) << 64n) | low
  );
}

/** Writes `value`, which must fit 256 bits, at `offset` of `out`. */
export function writeBigInt(value: bigint, out: Uint8Array, offset = 0): Uint8Array {
  view.setBigUint64(0, BigInt.asUintN(64, value >> 192n));
  view.setBigUint64(8, BigInt.asUintN(64, value >> 128n));
  view.setBigUint64(16, BigInt.asUintN(64, value >> 64n));
  view.setBigUint64(24, BigInt.asUintN(64, value));
  out.set(scratch, offset);
  return out;
}

export const bigIntToWord = (value: bigint): Uint8Array => writeBigInt(value, new Uint8Array(WORD_BYTES));

/** `bytes` (at most 32) as a word, zeros on the left. */
export function padWord(bytes: Uint8Array): Uint8Array {
  if (bytes.length === WORD_BYTES) return bytes;
  const out = new Uint8Array(WORD_BYTES);
  out.set(bytes, WORD_BYTES - bytes.length);
  return out;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

const latin1 = Buffer.prototype.latin1Slice as unknown as (
  this: Uint8Array,
  from: number,
  to: number,
) => string;
/** Bytes as a string of the same length, for map keys: cheaper than hexadecimal. */
export const bytesToMapKey = (bytes: Uint8Array, from = 0, to = bytes.length): string =>
  latin1.call(bytes, from, to);
