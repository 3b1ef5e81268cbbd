/** What is known of memory at one point: words at addresses of the form base + constant. */
import { NO_VALUE, type ValueId } from "../ir.ts";

/** base + offset; `NO_VALUE` as base for a constant address. Two addresses with one base differ by their offsets. */
export interface Address {
  readonly base: ValueId;
  readonly offset: bigint;
}

/** Words kept; the oldest are forgotten first. */
const MAX_WORDS = 64;

/** Offsets wrap at 2^256, but after a `touch` an address fits 32 bits, so that nearness is what it seems. */
const distance = (a: bigint, b: bigint): bigint => BigInt.asIntN(256, a - b);

export class MemoryFacts {
  /** By base, then by offset. */
  readonly #words: Map<ValueId, Map<bigint, ValueId>>;
  #count = 0;

  constructor(words: Map<ValueId, Map<bigint, ValueId>> = new Map()) {
    this.#words = words;
    for (const at of words.values()) this.#count += at.size;
  }

  copy(): MemoryFacts {
    return new MemoryFacts(new Map([...this.#words].map(([base, at]) => [base, new Map(at)])));
  }

  /** What holds where `rename` gives values other names; a fact goes when it gives none. */
  renamed(rename: (id: ValueId) => ValueId | undefined): MemoryFacts {
    const words = new Map<ValueId, Map<bigint, ValueId>>();
    for (const [base, at] of this.#words) {
      const newBase = base === NO_VALUE ? base : rename(base);
      if (newBase === undefined) continue;
      const renamed = words.get(newBase) ?? new Map<bigint, ValueId>();
      for (const [offset, value] of at) {
        const newValue = rename(value);
        if (newValue !== undefined) renamed.set(offset, newValue);
      }
      words.set(newBase, renamed);
    }
    return new MemoryFacts(words);
  }

  word({ base, offset }: Address): ValueId | undefined {
    return this.#words.get(base)?.get(offset);
  }

  /** The words of `size` bytes from `address` on, if all are known and size is some words. */
  words({ base, offset }: Address, size: bigint): ValueId[] | undefined {
    if (size === 0n || size % 32n !== 0n || size > 32n * BigInt(MAX_WORDS)) return undefined;
    const found: ValueId[] = [];
    for (let at = 0n; at < size; at += 32n) {
      const word = this.word({ base, offset: BigInt.asUintN(256, offset + at) });
      if (word === undefined) return undefined;
      found.push(word);
    }
    return found;
  }

  /** A word is read or written there; other facts stand. */
  learn({ base, offset }: Address, value: ValueId): void {
    let at = this.#words.get(base);
    if (at === undefined) this.#words.set(base, (at = new Map()));
    if (!at.has(offset)) this.#count++;
    at.set(offset, value);
    while (this.#count > MAX_WORDS) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const [base, at] = this.#words.entries().next().value!;
    const oldest = at.keys().next();
    if (oldest.done === true) this.#words.delete(base);
    else {
      at.delete(oldest.value);
      this.#count--;
    }
  }

  /** `size` bytes there change; what another base addresses may be the same place. */
  overwrite({ base, offset }: Address, size: bigint): void {
    if (size === 0n) return;
    for (const other of this.#words.keys()) if (other !== base) this.#forgetBase(other);
    const at = this.#words.get(base);
    if (at === undefined) return;
    for (const start of at.keys()) {
      const ahead = distance(start, offset);
      if (ahead >= size || ahead <= -32n) continue;
      at.delete(start);
      this.#count--;
    }
  }

  #forgetBase(base: ValueId): void {
    this.#count -= this.#words.get(base)!.size;
    this.#words.delete(base);
  }

  forget(): void {
    this.#words.clear();
    this.#count = 0;
  }
}
