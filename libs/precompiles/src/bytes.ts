/** Big-endian integers in byte strings whose end may be cut off: what lies behind it reads as zero. */

/** `size` bytes from `at`, zeros where the input has ended. Copies only when it must. */
export function padded(input: Uint8Array, at: number, size: number): Uint8Array {
  if (at + size <= input.length) return input.subarray(at, at + size);
  const out = new Uint8Array(size);
  if (at < input.length) out.set(input.subarray(at));
  return out;
}

/** The bytes as an integer; faster than by words because the engine parses hexadecimal in linear time. */
export function toInteger(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
}

/** `value` in exactly `size` bytes; it must fit. */
export function toBytes(value: bigint, size: number): Uint8Array {
  const out = new Uint8Array(size);
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  out.set(bytes, size - bytes.length);
  return out;
}

export function isZeroRange(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** 1 as a 32-byte word: what checks answer that succeed. */
export const ONE_WORD: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 1 : 0));
export const ZERO_WORD: Uint8Array = new Uint8Array(32);
