/**
 * Senders by address: open addressing with linear probing over rows of columns. A row remembers the next nonce, the
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
} as const;

const INITIAL = 1024;

function grow<A extends Int32Array | Float64Array | Uint8Array>(
  old: A,
  make: new (n: number) => A,
  n: number,
): A {
  const out = new make(n);
  out.set(old as never);
  return out;
}

export class AccountTable {
  size = 0;
  readonly limit: number;
  private capacity = INITIAL;
  private freeHead = -1;
  private rows = 0;
  private hand = 0;
  private index = new Int32Array(INITIAL * 2).fill(-1);
  private readonly seed: number;
  address = new Uint8Array(INITIAL * 20);
  /** Nonce to frame next. */
  next = new Float64Array(INITIAL);
  /** Nonce in the state after everything whose outcome is known. */
  settled = new Float64Array(INITIAL);
  head = new Int32Array(INITIAL);
  tail = new Int32Array(INITIAL);
  count = new Int32Array(INITIAL);
  inFlight = new Int32Array(INITIAL);
  /** Slab row that is in an open frame, -1: none. */
  open = new Int32Array(INITIAL);
  flags = new Uint8Array(INITIAL);
  used = new Uint8Array(INITIAL);
  /** Last block in which it has a transaction. */
  lastBlock = new Float64Array(INITIAL);

  constructor(limit: number, seed = 0x2545f491) {
    this.limit = limit;
    this.seed = seed;
  }

  private hash(bytes: Uint8Array, at: number): number {
    let h = this.seed;
    for (let i = 0; i < 20; i += 4) {
      const word =
        bytes[at + i]! | (bytes[at + i + 1]! << 8) | (bytes[at + i + 2]! << 16) | (bytes[at + i + 3]! << 24);
      h = Math.imul(h ^ word, 0x9e3779b1);
      h ^= h >>> 15;
    }
    return h;
  }

  private same(row: number, bytes: Uint8Array, at: number): boolean {
    const address = this.address;
    const from = row * 20;
    for (let i = 0; i < 20; i++) if (address[from + i] !== bytes[at + i]) return false;
    return true;
  }

  find(bytes: Uint8Array, at: number): number {
    const mask = this.index.length - 1;
    for (let i = this.hash(bytes, at) & mask; ; i = (i + 1) & mask) {
      const row = this.index[i]!;
      if (row < 0) return -1;
      if (this.same(row, bytes, at)) return row;
    }
  }

  /** Row of an address, made when there is none; -1 when the table is full. `announced`: newest announced block. */
  findOrAdd(bytes: Uint8Array, at: number, announced: number): number {
    const found = this.find(bytes, at);
    if (found >= 0) return found;
    if (this.size >= this.limit && !this.evict(announced)) return -1;
    let row = this.freeHead;
    if (row >= 0) this.freeHead = this.head[row]!;
    else {
      if (this.rows === this.capacity) this.enlarge();
      row = this.rows++;
    }
    this.address.set(bytes.subarray(at, at + 20), row * 20);
    this.next[row] = 0;
    this.settled[row] = 0;
    this.head[row] = this.tail[row] = this.open[row] = -1;
    this.count[row] = this.inFlight[row] = 0;
    this.flags[row] = 0;
    this.lastBlock[row] = -1;
    this.used[row] = 1;
    this.size++;
    this.link(row);
    return row;
  }

  private link(row: number): void {
    const mask = this.index.length - 1;
    let i = this.hash(this.address, row * 20) & mask;
    while (this.index[i]! >= 0) i = (i + 1) & mask;
    this.index[i] = row;
  }

  private enlarge(): void {
    const n = this.capacity * 2;
    this.address = grow(this.address, Uint8Array, n * 20);
    this.next = grow(this.next, Float64Array, n);
    this.settled = grow(this.settled, Float64Array, n);
    this.head = grow(this.head, Int32Array, n);
    this.tail = grow(this.tail, Int32Array, n);
    this.count = grow(this.count, Int32Array, n);
    this.inFlight = grow(this.inFlight, Int32Array, n);
    this.open = grow(this.open, Int32Array, n);
    this.flags = grow(this.flags, Uint8Array, n);
    this.used = grow(this.used, Uint8Array, n);
    this.lastBlock = grow(this.lastBlock, Float64Array, n);
    this.capacity = n;
    this.index = new Int32Array(n * 2).fill(-1);
    for (let row = 0; row < this.rows; row++) if (this.used[row]) this.link(row);
  }

  /** True when nothing needs the row but memory of its nonce. */
  private isIdle(row: number, announced: number): boolean {
    return (
      this.used[row] === 1 &&
      this.count[row] === 0 &&
      this.inFlight[row] === 0 &&
      this.open[row] === -1 &&
      (this.flags[row]! & ~AccountFlag.known) === 0 &&
      this.lastBlock[row]! <= announced
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
    const mask = index.length - 1;
    let hole = this.hash(this.address, row * 20) & mask;
    while (index[hole] !== row) hole = (hole + 1) & mask;
    for (let i = (hole + 1) & mask; index[i]! >= 0; i = (i + 1) & mask) {
      const home = this.hash(this.address, index[i]! * 20) & mask;
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        index[hole] = index[i]!;
        hole = i;
      }
    }
    index[hole] = -1;
    this.used[row] = 0;
    this.head[row] = this.freeHead;
    this.freeHead = row;
    this.size--;
  }
}
