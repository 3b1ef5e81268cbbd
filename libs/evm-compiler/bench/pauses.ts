/**
 * Pauses of the execution thread while codes are compiled in the background: the thread turns its event loop and notes the
 * longest turn, which is where messages arrive, modules are instantiated and functions installed.
 */
import type { BlockRules } from "@velarium/chain-rules";
import { createKernel } from "@velarium/evm-kernel";
import { createCompiler } from "../src/index.ts";

interface Turns {
  /** Milliseconds of the longest turn by the clock: what the machine gives to other threads is in it. */
  readonly longest: number;
  /** CPU milliseconds of the turn in which this thread itself had most to do. */
  readonly busiest: number;
}

export interface Pause extends Turns {
  readonly name: string;
  /** Milliseconds from the request until the function was installed. */
  readonly total: number;
}

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/** Turns the event loop until `done`, and notes the longest turn. */
async function turn(isDone: () => boolean): Promise<Turns> {
  let [longest, busiest] = [0, 0];
  let [clock, cpu] = [performance.now(), cpuMs()];
  while (!isDone()) {
    await new Promise(setImmediate);
    const [nextClock, nextCpu] = [performance.now(), cpuMs()];
    longest = Math.max(longest, nextClock - clock);
    busiest = Math.max(busiest, nextCpu - cpu);
    [clock, cpu] = [nextClock, nextCpu];
  }
  return { longest, busiest };
}

/** The same for a thread that waits for nothing: what the machine does by itself. */
export function idlePause(ms: number): Promise<Turns> {
  const until = performance.now() + ms;
  return turn(() => performance.now() > until);
}

/** Compiles each code in the background of a kernel of its own; the first one also pays for the start of the worker. */
export async function measurePauses(
  codes: ReadonlyMap<string, Uint8Array>,
  rules: BlockRules,
): Promise<Pause[]> {
  const kernel = createKernel({
    precompile: () => undefined,
    missing: "zero",
    accounts: 4096,
    slots: 16_384,
  });
  const compiler = createCompiler({ kernel });
  const pauses: Pause[] = [];
  for (const [name, code] of codes) {
    const started = performance.now();
    let total = 0;
    void compiler.forceInBackground(kernel.addCode(code), rules).then(() => {
      total = performance.now() - started;
    });
    pauses.push({ name, ...(await turn(() => total > 0)), total });
  }
  await compiler.close();
  return pauses;
}
