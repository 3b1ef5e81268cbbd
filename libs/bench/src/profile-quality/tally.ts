/** What came of all predictions of one kind, by era and by class of failure. */
import type { Comparison } from "./comparison.ts";

export class Tally {
  calls = 0;
  covered = 0;
  exact = 0;
  exactSlots = 0;
  /** Over-prediction of the calls that are covered. */
  private readonly over: number[] = [];
  private readonly times: number[] = [];
  readonly uncovered = new Map<string, number>();

  /** `comparison` is undefined where the answer was "unknown"; `ms` where it was not measured; `why` says what went wrong when it is not covered. */
  add(comparison: Comparison | undefined, ms: number | undefined, why: string): void {
    this.calls++;
    if (ms !== undefined) this.times.push(ms);
    if (comparison?.covered !== true) {
      this.uncovered.set(why, (this.uncovered.get(why) ?? 0) + 1);
      return;
    }
    this.covered++;
    if (comparison.exact) this.exact++;
    if (comparison.exactSlots) this.exactSlots++;
    this.over.push(comparison.overPrediction);
  }

  /** Part of 1 of `count`; 0 when there are no calls. */
  share(count: number): number {
    return this.calls === 0 ? 0 : count / this.calls;
  }

  overPrediction(quantile: number): number {
    return quantileOf(this.over, quantile);
  }

  milliseconds(quantile: number): number {
    return quantileOf(this.times, quantile);
  }
}

function quantileOf(values: readonly number[], quantile: number): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))]!;
}
