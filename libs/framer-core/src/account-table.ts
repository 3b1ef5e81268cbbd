import { alignedBuffer } from "@velarium/columns";

/**
 * Senders by address: open addressing with linear probing over rows of 64 bytes, one cache line each, because a sender
 * is met at random and everything about it is needed at once. A row remembers the next nonce, the
 * pending transactions (a list through the slab, by nonce) and what is in flight. Rows with nothing pending or in
 * flight are a cache and give way when the table is full, but only once their last block is announced: before that,
 * the committed state does not know their nonce.
 */
export const AccountFlag = {
  /** `next` is known. */
  known: 1,
  /** Its nonce has been asked for. */
  asked: 2,
  /** In the ready queue. */
  ready: 4,
  /** One of its transactions was returned; wait until nothing is in flight. */
  hold: 8,
  /** Its first transaction waits for a lower fee. */
  parked: 16,
  /** In the queue for the tail. */
  tail: 32,
  /** First pending nonce is not the next one. */
  gapped: 64,
  /** Its next transaction was ahead of the state: once nothing is in flight, the state is asked again. */
  doubted: 128,
} as const;

/** 65,536 rows are 4 MiB, so that a table of a hundred thousand senders is copied only once or twice as it grows. */
const INITIAL = 1 << 16;
const ROW_BYTES = 64;

/**
 * A row: address in bytes 0-19; `i32[(row << 4) + field]` for the words below, `f64[(row << 3) + field]` for the nonces.
 * HEAD and TAIL: the sender's pending rows of the slab, by nonce. OPEN: slab row in an open frame, -1 for none.
 * COUNT: pending ones. LAST_BLOCK: last block in which it has a transaction. NEXT: nonce to frame next.
 * SETTLED: nonce in the state after everything whose outcome is known.
 */
export const HEAD = 5;
export const TAIL = 6;
export const OPEN = 7;
export const COUNT = 12;
export const IN_FLIGHT = 13;
export const LAST_BLOCK = 14;
export const FLAGS = 15;
export const NEXT = 4;
export const SETTLED = 5;
/** In FLAGS, above those of AccountFlag: the row holds a sender. */
const USED = 1 << 8;
/**
 * In FLAGS from this bit on: how many transactions of a sender have to be included one at a time, since some have diverged.
 * A divergence takes back everything of its sender that is in flight behind it, so a sender whose transactions keep
 * diverging would otherwise have most of its work done in vain.
 */
export const CAUTION = 1 << 16;
export const CAUTION_PER_DIVERGENCE = 2;
export const MOST_CAUTION = 14;

export class AccountTable {
  size = 0;
  /** Keeps loads that only warm the cache from being optimised away. */
  touched = 0;
  private warmed = new Int32Array(1024);
  readonly limit: number;
  private capacity = INITIAL;
  private freeHead = -1;
  private rows = 0;
  private hand = 0;
  /**
   * Entry i: row at 2 i (-1: free), the row's hash at 2 i + 1, so that probing and moving entries stay within the index. Twice
   * as many entries as rows.
   */
  private index = new Int32Array(INITIAL * 4).fill(-1);
  private readonly seed: number;
  private bytes = new Uint8Array(alignedBuffer(INITIAL * ROW_BYTES));
  i32 = new Int32Array(this.bytes.buffer);
  f64 = new Float64Array(this.bytes.buffer);

  constructor(limit: number, seed = 0x2545f491) {
    this.limit = limit;
    this.seed = seed;
  }

  /** Holds the address of a row at `addressAt(row)`. */
  get addresses(): Uint8Array {
    return this.bytes;
  }

  addressAt(row: number): number {
    return row * ROW_BYTES;
  }

  isUsed(row: number): boolean {
    return (this.i32[(row << 4) + FLAGS]! & USED) !== 0;
  }

