/** Calldata and return data whose words are worked out when asked for. */
import { loadWord, storeWord } from "../evaluate/bytes.ts";
import { UnknownAccess } from "../evaluate/unknown.ts";
import type { ExpressionId, Part } from "../profile/format.ts";
import { cut } from "../symbolic/expressions.ts";

export interface LazyBytes {
  readonly size: number;
  /** 32 bytes from `offset`, zeros beyond the end. */
  word(offset: number): bigint;
}

export class RawBytes implements LazyBytes {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  get size(): number {
    return this.bytes.length;
  }
  word(offset: number): bigint {
    return offset >= this.bytes.length ? 0n : loadWord(this.bytes, offset);
  }
}

export const NO_BYTES: LazyBytes = new RawBytes(new Uint8Array(0));

/** Whoever knows the values of expressions. */
export interface Evaluator {
  value(id: ExpressionId): bigint;
}

export class PartBytes implements LazyBytes {
  readonly size: number;
  private readonly frame: Evaluator;
  private readonly parts: readonly Part[];

  constructor(frame: Evaluator, parts: readonly Part[]) {
    this.frame = frame;
    this.parts = parts;
    let size = 0;
    for (const part of parts) size += part.size;
    this.size = size;
  }

  word(offset: number): bigint {
    let at = 0;
    let word = 0n;
    let filled = 0;
    for (const part of this.parts) {
      const end = at + part.size;
      if (end > offset) {
        // Most words stand where they were put as a whole.
        if (filled === 0 && at === offset && part.size === 32 && part.from === 0)
          return this.frame.value(part.value);
        const skipped = Math.max(0, offset - at);
        const size = Math.min(part.size - skipped, 32 - filled);
        word = (word << BigInt(size * 8)) | cut(this.frame.value(part.value), part.from + skipped, size);
        filled += size;
        if (filled === 32) return word;
      }
      at = end;
    }
    return word << BigInt((32 - filled) * 8);
  }
}

/** Most bytes that are worked out at once: inputs of precompiles. */
const MAX_BYTES = 1 << 16;

export function bytesOf(lazy: LazyBytes): Uint8Array {
  if (lazy instanceof RawBytes) return lazy.bytes;
  if (lazy.size > MAX_BYTES) throw new UnknownAccess("memory");
  const padded = new Uint8Array((lazy.size + 31) & ~31);
  for (let at = 0; at < lazy.size; at += 32) storeWord(padded, at, lazy.word(at));
  return padded.subarray(0, lazy.size);
}
