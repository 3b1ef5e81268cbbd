/** 0x09, the compression function of BLAKE2b (EIP-152). Input `rounds 4 (big-endian) | h 64 | m 128 | t 16 | final 1`. */
import { blake2bCompress } from "@velarium/hash-kernel";

const INPUT = 213;

/** One gas per round, however wrong the rest is. */
export const blake2fGas = (input: Uint8Array): number =>
  input.length === INPUT ? ((input[0]! << 24) | (input[1]! << 16) | (input[2]! << 8) | input[3]!) >>> 0 : 0;

export function blake2f(input: Uint8Array): Uint8Array | undefined {
  if (input.length !== INPUT || input[212]! > 1) return undefined;
  return blake2bCompress(blake2fGas(input), input.subarray(4, 212), input[212] === 1);
}
