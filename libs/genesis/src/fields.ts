/** Values of a genesis file: geth writes hexadecimal and accepts decimal. */
import { invalid } from "./error.ts";

const INTEGER = /^(0x[0-9a-fA-F]*|[0-9]+)$/;
/** Value of each hexadecimal digit by character code, 255 for others. */
const DIGITS = new Uint8Array(128).fill(255);
for (let d = 0; d < 16; d++) {
  DIGITS[d.toString(16).charCodeAt(0)] = d;
  DIGITS[d.toString(16).toUpperCase().charCodeAt(0)] = d;
}

/** Digits `from`.. of a text into the last bytes of `out`; false when one is none or they do not fit. */
function fillFromDigits(text: string, from: number, out: Uint8Array): boolean {
  let to = out.length * 2;
  for (let i = text.length - 1; i >= from; i--) {
    const code = text.charCodeAt(i);
    const digit = code < 128 ? DIGITS[code]! : 255;
    if (digit === 255 || --to < 0) return false;
    out[to >> 1]! |= (to & 1) === 0 ? digit << 4 : digit;
  }
  return true;
}

const digitsFrom = (text: string): number => (text.startsWith("0x") ? 2 : 0);
const MAX_WORD = 2n ** 256n;

/** An integer below 2^256, given as number, decimal string or hexadecimal string. */
export function integerOf(value: unknown, field: string): bigint {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value !== "string" || !INTEGER.test(value))
    throw invalid(field, "a non-negative integer", value);
  const integer = value === "0x" ? 0n : BigInt(value);
  if (integer >= MAX_WORD) throw invalid(field, "an integer of at most 256 bits", value);
  return integer;
}

export function numberOf(value: unknown, field: string): number {
  const integer = integerOf(value, field);
  if (integer > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(field, "an integer below 2^53", value);
  return Number(integer);
}

export function bytesOf(value: unknown, field: string): Uint8Array {
  if (typeof value !== "string") throw invalid(field, "hexadecimal bytes", value);
  const from = digitsFrom(value);
  const digits = value.length - from;
  const out = new Uint8Array(digits >> 1);
  if ((digits & 1) === 1 || !fillFromDigits(value, from, out))
    throw invalid(field, "hexadecimal bytes", value);
  return out;
}

export function addressOf(value: unknown, field: string): Uint8Array {
  const bytes = bytesOf(value, field);
  if (bytes.length !== 20) throw invalid(field, "an address of 20 bytes", value);
  return bytes;
}

/** Up to 32 bytes, zeros added on the left. */
export function wordOf(value: unknown, field: string): Uint8Array {
  if (typeof value !== "string") throw invalid(field, "a hexadecimal word", value);
  const from = digitsFrom(value);
  if (value.length - from > 64) throw invalid(field, "a word of at most 32 bytes", value);
  const out = new Uint8Array(32);
  if (!fillFromDigits(value, from, out)) throw invalid(field, "a hexadecimal word", value);
  return out;
}

export const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
export const quantityOf = (value: bigint | number): string => `0x${value.toString(16)}`;

export function bigIntToWord(value: bigint): Uint8Array {
  const out = new Uint8Array(32);
  const view = new DataView(out.buffer);
  let rest = value;
  for (let at = 24; rest > 0n; at -= 8, rest >>= 64n) view.setBigUint64(at, rest & 0xffffffffffffffffn);
  return out;
}
