/** Values of a genesis file: geth writes hexadecimal and accepts decimal. */
import { invalid } from "./error.ts";

const INTEGER = /^(0x[0-9a-fA-F]*|[0-9]+)$/;
const HEX = /^(0x)?([0-9a-fA-F]{2})*$/;
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
  if (typeof value !== "string" || !HEX.test(value)) throw invalid(field, "hexadecimal bytes", value);
  return Uint8Array.from(Buffer.from(value.startsWith("0x") ? value.slice(2) : value, "hex"));
}

export function addressOf(value: unknown, field: string): Uint8Array {
  const bytes = bytesOf(value, field);
  if (bytes.length !== 20) throw invalid(field, "an address of 20 bytes", value);
  return bytes;
}

/** Up to 32 bytes, zeros added on the left. */
export function wordOf(value: unknown, field: string): Uint8Array {
  if (typeof value !== "string" || !/^(0x)?[0-9a-fA-F]*$/.test(value))
    throw invalid(field, "a hexadecimal word", value);
  const digits = value.replace(/^0x/, "");
  if (digits.length > 64) throw invalid(field, "a word of at most 32 bytes", value);
  return Uint8Array.from(Buffer.from(digits.padStart(64, "0"), "hex"));
}

export const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
export const quantityOf = (value: bigint | number): string => `0x${value.toString(16)}`;

export function bigIntToWord(value: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
}
