/**
 * Where the entries of one partition lie in the log: runs of consecutive entries, one or more per block. Every read of a value
 * asks here, for any entry: a table says at which run to begin to look, where a search would guess wrong at every second step.
 */
import { ENTRY_BYTES } from "./format.ts";

/** Entries for which one place of the table stands. A block of 30,000 transfers appends some 2,000 to each of 64 partitions. */
const STEP = 1024;

export class EntryLocations {
  /** Number and position of each run's first entry. */
  private firsts = new Float64Array(16);
  private positions = new Float64Array(16);
  private runs = 0;
  /** Runs that were dropped before the first one here. */
  private dropped = 0;
  /**
   * By number of an entry, divided by STEP, less `base`: number of the run, counted with those dropped, in which the first of
   * these entries lies, or lay. Filled up to `hinted`; all others lie in the last run.
   */
  private hints = new Uint32Array(64);
  private base = 0;
  private hinted = 0;

  /** Position in the log of an entry, -1 when it is not there. */
  positionOf(number: number): number {
    const { firsts, runs } = this;
    if (runs === 0 || number < firsts[0]!) return -1;
    const step = Math.floor(number / STEP) - this.base;
    let run = runs - 1;
    if (step < this.hinted) {
      run = Math.max(0, this.hints[step]! - this.dropped);
      while (run + 1 < runs && firsts[run + 1]! <= number) run++;
    }
    return this.positions[run]! + (number - firsts[run]!) * ENTRY_BYTES;
  }

  /** Notes that entries from `first` on lie at a position of the log. */
  add(first: number, position: number): void {
    if (this.runs > 0) {
      const last = this.runs - 1;
      if (this.positions[last]! + (first - this.firsts[last]!) * ENTRY_BYTES === position) return;
      this.hintUpTo(first, last + this.dropped);
    } else {
      this.base = Math.floor(first / STEP);
      this.hinted = 0;
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

  /** Entries before `end` that have no hint yet lie in `run`, or after it. */
  private hintUpTo(end: number, run: number): void {
    const to = Math.ceil(end / STEP) - this.base;
    if (to > this.hints.length) {
      const hints = new Uint32Array(Math.max(to, this.hints.length * 2));
      hints.set(this.hints.subarray(0, this.hinted));
      this.hints = hints;
    }
    while (this.hinted < to) this.hints[this.hinted++] = run;
  }

  /** Forgets runs that begin at or after an entry. */
  cut(number: number): void {
    while (this.runs > 0 && this.firsts[this.runs - 1]! >= number) this.runs--;
    // What now lies in the last run needs no hint, and must have none that leads past it.
    const end = this.runs === 0 ? 0 : Math.ceil(this.firsts[this.runs - 1]! / STEP) - this.base;
    this.hinted = Math.max(0, Math.min(this.hinted, end));
  }

  /** Forgets runs that end before an entry. */
  dropBefore(number: number): void {
    let dead = 0;
    while (dead + 1 < this.runs && this.firsts[dead + 1]! <= number) dead++;
    if (dead === 0) return;
    this.firsts.copyWithin(0, dead, this.runs);
    this.positions.copyWithin(0, dead, this.runs);
    this.runs -= dead;
    this.dropped += dead;
    const steps = Math.min(this.hinted, Math.floor(this.firsts[0]! / STEP) - this.base);
    this.hints.copyWithin(0, steps, this.hinted);
    this.hinted -= steps;
    this.base += steps;
  }

  get bytes(): number {
    return this.firsts.byteLength * 2 + this.hints.byteLength;
  }
}
