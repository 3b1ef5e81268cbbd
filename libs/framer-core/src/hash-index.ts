/**
 * Transaction hash to slab row, for what is pending or in flight: open addressing, deletion by shifting back. An entry
 * holds the first 32 bits of the hash beside the row, so that probing and shifting stay within the table.
 */
export class HashIndex {
  size = 0;
  /** Entry i: row at 2 i (-1: free), first word of its hash at 2 i + 1. */
  private table = new Int32Array(2 * 65_536).fill(-1);
  private readonly hashes: () => Uint8Array;

  /** `hashes`: the slab's column (32 bytes per row), asked for anew since it grows. */
  constructor(hashes: () => Uint8Array) {
    this.hashes = hashes;
  }

  private static tag(bytes: Uint8Array, at: number): number {
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  find(hash: Uint8Array, at: number): number {
    const { table } = this;
    const tag = HashIndex.tag(hash, at);
    const mask = (table.length >> 1) - 1;
    for (let i = tag & mask; ; i = (i + 1) & mask) {
      const row = table[2 * i]!;
      if (row < 0) return -1;
      if (table[2 * i + 1] === tag && this.same(row, hash, at)) return row;
    }
  }

  private same(row: number, hash: Uint8Array, at: number): boolean {
    const hashes = this.hashes();
    for (let k = 4, from = row * 32; k < 32; k++) if (hashes[from + k] !== hash[at + k]) return false;
    return true;
  }

  add(row: number): void {
    if ((this.size + 1) * 4 > this.table.length) {
      const old = this.table;
      this.table = new Int32Array(old.length * 2).fill(-1);
      for (let i = 0; i < old.length; i += 2) if (old[i]! >= 0) this.place(old[i]!, old[i + 1]!);
    }
    this.place(row, HashIndex.tag(this.hashes(), row * 32));
    this.size++;
  }

  private place(row: number, tag: number): void {
    const { table } = this;
    const mask = (table.length >> 1) - 1;
    let i = tag & mask;
    while (table[2 * i]! >= 0) i = (i + 1) & mask;
    table[2 * i] = row;
    table[2 * i + 1] = tag;
  }

  /** Removes exactly this row; another row of the same hash stays. */
  remove(row: number): void {
    const { table } = this;
    const mask = (table.length >> 1) - 1;
    let hole = HashIndex.tag(this.hashes(), row * 32) & mask;
    while (table[2 * hole] !== row) {
      if (table[2 * hole]! < 0) return;
      hole = (hole + 1) & mask;
    }
    for (let i = (hole + 1) & mask; table[2 * i]! >= 0; i = (i + 1) & mask) {
      const home = table[2 * i + 1]! & mask;
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        table[2 * hole] = table[2 * i]!;
        table[2 * hole + 1] = table[2 * i + 1]!;
        hole = i;
      }
    }
    table[2 * hole] = -1;
    this.size--;
  }
}