  private hashWords(a: number, b: number, c: number, d: number, e: number): number {
    let h = Math.imul(this.seed ^ a, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15) ^ b, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15) ^ c, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15) ^ d, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15) ^ e, 0x9e3779b1);
    return h ^ (h >>> 15);
  }

  private hashOfRow(row: number): number {
    const { i32 } = this;
    const w = row << 4;
    return this.hashWords(i32[w]!, i32[w + 1]!, i32[w + 2]!, i32[w + 3]!, i32[w + 4]!);
  }

  /** Row of an address, -1 when there is none. */
  find(bytes: Uint8Array, at: number): number {
    return this.findWords(
      word(bytes, at),
      word(bytes, at + 4),
      word(bytes, at + 8),
      word(bytes, at + 12),
      word(bytes, at + 16),
    );
  }

  private findWords(a: number, b: number, c: number, d: number, e: number): number {
    const { index, i32 } = this;
    const mask = (index.length >> 1) - 1;
    const hash = this.hashWords(a, b, c, d, e);
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const row = index[2 * i]!;
      if (row < 0) return -1;
      if (index[2 * i + 1] !== hash) continue;
      const w = row << 4;
      if (i32[w] === a && i32[w + 1] === b && i32[w + 2] === c && i32[w + 3] === d && i32[w + 4] === e)
        return row;
    }
  }

  /**
   * Brings what is known of `count` senders into the cache, before they are looked up one by one. Both loops are little
   * besides independent loads, so that a core waits for some ten misses at once.
   */
  warm(addresses: Uint8Array, count: number): void {
    const { index, i32 } = this;
    const mask = (index.length >> 1) - 1;
    if (this.warmed.length < count) this.warmed = new Int32Array(2 * count);
    const { warmed } = this;
    for (let i = 0, at = 0; i < count; i++, at += 20)
      warmed[i] =
        this.hashWords(
          word(addresses, at),
          word(addresses, at + 4),
          word(addresses, at + 8),
          word(addresses, at + 12),
          word(addresses, at + 16),
        ) & mask;
    for (let i = 0; i < count; i++) warmed[i] = index[2 * warmed[i]!]!;
    let touched = 0;
    for (let i = 0; i < count; i++) touched ^= i32[Math.max(warmed[i]!, 0) << 4]!;
    this.touched = touched;
  }

  /** Row of an address, made when there is none; -1 when the table is full. `announced`: newest announced block. */
  findOrAdd(bytes: Uint8Array, at: number, announced: number): number {
    const a = word(bytes, at);
    const b = word(bytes, at + 4);
    const c = word(bytes, at + 8);
    const d = word(bytes, at + 12);
    const e = word(bytes, at + 16);
    const found = this.findWords(a, b, c, d, e);
    if (found >= 0) return found;
    if (this.size >= this.limit && !this.evict(announced)) return -1;
    let row = this.freeHead;
    if (row >= 0) this.freeHead = this.i32[(row << 4) + HEAD]!;
    else {
      if (this.rows === this.capacity) this.enlarge();
      row = this.rows++;
    }
    const { i32, f64 } = this;
    const w = row << 4;
    i32[w] = a;
    i32[w + 1] = b;
    i32[w + 2] = c;
    i32[w + 3] = d;
    i32[w + 4] = e;
    i32[w + HEAD] = i32[w + TAIL] = i32[w + OPEN] = i32[w + LAST_BLOCK] = -1;
    i32[w + COUNT] = i32[w + IN_FLIGHT] = 0;
    i32[w + FLAGS] = USED;
    f64[(row << 3) + NEXT] = f64[(row << 3) + SETTLED] = 0;
    this.size++;
    this.link(row, this.hashWords(a, b, c, d, e));
    return row;
  }

  private link(row: number, hash: number): void {
    const { index } = this;
    const mask = (index.length >> 1) - 1;
    let i = hash & mask;
    while (index[2 * i]! >= 0) i = (i + 1) & mask;
    index[2 * i] = row;
    index[2 * i + 1] = hash;
  }

  private enlarge(): void {
    this.capacity *= 2;
    const bytes = new Uint8Array(alignedBuffer(this.capacity * ROW_BYTES));
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.i32 = new Int32Array(bytes.buffer);
    this.f64 = new Float64Array(bytes.buffer);
    const before = this.index;
    this.index = new Int32Array(this.capacity * 4).fill(-1);
    for (let i = 0; i < before.length; i += 2) if (before[i]! >= 0) this.link(before[i]!, before[i + 1]!);
  }

  /** True when nothing needs the row but memory of its nonce. */
  private isIdle(row: number, announced: number): boolean {
    const { i32 } = this;
    const w = row << 4;
    return (
      i32[w + COUNT] === 0 &&
      i32[w + IN_FLIGHT] === 0 &&
      i32[w + OPEN] === -1 &&
      // Caution may be forgotten with the row.
      (i32[w + FLAGS]! & (CAUTION - 1) & ~AccountFlag.known) === USED &&
      i32[w + LAST_BLOCK]! <= announced
    );
  }

  private evict(announced: number): boolean {
    for (let tries = Math.min(this.rows, 4096); tries > 0; tries--) {
      const row = this.hand;
      this.hand = (this.hand + 1) % this.rows;
      if (!this.isIdle(row, announced)) continue;
      this.remove(row);
      return true;
    }
    return false;
  }

  /** Deletes by shifting later entries of the probe run back, so that no tombstones are needed. */
  private remove(row: number): void {
    const index = this.index;
    const mask = (index.length >> 1) - 1;
    let hole = this.hashOfRow(row) & mask;
    while (index[2 * hole] !== row) hole = (hole + 1) & mask;
    for (let i = (hole + 1) & mask; index[2 * i]! >= 0; i = (i + 1) & mask) {
      const home = index[2 * i + 1]! & mask;
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        index[2 * hole] = index[2 * i]!;
        index[2 * hole + 1] = index[2 * i + 1]!;
        hole = i;
      }
    }
    index[2 * hole] = -1;
    this.i32[(row << 4) + FLAGS] = 0;
    this.i32[(row << 4) + HEAD] = this.freeHead;
    this.freeHead = row;
    this.size--;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
