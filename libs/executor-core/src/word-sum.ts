/** Sums of words as bytes, where they are rare; `addWord` of the slots' library is for those packed in words. */
import { WORD_BYTES } from "@velarium/slots";

/** Adds a big-endian 256-bit integer to another, modulo 2^256. */
export function addBytes(to: Uint8Array, at: number, from: Uint8Array, offset: number): void {
  let carry = 0;
  for (let i = WORD_BYTES - 1; i >= 0; i--) {
    const sum = to[at + i]! + from[offset + i]! + carry;
    to[at + i] = sum;
    carry = sum >>> 8;
  }
}
