import { defineMetrics } from "@velarium/service-kit";
import type { Shard } from "./shard.ts";
import type { StoredState } from "./stored-state.ts";

/** Everything is read when scraped. */
export function defineShardMetrics(
  registry: Parameters<typeof defineMetrics>[0],
  shard: () => Shard | undefined,
  state: () => StoredState | undefined,
): void {
  const core = <T>(read: (core: Shard["core"]) => T, none: T): T => {
    const running = shard();
    return running ? read(running.core) : none;
  };
  const counter = (name: string, help: string, key: keyof Shard["core"]["totals"]) =>
    ({
      kind: "counter",
      name: `velarium_state_shard_${name}_total`,
      help,
      collect: () => core((c) => c.totals[key], 0),
    }) as const;
  const gauge = (name: string, help: string, read: () => number) =>
    ({ kind: "gauge", name: `velarium_state_shard_${name}`, help, collect: read }) as const;
  defineMetrics(registry, {
    versions: counter("versions", "Versions published here.", "versions"),
    contributions: counter("contributions", "Delta contributions counted here.", "contributions"),
    repeated: counter("repeated", "Versions and contributions that were here already.", "repeated"),
    reads: counter("reads", "Slots read by executors.", "reads"),
    parked: counter("parked_reads", "Reads that had to wait for a version.", "parked"),
    blocks: counter("blocks", "Blocks committed.", "blocks"),
    epoch: gauge("epoch", "Epoch.", () => core((c) => c.epoch, 0)),
    durableHeight: gauge("durable_height", "Newest durable block.", () => state()?.store.durableHeight ?? 0),
    versionsHeld: gauge("versions_held", "Versions of blocks not yet committed.", () =>
      core((c) => c.versionsHeld, 0),
    ),
    parkedNow: gauge("parked_reads_held", "Reads that wait now.", () => core((c) => c.parkedNow, 0)),
    slots: gauge("slots", "Slots with a value.", () => state()?.store.stats().slots ?? 0),
    logBytes: gauge("log_bytes", "Size of the entry log.", () => state()?.store.stats().logBytes ?? 0),
    indexBytes: gauge("index_bytes", "Memory of the index.", () => state()?.store.stats().indexBytes ?? 0),
    cacheBytes: gauge(
      "cache_bytes",
      "Memory of the value cache.",
      () => state()?.store.stats().cacheBytes ?? 0,
    ),
  });
}
