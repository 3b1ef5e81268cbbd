/**
 * Arena of list nodes with a free list: `doubles` f64 fields, `words` 32-bit fields each, and one link. Field k of
 * node n is `f64[n * doubles + k]` and `u32[n * words + k]`. Arrays move when the arena grows: do not keep them.
 */
import { ShardError } from "./error.ts";

export class NodeArena {
  f64: Float64Array;
  u32: Uint32Array;
  next: Int32Array;
  used = 0;
  private readonly doubles: number;
  private readonly words: number;
  private readonly limit: number;
  private readonly name: string;
  private free = -1;
  private top = 0;

  constructor(name: string, doubles: number, words: number, limit: number) {
    this.name = name;
    this.doubles = doubles;
    this.words = words;
    this.limit = limit;
    const nodes = Math.min(1024, limit);
    this.f64 = new Float64Array(nodes * doubles);
    this.u32 = new Uint32Array(nodes * words);
    this.next = new Int32Array(nodes);
  }

  /** A node with whatever was in it before. Throws ShardError `overloaded` at the limit. */
  take(): number {
    this.used++;
    const recycled = this.free;
    if (recycled >= 0) {
      this.free = this.next[recycled]!;
      return recycled;
    }
    if (this.top === this.next.length) this.grow();
    return this.top++;
  }

  release(node: number): void {
    this.next[node] = this.free;
    this.free = node;
    this.used--;
  }

  clear(): void {
    this.free = -1;
    this.top = 0;
    this.used = 0;
  }

  private grow(): void {
    const nodes = Math.min(this.limit, this.next.length * 2);
    if (nodes === this.next.length) {
      this.used--;
      throw new ShardError("overloaded", `more than ${this.limit} ${this.name}`);
    }
    const f64 = new Float64Array(nodes * this.doubles);
    f64.set(this.f64);
    const u32 = new Uint32Array(nodes * this.words);
    u32.set(this.u32);
    const next = new Int32Array(nodes);
    next.set(this.next);
    this.f64 = f64;
    this.u32 = u32;
    this.next = next;
  }
}
