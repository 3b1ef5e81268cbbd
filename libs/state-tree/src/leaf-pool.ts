/**
 * Memory of the ordered index: fixed-size leaves in large pieces, shared by all partitions of a store. A leaf holds up to
 * 256 keys at 38 bytes, in words:
 *   first hash word of each key (256) | other seven words and low word of the entry number (256 * 8) | high half words of
 *   the numbers (128)
 * The first words stand apart, so a search touches one cache line per step at most; what is compared and read after that
 * lies in one line (32 aligned bytes), unless some number has passed 2^32. Leaves begin at cache lines.
 */
import { alignedBuffer } from "@velarium/columns";

export const LEAF_KEYS = 256;
/** Words of a key behind its first one: seven of its hash, then the low word of its number. */
export const REST_WORDS = 8;
export const NUMBER_WORD = 7;
/** Word offsets in a leaf. */
export const REST = LEAF_KEYS;
export const HIGH = REST + LEAF_KEYS * REST_WORDS;
const LEAF_WORDS = HIGH + LEAF_KEYS / 2;
/**
 * Leaves of a piece: 40 MB for some 800,000 keys, so that the views of few pieces serve many keys and stay in the cache. The
 * system gives memory as it is written to, but the first piece begins small and is copied as it grows, 20 MB at the most.
 */
const PIECE_SHIFT = 12;
const PIECE_LEAVES = 1 << PIECE_SHIFT;
const FIRST_LEAVES = 64;

export class LeafPool {
  /** Words of each piece, and the same memory as half words. */
  readonly words: Uint32Array[] = [];
  readonly halves: Uint16Array[] = [];
  /** Keys that each leaf holds. */
  private counts = new Uint16Array(FIRST_LEAVES);
  private readonly free: number[] = [];
  private issued = 0;
  /** Some number has a high part: until then the high half words need not be read. */
  wide = false;

  allocate(): number {
    const reused = this.free.pop();
    if (reused !== undefined) return reused;
    const id = this.issued++;
    if (id === this.counts.length) {
      const counts = new Uint16Array(2 * id);
      counts.set(this.counts);
      this.counts = counts;
    }
    const piece = id >>> PIECE_SHIFT;
    if (piece === this.words.length) this.setPiece(piece, piece === 0 ? FIRST_LEAVES : PIECE_LEAVES);
    else if (this.baseOf(id) === this.words[piece]!.length)
      this.setPiece(piece, 2 * (id & (PIECE_LEAVES - 1)));
    return id;
  }

  private setPiece(piece: number, leaves: number): void {
    const buffer = alignedBuffer(leaves * LEAF_WORDS * 4);
    const words = new Uint32Array(buffer, 0, leaves * LEAF_WORDS);
    if (this.words[piece]) words.set(this.words[piece]!);
    this.words[piece] = words;
    this.halves[piece] = new Uint16Array(buffer, 0, leaves * LEAF_WORDS * 2);
  }

  release(id: number): void {
    this.counts[id] = 0;
    this.free.push(id);
  }

  /** The piece that a leaf stands in. */
  wordsOf(id: number): Uint32Array {
    return this.words[id >>> PIECE_SHIFT]!;
  }

  halvesOf(id: number): Uint16Array {
    return this.halves[id >>> PIECE_SHIFT]!;
  }

  /** First word of a leaf in its piece. */
  baseOf(id: number): number {
    return (id & (PIECE_LEAVES - 1)) * LEAF_WORDS;
  }

  countOf(id: number): number {
    return this.counts[id]!;
  }

  setCount(id: number, count: number): void {
    this.counts[id] = count;
  }

  /** Bytes of all leaves that were ever used. */
  get bytes(): number {
    return this.issued * LEAF_WORDS * 4 + this.counts.byteLength;
  }
}
