/** The engine by its name in options and flags, and what can be told about either. */
import { createReferenceEngine, type Engine } from "@velarium/engine";
import type { WasmEngineOptions } from "./options.ts";
import type { CodeReport, EngineStats } from "./stats.ts";
import { createWasmEngine, WasmEngine } from "./wasm-engine.ts";

export const ENGINE_KINDS = ["reference", "wasm"] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];
export const DEFAULT_ENGINE: EngineKind = "wasm";

export const createEngine = (kind: EngineKind, options: WasmEngineOptions = {}): Engine =>
  kind === "wasm" ? createWasmEngine(options) : createReferenceEngine(options);

/** The engine of a service: contracts that are called often are compiled in the background. */
export const createServiceEngine = (kind: EngineKind, options: WasmEngineOptions = {}): Engine =>
  createEngine(kind, { compiler: {}, ...options });

/** What an engine has done so far, as JSON carries it. */
export interface EngineReport {
  readonly engine: string;
  /** Undefined for the reference engine, which counts nothing. */
  readonly stats?: EngineStats | undefined;
  /** Templates that the compiler knows by state; those that stay interpreted by reason. */
  readonly compilations?: Readonly<Record<string, number>> | undefined;
  /** Codes with the most gas first; `hash` in hexadecimal. */
  readonly codes: readonly (Omit<CodeReport, "hash"> & { readonly hash: string })[];
}

/** At most `codes` codes are told. */
export function engineReport(engine: Engine, codes: number): EngineReport {
  if (!(engine instanceof WasmEngine)) return { engine: engine.name, codes: [] };
  return {
    engine: engine.name,
    stats: engine.stats,
    compilations: engine.compilations(),
    codes: engine
      .codes(codes)
      .map((code) => ({ ...code, hash: `0x${Buffer.from(code.hash).toString("hex")}` })),
  };
}
