/**
 * Memory of the ordered index: fixed-size leaves in slabs of typed arrays, shared by all partitions of a store.
 * A leaf holds up to 256 keys at 38 bytes: first hash word | other seven words | entry number u48 (u32 low, u16 high).
 * The first words are stored apart, so a binary search touches one cache line per step at most.
 */
export const LEAF_KEYS = 256;
const SLAB_LEAVES = 64;

export interface Slab {
  readonly first: Uint32Array;
  readonly rest: Uint32Array;
  readonly low: Uint32Array;
  readonly high: Uint16Array;
  /** Keys held by each leaf of the slab. */
  readonly counts: Uint16Array;
}

export class LeafPool {
  readonly slabs: Slab[] = [];
  private readonly free: number[] = [];
  private issued = 0;

  allocate(): number {
    const reused = this.free.pop();
    if (reused !== undefined) return reused;
    const id = this.issued++;
    if (id % SLAB_LEAVES === 0) {
      const keys = SLAB_LEAVES * LEAF_KEYS;
      this.slabs.push({
        first: new Uint32Array(keys),
        rest: new Uint32Array(keys * 7),
        low: new Uint32Array(keys),
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
