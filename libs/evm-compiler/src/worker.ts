/**
 * The compile worker's thread: code in, `WebAssembly.Module` out. V8 optimises the module here; its machine code travels with
 * the module, so the execution thread neither compiles nor waits.
 */
import { setFlagsFromString } from "node:v8";
import { parentPort } from "node:worker_threads";
import type { BlockRules } from "@velarium/chain-rules";
import { compileCode, type RefusedCode } from "./compile.ts";
import type { CompilerBudgets } from "./types.ts";
import { type WasmModule, wasmApi } from "./wasm/web-assembly.ts";

export interface CompileRequest {
  readonly id: number;
  readonly code: Uint8Array;
  readonly rules: BlockRules;
  readonly budgets: CompilerBudgets;
}

export interface CompiledModule {
  readonly ok: true;
  readonly module: WasmModule;
  readonly wasmBytes: number;
  readonly blocks: number;
  readonly buildMs: number;
  readonly emitMs: number;
  readonly optimiseMs: number;
}

export type CompileReply = { readonly id: number } & (CompiledModule | RefusedCode);

function compile({ code, rules, budgets }: CompileRequest): CompiledModule | RefusedCode {
  const emitted = compileCode(code, rules, budgets);
  if (!emitted.ok) return emitted;
  const started = performance.now();
  const module = optimise(emitted.bytes);
  return {
    ok: true,
    module,
    wasmBytes: emitted.bytes.length,
    blocks: emitted.blocks,
    buildMs: emitted.buildMs,
    emitMs: emitted.emitMs,
    optimiseMs: performance.now() - started,
  };
}

/**
 * All functions through the optimising compiler at once. By default V8 would make slow code first, at the first call, and
 * optimise what it counts to be hot; a function that is called once and loops would stay slow, as V8 does not replace
 * WebAssembly code while it runs. The flags are the process's: other threads that compile meanwhile get optimised code too.
 */
function optimise(bytes: Uint8Array<ArrayBuffer>): WasmModule {
  setFlagsFromString("--no-liftoff");
  setFlagsFromString("--no-wasm-lazy-compilation");
  try {
    return new wasmApi.Module(bytes);
  } finally {
    setFlagsFromString("--liftoff");
    setFlagsFromString("--wasm-lazy-compilation");
  }
}

parentPort?.on("message", (request: CompileRequest) => {
  const reply: CompileReply = { id: request.id, ...compile(request) };
  parentPort?.postMessage(reply);
});
