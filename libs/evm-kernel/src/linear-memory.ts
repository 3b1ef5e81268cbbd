/**
 * Views of linear memory. Growing it gives it another buffer, and views of the one before are empty: whoever has let the
 * kernel run takes them anew.
 */

/** Views of one buffer. */
export interface Heap {
  readonly bytes: Uint8Array;
  /** The same bytes, whole words of them. */
  readonly words: Uint32Array;
  readonly view: DataView;
}

export function heapOf(buffer: ArrayBuffer): Heap {
  return {
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer, 0, buffer.byteLength >> 2),
    view: new DataView(buffer),
  };
}

export class LinearMemory {
  private readonly memory: { readonly buffer: ArrayBuffer };
  private views: Heap;

  constructor(memory: { readonly buffer: ArrayBuffer }) {
    this.memory = memory;
    this.views = heapOf(memory.buffer);
  }

  /** The views of the memory as it is. Good until the kernel is called, unless that call cannot grow it. */
  get heap(): Heap {
    if (this.views.bytes.length === 0) this.views = heapOf(this.memory.buffer);
    return this.views;
  }
}
