/** Code published by blocks not yet committed, and who waits for code that is not here. */
import { type BytesColumn, bytesAt } from "@velarium/columns";
import { ShardError } from "./error.ts";

export const CODE_PREFIX_BYTES = 28;

export interface NewCode {
  /** keccak256 of `bytes`, 32 bytes. */
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
  readonly seq: number;
}

export interface CodeWaiter {
  readonly peer: number;
  readonly token: number;
}

const prefixName = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + at, CODE_PREFIX_BYTES).toString("latin1");

export class CodeTable {
  private readonly pending = new Map<string, NewCode>();
  private readonly waiting = new Map<string, CodeWaiter[]>();
  private waiters = 0;
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.pending.size;
  }

  /** Adds code; returns who waited for it. The same code again is nothing new. */
  add(seq: number, hashes: Uint8Array, index: number, codes: BytesColumn): readonly CodeWaiter[] {
    const name = prefixName(hashes, index * 32);
    const known = this.pending.get(name);
    if (known !== undefined && known.seq <= seq) return [];
    this.pending.set(name, {
      hash: hashes.slice(index * 32, index * 32 + 32),
      bytes: known?.bytes ?? bytesAt(codes, index).slice(),
      seq,
    });
    const waiters = this.waiting.get(name) ?? [];
    this.waiting.delete(name);
    this.waiters -= waiters.length;
    return waiters;
  }

  get(prefixes: Uint8Array, index: number): Uint8Array | undefined {
    return this.pending.get(prefixName(prefixes, index * CODE_PREFIX_BYTES))?.bytes;
  }

  wait(prefixes: Uint8Array, index: number, waiter: CodeWaiter): void {
    if (this.waiters >= this.limit)
      throw new ShardError("overloaded", `more than ${this.limit} parked code reads`);
    const name = prefixName(prefixes, index * CODE_PREFIX_BYTES);
    const list = this.waiting.get(name);
    if (list) list.push(waiter);
    else this.waiting.set(name, [waiter]);
    this.waiters++;
  }

  /** Code of transactions ≤ `closeSeq`, to be made durable before the block is. */
  upTo(closeSeq: number): NewCode[] {
    return [...this.pending.values()].filter((code) => code.seq <= closeSeq);
  }

  drop(closeSeq: number): void {
    for (const [name, code] of this.pending) if (code.seq <= closeSeq) this.pending.delete(name);
  }

  clear(): void {
    this.pending.clear();
    this.waiting.clear();
    this.waiters = 0;
  }
}
