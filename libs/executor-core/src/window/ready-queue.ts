/** Transactions that can run, lowest seq first: a binary heap in typed arrays. */
export class ReadyQueue {
  length = 0;
  private seqs = new Float64Array(1024);
  private batches = new Int32Array(1024);
  private indexes = new Int32Array(1024);
  /** What `pop` took. */
  batch = 0;
  index = 0;

  push(seq: number, batch: number, index: number): void {
    if (this.length === this.seqs.length) this.grow();
    const { seqs, batches, indexes } = this;
    let at = this.length++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (seqs[parent]! <= seq) break;
      seqs[at] = seqs[parent]!;
      batches[at] = batches[parent]!;
      indexes[at] = indexes[parent]!;
      at = parent;
    }
    seqs[at] = seq;
    batches[at] = batch;
    indexes[at] = index;
  }

  /** Takes the lowest into `batch` and `index`; false when empty. */
  pop(): boolean {
    if (this.length === 0) return false;
    const { seqs, batches, indexes } = this;
    this.batch = batches[0]!;
    this.index = indexes[0]!;
    const last = --this.length;
    const seq = seqs[last]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      if (child + 1 < last && seqs[child + 1]! < seqs[child]!) child++;
      if (seqs[child]! >= seq) break;
      seqs[at] = seqs[child]!;
      batches[at] = batches[child]!;
      indexes[at] = indexes[child]!;
      at = child;
    }
    seqs[at] = seq;
    batches[at] = batches[last]!;
    indexes[at] = indexes[last]!;
    return true;
  }

  clear(): void {
    this.length = 0;
  }

  private grow(): void {
    const size = this.seqs.length * 2;
    const seqs = new Float64Array(size);
    seqs.set(this.seqs);
    const batches = new Int32Array(size);
    batches.set(this.batches);
    const indexes = new Int32Array(size);
    indexes.set(this.indexes);
    this.seqs = seqs;
    this.batches = batches;
    this.indexes = indexes;
  }
}
