/**
 * Speeds of several runners on one workload, measured in turns, so that what else the machine does hits all alike. A
 * pass is timed in CPU time of this thread; the figure is the median of the passes after a warm-up.
 */
import type { Runner } from "./runner.ts";

export interface MeasureOptions {
  /** Timed passes per runner. */
  readonly passes: number;
  /** Least CPU time of a pass, ms; one call at least. */
  readonly passMs: number;
  /** CPU time that one runner may take in all, ms; slow programs get fewer passes, but one. */
  readonly budgetMs: number;
}

export const FULL: MeasureOptions = { passes: 5, passMs: 250, budgetMs: 12_000 };
export const SMALL: MeasureOptions = { passes: 1, passMs: 20, budgetMs: 400 };

export interface Speed {
  readonly runner: string;
  readonly callsPerSecond: number;
  readonly passes: number;
}

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One runner's passes. */
class Track {
  readonly runner: Runner;
  private readonly options: MeasureOptions;
  private next = 0;
  private perPass = 1;
  private spentMs = 0;
  private readonly speeds: number[] = [];

  constructor(runner: Runner, options: MeasureOptions) {
    this.runner = runner;
    this.options = options;
  }

  private async pass(): Promise<number> {
    const before = cpuMs();
    const started = performance.now();
    await this.runner.run(this.next, this.perPass);
    // Some systems count CPU time in ticks of milliseconds, so a short pass may seem to take none.
    const ms = cpuMs() - before || performance.now() - started;
    this.next += this.perPass;
    this.spentMs += ms;
    return ms;
  }

  /** Warms up, and finds how many calls make a pass. A call that eats the budget is its own measurement. */
  async warmUp(): Promise<void> {
    for (;;) {
      const ms = await this.pass();
      if (ms >= this.options.budgetMs / 2) {
        this.speeds.push((this.perPass / ms) * 1000);
        return;
      }
      if (ms >= this.options.passMs) return;
      this.perPass *= ms > this.options.passMs / 8 ? 2 : 4;
    }
  }

  get isDone(): boolean {
    if (this.speeds.length === 0) return false;
    return this.speeds.length >= this.options.passes || this.spentMs >= this.options.budgetMs;
  }

  async time(): Promise<void> {
    if (this.isDone) return;
    const ms = await this.pass();
    this.speeds.push((this.perPass / ms) * 1000);
  }

  speed(): Speed {
    return {
      runner: this.runner.name,
      callsPerSecond: median(this.speeds),
      passes: this.speeds.length,
    };
  }
}

export async function measure(runners: readonly Runner[], options: MeasureOptions): Promise<Speed[]> {
  const tracks = runners.map((runner) => new Track(runner, options));
  for (const track of tracks) await track.warmUp();
  while (tracks.some((track) => !track.isDone)) for (const track of tracks) await track.time();
  return tracks.map((track) => track.speed());
}
