/**
 * Versions or generations of blocks not yet committed, with what decides whether a block takes them: a block's end goes
 * through all of them, and so need not look at each.
 */

/** In place of a partition: a version that follows from a generation, which no block counts. */
export const DERIVED = 0xffff;
const INITIAL_LENGTH = 1024;

export class LiveNodes {
  nodes = new Int32Array(INITIAL_LENGTH);
  seqs = new Float64Array(INITIAL_LENGTH);
  /** Below 256, or `DERIVED`. */
  partitions = new Uint16Array(INITIAL_LENGTH);
  length = 0;

  push(node: number, seq: number, partition: number): void {
    if (this.length === this.nodes.length) this.grow();
    this.nodes[this.length] = node;
    this.seqs[this.length] = seq;
    this.partitions[this.length++] = partition;
  }

  clear(): void {
    this.length = 0;
  }

  /** Takes out what a block has committed. */
  dropUpTo(closeSeq: number): void {
    const { nodes, seqs, partitions, length } = this;
    let kept = 0;
    for (let i = 0; i < length; i++) {
      if (seqs[i]! <= closeSeq) continue;
      nodes[kept] = nodes[i]!;
      seqs[kept] = seqs[i]!;
      partitions[kept++] = partitions[i]!;
    }
    this.length = kept;
  }

  private grow(): void {
    const length = this.length * 2;
    const nodes = new Int32Array(length);
    nodes.set(this.nodes);
    this.nodes = nodes;
    const seqs = new Float64Array(length);
    seqs.set(this.seqs);
    this.seqs = seqs;
    const partitions = new Uint16Array(length);
    partitions.set(this.partitions);
    this.partitions = partitions;
  }
}
