/**
 * The code field of an account in one word: `flags 1 | incarnation 3 (big-endian) | first 28 bytes of the code hash`.
 * An account without code has 28 zero bytes. 224 bits leave 112 bits against collisions; whoever loads code compares
 * its full hash. The zero word is an account with no code, no flags and incarnation 0.
 */
import { WORD_BYTES } from "./key.ts";

export const CodeFlag = {
  /** The account exists although nonce, balance and code are empty (forks before EIP-158). */
  exists: 1,
  /** The account's storage has been written (EIP-7610 refuses creation there). */
  storage: 2,
} as const;

export const CODE_HASH_PREFIX_BYTES = 28;
export const MAX_INCARNATION = 0xffffff;

export interface CodeWord {
  readonly flags: number;
  readonly incarnation: number;
  /** First 28 bytes of keccak256(code), all zero when there is no code. */
  readonly hashPrefix: Uint8Array;
}

export function encodeCodeWord(word: CodeWord): Uint8Array {
  const out = new Uint8Array(WORD_BYTES);
  out[0] = word.flags;
  out[1] = word.incarnation >>> 16;
  out[2] = (word.incarnation >>> 8) & 0xff;
  out[3] = word.incarnation & 0xff;
  out.set(word.hashPrefix.subarray(0, CODE_HASH_PREFIX_BYTES), 4);
  return out;
}

export function decodeCodeWord(bytes: Uint8Array, offset = 0): CodeWord {
  return {
    flags: bytes[offset]!,
    incarnation: (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!,
    hashPrefix: bytes.slice(offset + 4, offset + WORD_BYTES),
  };
}

export function hasCode(word: Uint8Array, offset = 0): boolean {
  for (let i = 4; i < WORD_BYTES; i++) if (word[offset + i] !== 0) return true;
  return false;
}
