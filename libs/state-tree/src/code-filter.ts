/**
 * Says of most accounts without code that they have none, without hashing or searching: a Bloom filter over the keys
 * of code slots that were ever active here. Every transfer reads the code slots of both its accounts, and nearly all
 * are absent. Three bits inside one word per key: one memory access; 2^18 words hold a million code slots at 5 %
 * false hits, and a false hit only costs the search. Keys are never taken out, so an answer holds for every height of
 * the undo window too.
 */
import { Domain } from "@velarium/slots";

const WORDS = 1 << 18;

export class CodeFilter {
  private readonly bits = new Uint32Array(WORDS);
  private any = false;

  /** Notes the key at `words[at]` if it is that of a code slot. */
  add(words: Uint32Array, at: number): void {
    if ((words[at]! & 0xff) !== Domain.code) return;
    const h = mix(words, at);
    this.bits[h >>> 14]! |= maskOf(h);
    this.any = true;
  }

  /** True when the key is that of a code slot that was never written. */
  isAbsent(words: Uint32Array, at: number): boolean {
    if ((words[at]! & 0xff) !== Domain.code) return false;
    if (!this.any) return true;
    const h = mix(words, at);
    const mask = maskOf(h);
    return (this.bits[h >>> 14]! & mask) !== mask;
  }
}

/** Mixes the words that hold domain and address. */
function mix(words: Uint32Array, at: number): number {
  let h = words[at]!;
  for (let i = 1; i < 6; i++) h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) + words[at + i]!;
  h = Math.imul(h ^ (h >>> 15), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}

const maskOf = (h: number): number => (1 << (h & 31)) | (1 << ((h >>> 5) & 31)) | (1 << ((h >>> 10) & 15));
