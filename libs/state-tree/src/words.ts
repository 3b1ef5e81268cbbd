/** Keys and values of callers as 32-bit words. */
import { VALUE_WORDS } from "@velarium/slots";

export { KEY_WORDS, VALUE_WORDS } from "@velarium/slots";

/** The first `count` words of bytes: a view, or a copy where they are not aligned. */
export function alignedWords(bytes: Uint8Array, count: number): Uint32Array {
  const source = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice(0, count * 4);
  return new Uint32Array(source.buffer, source.byteOffset, count);
}

/** Values as words in place, or words to be copied there. */
export function alignedTarget(out: Uint8Array, count: number): Uint32Array {
  return out.byteOffset % 4 === 0
    ? new Uint32Array(out.buffer, out.byteOffset, count * VALUE_WORDS)
    : new Uint32Array(count * VALUE_WORDS);
}

export function clearValue(words: Uint32Array, at: number): void {
  for (let j = 0; j < VALUE_WORDS; j++) words[at + j] = 0;
}
