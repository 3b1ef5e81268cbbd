/** Transaction hash to slab row, for what is pending or in flight: open addressing, deletion by shifting back. */
export class HashIndex {
  size = 0;
  private table = new Int32Array(8192).fill(-1);
  private readonly hashes: () => Uint8Array;

  /** `hashes`: the slab's column (32 bytes per row), asked for anew since it grows. */
  constructor(hashes: () => Uint8Array) {
    this.hashes = hashes;
  }

  private static home(bytes: Uint8Array, at: number): number {
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  find(hash: Uint8Array, at: number): number {
    const hashes = this.hashes();
    const mask = this.table.length - 1;
    for (let i = HashIndex.home(hash, at) & mask; ; i = (i + 1) & mask) {
      const row = this.table[i]!;
      if (row < 0) return -1;
      let same = true;
      for (let k = 0, from = row * 32; k < 32; k++)
        if (hashes[from + k] !== hash[at + k]) {
          same = false;
          break;
        }
      if (same) return row;
    }
  }

  add(row: number): void {
    if ((this.size + 1) * 2 > this.table.length) {
      const old = this.table;
      this.table = new Int32Array(old.length * 2).fill(-1);
      for (const r of old) if (r >= 0) this.place(r);
    }
    this.place(row);
    this.size++;
  }

  private place(row: number): void {
    const mask = this.table.length - 1;
    let i = HashIndex.home(this.hashes(), row * 32) & mask;
    while (this.table[i]! >= 0) i = (i + 1) & mask;
    this.table[i] = row;
  }

  /** Removes exactly this row; another row of the same hash stays. */
  remove(row: number): void {
    const { table } = this;
    const hashes = this.hashes();
    const mask = table.length - 1;
    let hole = HashIndex.home(hashes, row * 32) & mask;
    while (table[hole] !== row) {
      if (table[hole]! < 0) return;
      hole = (hole + 1) & mask;
    }
    for (let i = (hole + 1) & mask; table[i]! >= 0; i = (i + 1) & mask) {
      const home = HashIndex.home(hashes, table[i]! * 32) & mask;
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        table[hole] = table[i]!;
        hole = i;
      }
    }
    table[hole] = -1;
    this.size--;
  }
}
