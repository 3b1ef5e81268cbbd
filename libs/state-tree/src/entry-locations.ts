/** Where the entries of one partition lie in the log: runs of consecutive entries, one or more per block. */
import { ENTRY_BYTES } from "./format.ts";

export class EntryLocations {
  /** Number and position of each run's first entry. */
  private firsts = new Float64Array(16);
  private positions = new Float64Array(16);
  private runs = 0;

  /** Position in the log of an entry, -1 when it is not there. */
  positionOf(number: number): number {
    const { firsts } = this;
    let low = 0;
    let high = this.runs;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (firsts[middle]! <= number) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? -1 : this.positions[low - 1]! + (number - firsts[low - 1]!) * ENTRY_BYTES;
  }

  /** Notes that entries from `first` on lie at a position of the log. */
  add(first: number, position: number): void {
    if (this.runs > 0) {
      const last = this.runs - 1;
      if (this.positions[last]! + (first - this.firsts[last]!) * ENTRY_BYTES === position) return;
    }
    if (this.runs === this.firsts.length) {
      const firsts = new Float64Array(this.runs * 2);
      const positions = new Float64Array(this.runs * 2);
      firsts.set(this.firsts);
      positions.set(this.positions);
      this.firsts = firsts;
      this.positions = positions;
    }
    this.firsts[this.runs] = first;
    this.positions[this.runs] = position;
    this.runs++;
  }

  /** Forgets runs that begin at or after an entry. */
  cut(number: number): void {
    while (this.runs > 0 && this.firsts[this.runs - 1]! >= number) this.runs--;
  }

  /** Forgets runs that end before an entry. */
  dropBefore(number: number): void {
    let dead = 0;
    while (dead + 1 < this.runs && this.firsts[dead + 1]! <= number) dead++;
    this.firsts.copyWithin(0, dead, this.runs);
    this.positions.copyWithin(0, dead, this.runs);
    this.runs -= dead;
  }

  get bytes(): number {
    return this.firsts.byteLength * 2;
  }
}
