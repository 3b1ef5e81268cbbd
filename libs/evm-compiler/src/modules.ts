/** Compiled modules by template, within a bound: the least recently wanted goes first, unless it has live frames. */

import type { WasmModule } from "@velarium/wasm";
import type { FallbackReason } from "./types.ts";

export interface ModuleRecord {
  readonly key: string;
  readonly fork: string;
  readonly codeBytes: number;
  state: "queued" | "compiling" | "ready" | "fallback" | "evicted";
  reason?: FallbackReason;
  message?: string;
  blocks?: number;
  wasmBytes?: number;
  buildMs?: number;
  emitMs?: number;
  optimiseMs?: number;
  module?: WasmModule | undefined;
  /** The function of the instance on this kernel's memory; made when first installed. */
  run?: unknown;
  /** Entries that it is installed for. */
  readonly entries: Set<number>;
  /** Gas of those entries when last looked at, and when that changed. */
  lastUsed: number;
}

export class ModuleCache {
  readonly #records = new Map<string, ModuleRecord>();
  readonly #maxModules: number;
  readonly #maxBytes: number;
  #modules = 0;
  #bytes = 0;

  constructor(maxModules: number, maxBytes: number) {
    this.#maxModules = maxModules;
    this.#maxBytes = maxBytes;
  }

  get(key: string): ModuleRecord | undefined {
    return this.#records.get(key);
  }
  values(): IterableIterator<ModuleRecord> {
    return this.#records.values();
  }

  /** A new record. Records without a module are small, but bounded too: the oldest of them is forgotten. */
  add(record: ModuleRecord): void {
    this.#records.set(record.key, record);
    const limit = this.#maxModules * 16;
    if (this.#records.size <= limit) return;
    for (const [key, old] of this.#records) {
      if (old.state !== "fallback" && old.state !== "evicted") continue;
      this.#records.delete(key);
      return;
    }
  }

  keep(record: ModuleRecord, module: WasmModule): void {
    record.module = module;
    record.state = "ready";
    this.#modules++;
    this.#bytes += record.wasmBytes ?? 0;
  }

  /** Records to evict until the bound holds; `uninstall` says whether it could. */
  evict(uninstall: (record: ModuleRecord) => boolean): void {
    if (this.#modules <= this.#maxModules && this.#bytes <= this.#maxBytes) return;
    const candidates = [...this.#records.values()].filter(({ module }) => module !== undefined);
    candidates.sort((a, b) => a.lastUsed - b.lastUsed);
    for (const record of candidates) {
      if (this.#modules <= this.#maxModules && this.#bytes <= this.#maxBytes) return;
      if (!uninstall(record)) continue;
      this.#modules--;
      this.#bytes -= record.wasmBytes ?? 0;
      record.module = undefined;
      record.run = undefined;
      record.state = "evicted";
    }
  }
}
