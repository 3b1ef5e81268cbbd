/**
 * Transactions of this executor that have not run, in dispatch order: a ring over flat arrays, found by seq. Reads
 * that are on their way have tokens; reads that wait for a write of an unfinished transaction here are linked to it.
 */
import type { DispatchBatch } from "./dispatch-batch.ts";

export class InFlight {
  /** Positions count up from 0 and are never used twice; `head`: oldest that may be unfinished. */
  head = 0;
  tail = 0;
  private mask = 1023;
  private batches: (DispatchBatch | undefined)[] = new Array(1024).fill(undefined);
  private indexes = new Int32Array(1024);
  private seqs = new Float64Array(1024);
  private open = new Int32Array(1024);
  private finished = new Uint8Array(1024);

  push(batch: DispatchBatch, index: number, seq: number): number {
    if (this.tail - this.head > this.mask) this.grow();
    const at = this.tail & this.mask;
    this.batches[at] = batch;
    this.indexes[at] = index;
    this.seqs[at] = seq;
    this.open[at] = 0;
    this.finished[at] = 0;
    return this.tail++;
  }

  batchOf(position: number): DispatchBatch {
    return this.batches[position & this.mask]!;
  }
  indexOf(position: number): number {
    return this.indexes[position & this.mask]!;
  }
  seqOf(position: number): number {
    return this.seqs[position & this.mask]!;
  }

  /** One more value that the transaction waits for. */
  await(position: number): void {
    this.open[position & this.mask]!++;
  }
  openOf(position: number): number {
    return this.open[position & this.mask]!;
  }
  /** One value has come; true when it was the last. */
  arrived(position: number): boolean {
    const at = position & this.mask;
    return --this.open[at]! === 0;
  }

  finish(position: number): void {
    const { mask, finished, batches } = this;
    finished[position & mask] = 1;
    while (this.head < this.tail && finished[this.head & mask] === 1) {
      batches[this.head & mask] = undefined;
      this.head++;
    }
  }

  /** Position of the unfinished transaction of this seq; −1 when there is none. */
  find(seq: number): number {
    const { seqs, mask } = this;
    let low = this.head;
    let high = this.tail;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (seqs[middle & mask]! < seq) low = middle + 1;
      else high = middle;
    }
    const at = low & mask;
    return low < this.tail && seqs[at] === seq && this.finished[at] === 0 ? low : -1;
  }

  private grow(): void {
    const size = (this.mask + 1) * 2;
    const mask = size - 1;
    const batches: (DispatchBatch | undefined)[] = new Array(size).fill(undefined);
    const indexes = new Int32Array(size);
    const seqs = new Float64Array(size);
    const open = new Int32Array(size);
    const finished = new Uint8Array(size);
    for (let p = this.head; p < this.tail; p++) {
      const from = p & this.mask;
      const to = p & mask;
      batches[to] = this.batches[from];
      indexes[to] = this.indexes[from]!;
      seqs[to] = this.seqs[from]!;
      open[to] = this.open[from]!;
      finished[to] = this.finished[from]!;
    }
    this.mask = mask;
    this.batches = batches;
    this.indexes = indexes;
    this.seqs = seqs;
    this.open = open;
    this.finished = finished;
  }
}

/** Nodes with a position and an access each: tokens of reads, and links of local waits. */
export class AccessNodes {
  positions = new Float64Array(1024);
  accesses = new Int32Array(1024);
  /** Next of a waiting list, or of the free ones; −1 ends. */
  next = new Int32Array(1024);
  private free = -1;
  private used = 0;

  take(position: number, access: number): number {
    let node = this.free;
    if (node >= 0) this.free = this.next[node]!;
    else {
      node = this.used++;
      if (node === this.positions.length) this.grow();
    }
    this.positions[node] = position;
    this.accesses[node] = access;
    this.next[node] = -1;
    return node;
  }

  release(node: number): void {
    this.positions[node] = -1;
    this.next[node] = this.free;
    this.free = node;
  }

  /** Whether a token that came back is one that was given out. */
  isTaken(node: number): boolean {
    return node < this.used && this.positions[node]! >= 0;
  }

  private grow(): void {
    const size = this.positions.length * 2;
    const positions = new Float64Array(size);
    positions.set(this.positions);
    const accesses = new Int32Array(size);
    accesses.set(this.accesses);
    const next = new Int32Array(size);
    next.set(this.next);
    this.positions = positions;
    this.accesses = accesses;
    this.next = next;
  }
}
