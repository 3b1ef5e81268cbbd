import type { Engine } from "@velarium/engine";
import { defineMetrics } from "@velarium/service-kit";
import { type EngineStats, FALLBACK_REASONS } from "./stats.ts";
import { WasmEngine } from "./wasm-engine.ts";

/** Metrics of a service's engine. They are there for the reference engine too, which counts nothing: zero. */
export function defineEngineMetrics(
  registry: Parameters<typeof defineMetrics>[0],
  engine: () => Engine | undefined,
): void {
  const read = (of: (stats: EngineStats) => number) => () => {
    const current = engine();
    return current instanceof WasmEngine ? of(current.stats) : 0;
  };
  const counter = (name: string, help: string, of: (stats: EngineStats) => number) =>
    ({ kind: "counter", name: `velarium_engine_${name}_total`, help, collect: read(of) }) as const;
  const gauge = (name: string, help: string, of: (current: WasmEngine) => number) =>
    ({
      kind: "gauge",
      name: `velarium_engine_${name}`,
      help,
      collect: () => {
        const current = engine();
        return current instanceof WasmEngine ? of(current) : 0;
      },
    }) as const;
  defineMetrics(registry, {
    codes: gauge("codes", "Codes that the engine has in memory.", (e) => e.kernel.codes().length),
    compiledCodes: gauge(
      "compiled_codes",
      "Of the codes, those that run compiled.",
      (e) => e.kernel.codes().filter(({ compiled }) => compiled).length,
    ),
    executions: counter(
      "executions",
      "Executions begun: transactions, calls, simulations.",
      (s) => s.executions,
    ),
    gas: counter("gas", "Gas of the executions that ended in the kernel.", (s) => s.gas),
    suspensions: counter("suspensions", "Values that an execution waited for.", (s) => s.suspensions),
    parked: counter("parked", "Waiting executions copied out of memory for another one.", (s) => s.parked),
    restarts: counter("restarts", "Executions begun again because too many waited.", (s) => s.restarts),
    fallbacks: counter("fallbacks", "Executions that ran on the reference engine instead.", (s) =>
      FALLBACK_REASONS.reduce((sum, reason) => sum + s.fallbacks[reason], 0),
    ),
    ...Object.fromEntries(
      FALLBACK_REASONS.map((reason) => [
        `fallbacks_${reason}`,
        counter(
          `fallbacks_${reason}`,
          `Of the fallbacks, those for the reason ${reason}.`,
          (s) => s.fallbacks[reason],
        ),
      ]),
    ),
  });
}
