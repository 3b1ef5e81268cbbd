/**
 * Memory of packed messages. A fresh page costs more than a copy into it, so that whoever makes large messages again and
 * again keeps their memory: the process's allocator gets it back only when the garbage collector comes by, long after the
 * next message was made.
 */

/**
 * Bytes before every packed message in its buffer, for the header of whatever carries it: a transport that is given the
 * message then need not copy it. They keep the message 8-aligned.
 */
export const HEADROOM_BYTES = 16;
/** From here on memory is taken uncleared; below that, a cleared array is cheaper than the call. */
const UNCLEARED_FROM = 4096;

/** Where the memory of a packed message of `total` bytes comes from; it may hold anything, and has its headroom. */
export type Allocate = (total: number) => Uint8Array<ArrayBuffer>;

/** Memory of its own for a packed message. */
export const allocateMessage: Allocate = (total) => {
  const size = HEADROOM_BYTES + total;
  const buffer = size < UNCLEARED_FROM ? new ArrayBuffer(size) : Buffer.allocUnsafeSlow(size).buffer;
  return new Uint8Array(buffer as ArrayBuffer, HEADROOM_BYTES, total);
};

/** Messages of one kind differ a little in size. */
const SPARE = 1.25;
const PAGE_BYTES = 4096;

/** Keeps the memory of messages that have gone, the last one on top: that is still in the caches. */
export class MessageMemory {
  /** Metrics: bytes free now, and how often memory had to be taken anew. */
  freeBytes = 0;
  misses = 0;
  private readonly free: ArrayBuffer[] = [];
  private readonly maxFreeBytes: number;

  constructor(maxFreeBytes: number) {
    this.maxFreeBytes = maxFreeBytes;
  }

  readonly take: Allocate = (total) => {
    const size = HEADROOM_BYTES + total;
    for (let i = this.free.length - 1; i >= 0; i--) {
      const buffer = this.free[i]!;
      // What is much larger is kept for larger ones.
      if (buffer.byteLength < size || buffer.byteLength > 4 * size) continue;
      this.free.splice(i, 1);
      this.freeBytes -= buffer.byteLength;
      return new Uint8Array(buffer, HEADROOM_BYTES, total);
    }
    this.misses++;
    const room = Math.ceil((size * SPARE) / PAGE_BYTES) * PAGE_BYTES;
    return new Uint8Array(Buffer.allocUnsafeSlow(room).buffer, HEADROOM_BYTES, total);
  };

  /** Nobody reads a message any more that `take` gave the memory of. The oldest gives way when there is too much. */
  giveBack(message: Uint8Array): void {
    const buffer = message.buffer as ArrayBuffer;
    if (buffer.byteLength > this.maxFreeBytes) return;
    this.free.push(buffer);
    this.freeBytes += buffer.byteLength;
    while (this.freeBytes > this.maxFreeBytes) this.freeBytes -= this.free.shift()!.byteLength;
  }
}
