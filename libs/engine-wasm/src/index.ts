export * from "./create-engine.ts";
export { defineEngineMetrics } from "./metrics.ts";
export type { WasmEngineOptions } from "./options.ts";
export { readEngineReport, replyEngineReport } from "./report-call.ts";
export * from "./stats.ts";
export { createWasmEngine, WasmEngine } from "./wasm-engine.ts";
