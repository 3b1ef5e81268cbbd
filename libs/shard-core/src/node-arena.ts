/**
 * Arena of list nodes. All fields of a node stand side by side in some number of 32-bit words, by which it is aligned, so that
 * it fills as few cache lines as it can; a node is named by its first word. Free nodes are on a stack of their own: to take
 * one need not wait for its memory. The arrays are others when the arena has grown: do not keep them.
 */
import { alignedBuffer } from "@velarium/columns";
import { ShardError } from "./error.ts";

const INITIAL_NODES = 1024;

export class NodeArena {
  u32: Uint32Array;
  /** The same memory: a number that begins at word w is `f64[w >> 1]`. */
  f64: Float64Array;
  used = 0;
  private readonly words: number;
  private readonly limit: number;
  private readonly name: string;
  private free: Int32Array;
  private freeCount = 0;
  private top = 0;

  /** Nodes of `words` words each, a power of two; at most `limit`. */
  constructor(name: string, words: number, limit: number) {
    this.name = name;
    this.words = words;
    this.limit = limit;
    const nodes = Math.min(INITIAL_NODES, limit);
    const buffer = alignedBuffer(nodes * words * 4);
    this.u32 = new Uint32Array(buffer, 0, nodes * words);
    this.f64 = new Float64Array(buffer, 0, (nodes * words) >> 1);
    this.free = new Int32Array(nodes);
  }

  /** A node with whatever was in it before. Throws ShardError `overloaded` at the limit. */
  take(): number {
    this.used++;
    if (this.freeCount > 0) return this.free[--this.freeCount]!;
    if (this.top === this.u32.length) this.grow();
    const node = this.top;
    this.top += this.words;
    return node;
  }

  release(node: number): void {
    this.free[this.freeCount++] = node;
    this.used--;
  }

  clear(): void {
    this.freeCount = 0;
    this.top = 0;
    this.used = 0;
  }

  private grow(): void {
    const before = this.free.length;
    const nodes = Math.min(this.limit, before * 2);
    if (nodes === before) {
      this.used--;
      throw new ShardError("overloaded", `more than ${this.limit} ${this.name}`);
    }
    const words = nodes * this.words;
    const buffer = alignedBuffer(words * 4);
    const u32 = new Uint32Array(buffer, 0, words);
    u32.set(this.u32);
    this.u32 = u32;
    this.f64 = new Float64Array(buffer, 0, words >> 1);
    // Nobody is free when it grows.
    this.free = new Int32Array(nodes);
  }
}
