/** Which seqs are in flight and which complete: a ring over the seqs from the lowest incomplete one on. */

const FREE = 0;
const IN_FLIGHT = 1;
const DONE = 2;

export class SeqWindow {
  /** Everything below is framed. */
  nextSeq = 0;
  /** Everything up to here is complete. */
  completeThrough = -1;
  readonly size: number;
  private readonly mask: number;
  private readonly states: Uint8Array;
  private readonly executors: Uint8Array;

  constructor(size: number) {
    if (size < 2 || (size & (size - 1)) !== 0)
      throw new RangeError(`windowSeqs must be a power of two, got ${size}`);
    this.size = size;
    this.mask = size - 1;
    this.states = new Uint8Array(size);
    this.executors = new Uint8Array(size);
  }

  startAt(seq: number): void {
    this.nextSeq = seq;
    this.completeThrough = seq - 1;
  }

  /** True when `count` more seqs fit. */
  hasRoom(count: number): boolean {
    return this.nextSeq + count - (this.completeThrough + 1) <= this.size;
  }

  /** Consecutive seqs from `firstSeq` on are in flight, each on its executor. */
  place(firstSeq: number, count: number, executors: Uint8Array): void {
    const { states, mask } = this;
    for (let k = 0, i = firstSeq & mask; k < count; k++, i = (i + 1) & mask) {
      states[i] = IN_FLIGHT;
      this.executors[i] = executors[k]!;
    }
  }

  /** Marks a seq complete. False when it is not in flight on this executor: a repeat, or not its own. */
  finish(seq: number, executor: number): boolean {
    if (seq <= this.completeThrough || seq >= this.nextSeq) return false;
    const i = seq & this.mask;
    if (this.states[i] !== IN_FLIGHT || this.executors[i] !== executor) return false;
    this.states[i] = DONE;
    return true;
  }

  /** Moves `completeThrough` over what is complete; says whether it moved. */
  advance(): boolean {
    const { states, mask } = this;
    const before = this.completeThrough;
    let seq = before + 1;
    for (let i = seq & this.mask; seq < this.nextSeq && states[i] === DONE; i = (i + 1) & mask) {
      states[i] = FREE;
      seq++;
    }
    this.completeThrough = seq - 1;
    return this.completeThrough !== before;
  }

  /** Seqs up to `next` are not used. */
  skipTo(next: number): void {
    for (let seq = this.nextSeq; seq < next; seq++) this.states[seq & this.mask] = DONE;
    this.nextSeq = next;
    this.advance();
  }
}
