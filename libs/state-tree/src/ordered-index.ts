/**
 * Ordered map of one partition from key hash to entry number, in the kernel's memory (assembly/ordered-index.ts). Hashes are
 * eight words in arrays of the host. The index is also a cursor: `seek` moves it.
 */
import { SIZE } from "../assembly/interface.ts";
import type { TreeKernel } from "./tree-kernel.ts";

export class OrderedIndex {
  /** Its address in the kernel. */
  readonly handle: number;
  private readonly kernel: TreeKernel;

  constructor(kernel: TreeKernel) {
    this.kernel = kernel;
    this.handle = kernel.run.createIndex() >>> 0;
  }

  /** Keys held. */
  get size(): number {
    return this.kernel.u32[(this.handle + SIZE) >>> 2]!;
  }

  /**
   * Moves to the greatest key at or below the hash at `words[at..at+8]`; true when it is that key. In a partition
   * with its sentinel (the zero hash) there always is one.
   */
  seek(words: Uint32Array, at: number): boolean {
    return this.kernel.run.seek(this.handle, this.given(words, at)) !== 0;
  }

  /** Moves one key back; the caller knows that there is one. */
  stepBack(): void {
    this.kernel.run.stepBack(this.handle);
  }

  /** Moves one key on; the caller knows that there is one. */
  stepForward(): void {
    this.kernel.run.stepForward(this.handle);
  }

  /** Entry number under the cursor. */
  number(): number {
    return this.kernel.run.number(this.handle);
  }

  setNumber(number: number): void {
    this.kernel.run.setNumber(this.handle, number);
  }

  /** Copies the hash under the cursor as eight words. */
  hash(out: Uint32Array, at: number): void {
    this.kernel.run.hash(this.handle, this.kernel.hashAt);
    this.take(out, at);
  }

  /** Writes the hash after the cursor in byte order at word `at`, or 32 bytes of 0xff after the last key. */
  nextHash(out: Uint32Array, at: number): void {
    this.kernel.run.nextHash(this.handle, this.kernel.hashAt);
    this.take(out, at);
  }

  /**
   * Makes sure that so many keys can be inserted.
   * @throws StateError `index-full`
   */
  reserve(keys: number): void {
    this.kernel.reserveChanges(keys);
  }

  /** Inserts a hash that `seek` has just missed. The cursor must be sought again afterwards. */
  insert(words: Uint32Array, at: number, number: number): void {
    this.kernel.run.insert(this.handle, this.given(words, at), number);
  }

  /** Removes the key under the cursor. The cursor must be sought again afterwards. */
  remove(): void {
    this.kernel.run.remove(this.handle);
  }

  private given(words: Uint32Array, at: number): number {
    const { u32, hashAt } = this.kernel;
    const to = hashAt >>> 2;
    for (let i = 0; i < 8; i++) u32[to + i] = words[at + i]!;
    return hashAt;
  }

  private take(out: Uint32Array, at: number): void {
    const { u32, hashAt } = this.kernel;
    const from = hashAt >>> 2;
    for (let i = 0; i < 8; i++) out[at + i] = u32[from + i]!;
  }
}
