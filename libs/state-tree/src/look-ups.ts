/**
 * Places of many hashes in the index, found together. A search is a chain of cache misses between branches that nobody can
 * foretell; a core that has guessed wrong does not get to the next search's misses. So the searches go step by step, and
 * between the steps a loop of nothing but loads fetches what the next one looks at: a dozen misses are waited for at once.
 * Places hold until keys are inserted or removed.
 */
import { type LeafPool, REST_WORDS } from "./leaf-pool.ts";
import { GUESS_RADIUS, type OrderedIndex, type Places } from "./ordered-index.ts";

/** What they load, four lines each, stays in a first-level cache until it is used. */
export const LOOK_UPS = 64;

export class LookUps {
  private readonly places: Places = {
    leaves: new Int32Array(LOOK_UPS),
    ids: new Int32Array(LOOK_UPS),
    keys: new Int32Array(LOOK_UPS),
    near: new Int32Array(LOOK_UPS),
  };
  /** Keeps the loads from being left out. */
  touched = 0;

  /**
   * Finds up to LOOK_UPS hashes: those at word `8 * order[i]` (8 * i without an order) of `hashes`, for i from `from` to `to`.
   * `indexOf` names the index of a hash by its first word; all are of one pool.
   */
  find(
    hashes: Uint32Array,
    order: Uint32Array | null,
    from: number,
    to: number,
    indexOf: (first: number) => OrderedIndex,
  ): void {
    if (to === from) return;
    const { places } = this;
    const { pool } = indexOf(hashes[(order === null ? from : order[from]!) * 8]!);
    for (let i = from; i < to; i++) {
      const at = (order === null ? i : order[i]!) * 8;
      indexOf(hashes[at]!).approach(hashes, at, places, i - from);
    }
    this.touchWindows(pool, to - from);
    for (let i = from; i < to; i++) {
      const at = (order === null ? i : order[i]!) * 8;
      indexOf(hashes[at]!).place(hashes, at, places, i - from);
    }
    this.touch(pool, to - from);
  }

  /** `index.seek` of the `n`-th hash of those found. */
  seek(n: number, index: OrderedIndex, hashes: Uint32Array, at: number): boolean {
    return index.settle(hashes, at, this.places, n);
  }

  /** Both ends of the windows about guessed places; 21 words reach over two lines or three. */
  private touchWindows(pool: LeafPool, count: number): void {
    const { near, ids } = this.places;
    let touched = 0;
    for (let n = 0; n < count; n++) {
      const leaf = pool.wordsOf(ids[n]!);
      const at = near[n]!;
      touched ^= leaf[Math.max(0, at - GUESS_RADIUS)]! ^ leaf[at + GUESS_RADIUS]!;
    }
    this.touched = touched;
  }

  private touch(pool: LeafPool, count: number): void {
    const { near, ids } = this.places;
    let touched = 0;
    for (let n = 0; n < count; n++) {
      const leaf = pool.wordsOf(ids[n]!);
      const at = near[n]!;
      // The key after it is often wanted, for links; every other time it stands in the same line.
      touched ^= leaf[at]! ^ leaf[at + REST_WORDS]!;
    }
    this.touched = touched;
  }
}
