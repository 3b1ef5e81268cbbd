/**
 * When gathered messages leave: in this turn of the event loop if the last ones left long enough ago, else when the
 * interval is over. So one transaction alone is not delayed, and many share a message.
 */
export class SendPace {
  private readonly intervalMs: number;
  private readonly clock: () => number;
  private last = Number.NEGATIVE_INFINITY;

  /** `clock`: milliseconds of a monotonic clock. */
  constructor(intervalMs: number, clock: () => number = () => performance.now()) {
    this.intervalMs = intervalMs;
    this.clock = clock;
  }

  readonly later = (work: () => void): void => {
    const rest = this.last + this.intervalMs - this.clock();
    const run = (): void => {
      this.last = this.clock();
      work();
    };
    if (rest <= 0) setImmediate(run);
    else setTimeout(run, Math.ceil(rest));
  };
}
