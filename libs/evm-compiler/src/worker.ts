/**
 * The compile worker's thread: code in, `WebAssembly.Module` out. V8 optimises the module here; its machine code travels with
 * the module, so the execution thread neither compiles nor waits.
 */
import { setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { type BlockRules, createBlockRules } from "@velarium/chain-rules";
import { pair, token } from "@velarium/contracts";
import type { WasmModule } from "@velarium/wasm";
import { DEFAULT_BUDGETS } from "./budgets.ts";
import { compileCode, type RefusedCode } from "./compile.ts";
import type { CompilerBudgets } from "./types.ts";
import { WARM_UP, WARM_UP_MS, WARM_UP_ROUNDS } from "./warm-up.ts";
import { optimisedModule } from "./wasm/optimised-module.ts";

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
  const module = optimisedModule(emitted.bytes);
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
 * Behind threads that execute, where they want the same core: a third of their share. On Linux this is the thread's alone;
 * elsewhere it would be the whole process's.
 */
const NICENESS = 5;
if (process.platform === "linux") setPriority(NICENESS);

let hasWorked = false;

/** A round at a time, so that what comes meanwhile waits for one at most. */
function warmUp(deadline: number, round: number): void {
  if (hasWorked || round === WARM_UP_ROUNDS || performance.now() > deadline) {
    parentPort?.postMessage(WARM_UP);
    return;
  }
  const { runtime } = round % 2 === 0 ? pair : token;
  compileCode(runtime, createBlockRules("osaka", 1), DEFAULT_BUDGETS);
  setImmediate(() => warmUp(deadline, round + 1));
}

parentPort?.on("message", (request: CompileRequest | typeof WARM_UP) => {
  if (request === WARM_UP) {
    warmUp(performance.now() + WARM_UP_MS, 0);
    return;
  }
  hasWorked = true;
  const reply: CompileReply = { id: request.id, ...compile(request) };
  parentPort?.postMessage(reply);
});
