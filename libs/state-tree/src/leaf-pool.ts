/**
 * Memory of the ordered index: fixed-size leaves in slabs of typed arrays, shared by all partitions of a store.
 * A leaf holds up to 256 keys at 38 bytes: first hash word | other seven words and low word of the entry number | high
 * half word of the number. The first words are stored apart, so a search touches one cache line per step at most; what
 * is compared and read after that lies in one line (32 aligned bytes), unless some number has passed 2^32.
 */
export const LEAF_KEYS = 256;
const SLAB_LEAVES = 64;
/** Words of a key in `rest`: seven of its hash, then the low word of its number. */
export const REST_WORDS = 8;
export const NUMBER_WORD = 7;

export interface Slab {
  readonly first: Uint32Array;
  /** REST_WORDS per key. */
  readonly rest: Uint32Array;
  readonly high: Uint16Array;
  /** Keys held by each leaf of the slab. */
  readonly counts: Uint16Array;
}

export class LeafPool {
  readonly slabs: Slab[] = [];
  private readonly free: number[] = [];
  private issued = 0;
  /** Some number has a high part: until then `high` need not be read. */
  wide = false;

  allocate(): number {
    const reused = this.free.pop();
    if (reused !== undefined) return reused;
    const id = this.issued++;
    if (id % SLAB_LEAVES === 0) {
      const keys = SLAB_LEAVES * LEAF_KEYS;
      this.slabs.push({
        first: new Uint32Array(keys),
        rest: new Uint32Array(keys * REST_WORDS),
        high: new Uint16Array(keys),
        counts: new Uint16Array(SLAB_LEAVES),
      });
    }
    return id;
  }

  release(id: number): void {
    this.slabOf(id).counts[id % SLAB_LEAVES] = 0;
    this.free.push(id);
  }

  slabOf(id: number): Slab {
    return this.slabs[(id / SLAB_LEAVES) | 0]!;
  }

  /** Position of the leaf's first key in its slab's arrays. */
  baseOf(id: number): number {
    return (id % SLAB_LEAVES) * LEAF_KEYS;
  }

  countOf(id: number): number {
    return this.slabOf(id).counts[id % SLAB_LEAVES]!;
  }

  setCount(id: number, count: number): void {
    this.slabOf(id).counts[id % SLAB_LEAVES] = count;
  }

  /** Bytes of all slabs, used or not. */
  get bytes(): number {
    return this.slabs.length * (SLAB_LEAVES * LEAF_KEYS * 38 + SLAB_LEAVES * 2);
  }
}
