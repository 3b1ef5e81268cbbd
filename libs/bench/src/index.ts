/** Benchmarks by name. Add one here and `velarium bench` knows it. */
import { engineBench } from "./engine/engine-bench.ts";
import { fafo } from "./fafo.ts";
import { profiles } from "./profiles.ts";
import type { Bench } from "./report.ts";
import { scheduler } from "./scheduler.ts";
import { stateTree } from "./state-tree.ts";

export * from "./report.ts";

export const benches: Readonly<Record<string, Bench>> = {
  "state-tree": stateTree,
  fafo,
  scheduler,
  profiles,
  engine: engineBench,
};
