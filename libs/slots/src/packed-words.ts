/** Keys and values inside arenas of 32-bit words: a key has 14 words, a value 8, bytes in the order of the wire. */
export const KEY_WORDS = 14;
export const VALUE_WORDS = 8;

/** A borrowed view of packed bytes as words, or a copy where they are not aligned. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const source = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(source.buffer, source.byteOffset, source.length >>> 2);
}

export function sameKey(a: Uint32Array, i: number, b: Uint32Array, j: number): boolean {
  for (let k = 0; k < KEY_WORDS; k++) if (a[i + k] !== b[j + k]) return false;
  return true;
}

export function copyWords(to: Uint32Array, i: number, from: Uint32Array, j: number, count: number): void {
  for (let k = 0; k < count; k++) to[i + k] = from[j + k]!;
}

const swap = (w: number): number =>
  (((w & 0xff) << 24) | ((w & 0xff00) << 8) | ((w >>> 8) & 0xff00) | (w >>> 24)) >>> 0;

/** Adds the big-endian 256-bit integer at `from[j]` to that at `to[i]`, modulo 2^256. */
export function addWord(to: Uint32Array, i: number, from: Uint32Array, j: number): void {
  let carry = 0;
  for (let k = VALUE_WORDS - 1; k >= 0; k--) {
    const sum = swap(to[i + k]!) + swap(from[j + k]!) + carry;
    to[i + k] = swap(sum >>> 0);
    carry = sum > 0xffffffff ? 1 : 0;
  }
}
