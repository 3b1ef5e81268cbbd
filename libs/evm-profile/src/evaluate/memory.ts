/** The memory of one frame: bytes that grow by doubling up to a bound. */
import { loadWord, storeWord } from "./bytes.ts";
import { UnknownAccess } from "./unknown.ts";

/** Bytes of one frame. A transaction of 30 Mgas pays for some 3.9 MB. */
const MAX_BYTES = 1 << 22;
const FIRST_BYTES = 1024;

export const EMPTY_BYTES = new Uint8Array(0);

export class FrameMemory {
  bytes: Uint8Array = EMPTY_BYTES;
  /** What MSIZE gives. */
  size = 0;

  private reserve(offset: bigint, size: number): number {
    if (offset > MAX_BYTES) throw new UnknownAccess("memory");
    const at = Number(offset);
    const end = at + size;
    if (end > this.size) {
      if (end > MAX_BYTES) throw new UnknownAccess("memory");
      this.size = (end + 31) & ~31;
      if (this.size > this.bytes.length) {
        const grown = new Uint8Array(Math.max(FIRST_BYTES, this.bytes.length * 2, this.size));
        grown.set(this.bytes);
        this.bytes = grown;
      }
    }
    return at;
  }

  load(offset: bigint): bigint {
    return loadWord(this.bytes, this.reserve(offset, 32));
  }

  store(offset: bigint, value: bigint): void {
    const at = this.reserve(offset, 32);
    storeWord(this.bytes, at, value);
  }

  store8(offset: bigint, value: bigint): void {
    const at = this.reserve(offset, 1);
    this.bytes[at] = Number(value & 0xffn);
  }

  /** A place of `size` bytes; a size of 0 is at 0, whatever the offset. */
  place(offset: bigint, size: bigint): { at: number; size: number } {
    if (size === 0n) return { at: 0, size: 0 };
    if (size > MAX_BYTES) throw new UnknownAccess("memory");
    return { at: this.reserve(offset, Number(size)), size: Number(size) };
  }

  /** A copy of `size` bytes from `offset`. */
  slice(offset: bigint, size: bigint): Uint8Array {
    if (size === 0n) return EMPTY_BYTES;
    const place = this.place(offset, size);
    return this.bytes.slice(place.at, place.at + place.size);
  }

  /** Copies from `source` at `from`, zeros beyond its end. */
  copy(to: bigint, source: Uint8Array, from: bigint, size: bigint): void {
    const { at, size: count } = this.place(to, size);
    if (count === 0) return;
    const start = from >= source.length ? source.length : Number(from);
    const there = Math.min(count, source.length - start);
    this.bytes.set(source.subarray(start, start + there), at);
    if (there < count) this.bytes.fill(0, at + there, at + count);
  }

  /** Writes what a call returned to the place that its caller set aside; the rest of it stays. */
  write(at: number, size: number, output: Uint8Array): void {
    if (size === 0) return;
    this.bytes.set(output.length > size ? output.subarray(0, size) : output, at);
  }

  move(to: bigint, from: bigint, size: bigint): void {
    const target = this.place(to, size);
    const source = this.place(from, size);
    if (target.size > 0) this.bytes.copyWithin(target.at, source.at, source.at + source.size);
  }
}
