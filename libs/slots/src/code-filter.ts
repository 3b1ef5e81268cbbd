/**
 * Says of most accounts without code that they have none, without hashing, searching or asking: a Bloom filter over the
 * keys of code slots that were ever written. Every transfer reads the code slots of both its accounts, and nearly all
 * are absent. Three bits inside one word per key: one memory access; 2^18 words hold a million code slots at 5 %
 * false hits, and a false hit only costs the search. Keys are never taken out, so an answer holds for every earlier
 * height too. Shards keep one over what they hold, and executors copies of it (`CodeFilter` in libs/wire).
 */
import { Domain } from "./key.ts";

export const CODE_FILTER_WORDS = 1 << 18;
/** So many hashes are kept beside the bits: a state with few contracts is told in 32 KiB instead of 1 MiB. */
const LISTED = 8192;

export class CodeFilter {
  private readonly bits = new Uint32Array(CODE_FILTER_WORDS);
  private any = false;
  /** Hashes of all keys, as long as they are few; each once as far as the bits tell. */
  private readonly listed: number[] = [];
  private isListed = true;

  /** Notes the key at `words[at]` if it is that of a code slot. */
  add(words: Uint32Array, at: number): void {
    if (isCodeKey(words, at)) this.addHash(codeKeyHash(words, at));
  }

  addHash(h: number): void {
    const mask = maskOf(h);
    const known = this.bits[h >>> 14]!;
    if ((known & mask) === mask) return;
    this.bits[h >>> 14] = known | mask;
    this.any = true;
    if (this.listed.length < LISTED) this.listed.push(h);
    else this.isListed = false;
  }

  /** True when the key is that of a code slot that was never written. */
  isAbsent(words: Uint32Array, at: number): boolean {
    if (!isCodeKey(words, at)) return false;
    if (!this.any) return true;
    const h = codeKeyHash(words, at);
    const mask = maskOf(h);
    return (this.bits[h >>> 14]! & mask) !== mask;
  }

  /** What makes the same filter: hashes to add while they are few, else all words (borrowed). */
  content(): { readonly words: Uint32Array; readonly added: Uint32Array } {
    return this.isListed
      ? { words: NO_WORDS, added: Uint32Array.from(this.listed) }
      : { words: this.bits, added: NO_WORDS };
  }

  /** Adds all that another filter's `words` hold. Throws RangeError for another size. */
  addWords(words: Uint32Array): void {
    if (words.length === 0) return;
    if (words.length !== CODE_FILTER_WORDS)
      throw new RangeError(`a code filter has ${CODE_FILTER_WORDS} words, got ${words.length}`);
    for (let i = 0; i < CODE_FILTER_WORDS; i++) this.bits[i]! |= words[i]!;
    this.any = true;
    this.isListed = false;
  }
}

const NO_WORDS = new Uint32Array(0);

export const isCodeKey = (words: Uint32Array, at: number): boolean => (words[at]! & 0xff) === Domain.code;

/** Mixes the words that hold domain and address. */
export function codeKeyHash(words: Uint32Array, at: number): number {
  let h = words[at]!;
  for (let i = 1; i < 6; i++) h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) + words[at + i]!;
  h = Math.imul(h ^ (h >>> 15), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}

const maskOf = (h: number): number => (1 << (h & 31)) | (1 << ((h >>> 5) & 31)) | (1 << ((h >>> 10) & 15));
