/** Growable typed vectors: what a sender fills while it builds a batch. `view()` borrows the filled part. */

const INITIAL_ITEMS = 256;

/** `push` is written out in each class: shared, V8 would compile it for three kinds of elements, and choose at every call. */
abstract class Vector<A extends Uint8Array | Uint32Array | Float64Array> {
  protected data: A;
  length = 0;
  protected constructor(data: A) {
    this.data = data;
  }
  protected abstract allocate(items: number): A;

  protected reserve(items: number): void {
    if (items <= this.data.length) return;
    const grown = this.allocate(Math.max(items, this.data.length * 2));
    grown.set(this.data as never);
    this.data = grown;
  }

  at(index: number): number {
    return this.data[index]!;
  }

  set(index: number, value: number): void {
    this.data[index] = value;
  }

  clear(): void {
    this.length = 0;
  }

  /** The filled part, valid until the next push. */
  view(): A {
    return this.data.subarray(0, this.length) as A;
  }
}

export class U8Vector extends Vector<Uint8Array> {
  constructor(items = INITIAL_ITEMS) {
    super(new Uint8Array(items));
  }
  protected allocate(items: number): Uint8Array {
    return new Uint8Array(items);
  }
  push(value: number): void {
    if (this.length === this.data.length) this.reserve(this.length + 1);
    this.data[this.length++] = value;
  }
}

export class U32Vector extends Vector<Uint32Array> {
  constructor(items = INITIAL_ITEMS) {
    super(new Uint32Array(items));
  }
  protected allocate(items: number): Uint32Array {
    return new Uint32Array(items);
  }
  push(value: number): void {
    if (this.length === this.data.length) this.reserve(this.length + 1);
    this.data[this.length++] = value;
  }
}

/** Seqs, heights and gas: integers below 2^53. */
export class F64Vector extends Vector<Float64Array> {
  constructor(items = INITIAL_ITEMS) {
    super(new Float64Array(items));
  }
  protected allocate(items: number): Float64Array {
    return new Float64Array(items);
  }
  push(value: number): void {
    if (this.length === this.data.length) this.reserve(this.length + 1);
    this.data[this.length++] = value;
  }
}

/** Items of one fixed width, for example 32-byte words. */
export class FixedVector {
  readonly width: number;
  length = 0;
  private data: Uint8Array;
  /** What `words` is a view of. */
  private wordsOf: Uint8Array | undefined;
  private words: Uint32Array | undefined;

  constructor(width: number, items = INITIAL_ITEMS) {
    this.width = width;
    this.data = new Uint8Array(width * items);
  }

  /** Makes room for one item and returns its byte offset in `bytes()`. The item holds what was there before. */
  grow(): number {
    const offset = this.length * this.width;
    if (offset + this.width > this.data.length) {
      const grown = new Uint8Array(this.data.length * 2 + this.width);
      grown.set(this.data);
      this.data = grown;
    }
    this.length++;
    return offset;
  }

  /** Appends `width` bytes of `source` from `offset`. */
  push(source: Uint8Array, offset = 0): void {
    const to = this.grow();
    const data = this.data;
    for (let i = 0; i < this.width; i++) data[to + i] = source[offset + i]!;
  }

  /** Appends one item of a width that is a multiple of four, from word `at` of `source`. */
  pushWords(source: Uint32Array, at: number): void {
    const to = this.grow() >> 2;
    if (this.wordsOf !== this.data) {
      this.wordsOf = this.data;
      this.words = new Uint32Array(this.data.buffer, 0, this.data.length >> 2);
    }
    const words = this.words!;
    const count = this.width >> 2;
    for (let i = 0; i < count; i++) words[to + i] = source[at + i]!;
  }

  bytes(): Uint8Array {
    return this.data;
  }

  clear(): void {
    this.length = 0;
  }

  view(): Uint8Array {
    return this.data.subarray(0, this.length * this.width);
  }
}

/** Items of any length: end offsets and one blob. */
export class BytesVector {
  readonly ends = new U32Vector();
  private data = new Uint8Array(4096);
  private used = 0;

  get length(): number {
    return this.ends.length;
  }

  get byteLength(): number {
    return this.used;
  }

  push(source: Uint8Array, from = 0, to = source.length): void {
    const size = to - from;
    if (this.used + size > this.data.length) {
      const grown = new Uint8Array(Math.max(this.data.length * 2, this.used + size));
      grown.set(this.data);
      this.data = grown;
    }
    if (size > 0)
      this.data.set(from === 0 && to === source.length ? source : source.subarray(from, to), this.used);
    this.used += size;
    this.ends.push(this.used);
  }

  clear(): void {
    this.ends.clear();
    this.used = 0;
  }

  view(): BytesColumn {
    return { ends: this.ends.view(), blob: this.data.subarray(0, this.used) };
  }
}

/** A decoded or borrowed bytes column: item i is `blob[ends[i-1] .. ends[i])`. */
export interface BytesColumn {
  readonly ends: Uint32Array;
  readonly blob: Uint8Array;
}

export function bytesAt(column: BytesColumn, index: number): Uint8Array {
  return column.blob.subarray(index === 0 ? 0 : column.ends[index - 1]!, column.ends[index]!);
}

/** Item `index` of a column of `width`-byte items, as a view. */
export function fixedAt(column: Uint8Array, width: number, index: number): Uint8Array {
  return column.subarray(index * width, index * width + width);
}
