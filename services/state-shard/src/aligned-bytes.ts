/**
 * Received messages begin anywhere in a socket's buffer; columns need alignment. One scratch buffer for all of them
 * spares an allocation per message: memory outside the heap is what makes V8 collect here.
 */
const INITIAL_BYTES = 1 << 20;

export class AlignedBytes {
  private scratch = new Uint8Array(INITIAL_BYTES);

  /** `bytes` at an aligned place, valid until the next call. */
  of(bytes: Uint8Array): Uint8Array {
    if ((bytes.byteOffset & 7) === 0) return bytes;
    if (bytes.length > this.scratch.length) this.scratch = new Uint8Array(bytes.length * 2);
    this.scratch.set(bytes);
    return this.scratch.subarray(0, bytes.length);
  }
}
