/** 0x05, modular exponentiation (EIP-198), with the prices of EIP-198, EIP-2565 and EIP-7883 and the bound of EIP-7823. */
import { padded, toBytes, toInteger } from "./bytes.ts";
import { EMPTY } from "./result.ts";

const HEADER = 96;
/** EIP-7823. */
export const OSAKA_MAX_BYTES = 1024;
/** Before EIP-7823 gas alone bounds the operands; a number this long no gas limit pays for. */
export const MAX_BYTES = 2 ** 31 - 1;

/** The three lengths that an input declares; Infinity where one is above 2^53. */
interface Lengths {
  readonly base: number;
  readonly exponent: number;
  readonly modulus: number;
}

function lengthAt(input: Uint8Array, at: number): number {
  const value = toInteger(padded(input, at, 32));
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
}

const lengthsOf = (input: Uint8Array): Lengths => ({
  base: lengthAt(input, 0),
  exponent: lengthAt(input, 32),
  modulus: lengthAt(input, 64),
});

/** Bits of the exponent's first 32 bytes below the highest set one. */
function headBits(input: Uint8Array, { base, exponent }: Lengths): number {
  const size = Math.min(32, exponent);
  if (size === 0 || HEADER + base >= input.length) return 0;
  const head = toInteger(padded(input, HEADER + base, size));
  return head === 0n ? 0 : head.toString(2).length - 1;
}

/** EIP-198's piecewise price of one multiplication of `x` bytes. */
function complexity198(x: bigint): bigint {
  if (x <= 64n) return x * x;
  if (x <= 1024n) return (x * x) / 4n + 96n * x - 3072n;
  return (x * x) / 16n + 480n * x - 199_680n;
}

export type ModexpPricing = "eip198" | "eip2565" | "eip7883";

const exact = (value: bigint): number =>
  value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);

/** Gas of the call, in whole numbers throughout: quotients are rounded down. */
export function modexpGas(input: Uint8Array, pricing: ModexpPricing): number {
  const lengths = lengthsOf(input);
  const size = Math.max(lengths.base, lengths.modulus);
  const least = pricing === "eip198" ? 0 : pricing === "eip2565" ? 200 : 500;
  if (!Number.isFinite(size)) return Number.POSITIVE_INFINITY;
  // Nothing to multiply is free before EIP-7883, however long the exponent claims to be.
  if (size === 0 && pricing !== "eip7883") return least;
  if (!Number.isFinite(lengths.exponent)) return Number.POSITIVE_INFINITY;
  const perByte = pricing === "eip7883" ? 16n : 8n;
  const tail = BigInt(Math.max(0, lengths.exponent - 32)) * perByte + BigInt(headBits(input, lengths));
  const iterations = tail < 1n ? 1n : tail;
  const words = BigInt(Math.ceil(size / 8));
  if (pricing === "eip198") return exact((iterations * complexity198(BigInt(size))) / 20n);
  if (pricing === "eip2565") return Math.max(least, exact((iterations * words * words) / 3n));
  return Math.max(least, exact(iterations * (size > 32 ? 2n * words * words : 16n)));
}

/** base^exponent mod modulus with four exponent bits per step; the exponent is big-endian bytes, as the input has it. */
export function powerModulo(base: bigint, exponent: Uint8Array, modulus: bigint): bigint {
  if (modulus === 1n) return 0n;
  let start = 0;
  while (start < exponent.length && exponent[start] === 0) start++;
  if (start === exponent.length) return 1n;
  const reduced = base % modulus;
  if (exponent.length - start <= 4) return shortPower(reduced, exponent.subarray(start), modulus);
  const table = [1n, reduced];
  for (let i = 2; i < 16; i++) table.push((table[i - 1]! * reduced) % modulus);
  let result = 1n;
  for (let i = start; i < exponent.length; i++) {
    const byte = exponent[i]!;
    result = step(step(result, table[byte >> 4]!, modulus), table[byte & 15]!, modulus);
  }
  return result;
}

function step(result: bigint, factor: bigint, modulus: bigint): bigint {
  let r = result;
  if (r !== 1n) for (let i = 0; i < 4; i++) r = (r * r) % modulus;
  return factor === 1n ? r : (r * factor) % modulus;
}

/** For exponents such as 3 and 65537, where a table costs more than it saves. */
function shortPower(base: bigint, exponent: Uint8Array, modulus: bigint): bigint {
  let bits = 0;
  for (const byte of exponent) bits = bits * 256 + byte;
  let result = base;
  for (let at = 2 ** (Math.floor(Math.log2(bits)) - 1); at >= 1; at /= 2) {
    result = (result * result) % modulus;
    if (Math.floor(bits / at) % 2 === 1) result = (result * base) % modulus;
  }
  return result;
}

/** Undefined when an operand is longer than `maxBytes`. */
export function modexp(input: Uint8Array, maxBytes: number): Uint8Array | undefined {
  const { base, exponent, modulus } = lengthsOf(input);
  const isBounded = maxBytes === OSAKA_MAX_BYTES;
  if (!isBounded && base === 0 && modulus === 0) return EMPTY;
  if (base > maxBytes || exponent > maxBytes || modulus > maxBytes) return undefined;
  if (modulus === 0) return EMPTY;
  const modulusAt = HEADER + base + exponent;
  if (modulusAt >= input.length) return new Uint8Array(modulus);
  const m = toInteger(padded(input, modulusAt, modulus));
  if (m === 0n) return new Uint8Array(modulus);
  const b = toInteger(padded(input, HEADER, base));
  return toBytes(powerModulo(b, padded(input, HEADER + base, exponent), m), modulus);
}
