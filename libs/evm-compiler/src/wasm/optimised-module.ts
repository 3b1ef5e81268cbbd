/** Has V8 optimise a module when it is made. */
import { setFlagsFromString } from "node:v8";
import { type WasmModule, wasmApi } from "@velarium/wasm";

/** V8's flags while it makes a module, and what they are otherwise. */
const FLAGS: readonly (readonly [meanwhile: string, otherwise: string])[] = [
  // Slow code first, optimised when it is counted to be hot: a function that is called once and loops would stay slow, as
  // V8 does not replace WebAssembly code while it runs.
  ["--no-liftoff", "--liftoff"],
  ["--no-wasm-lazy-compilation", "--wasm-lazy-compilation"],
  // It puts small components into each other, which takes three times as long and gains nothing, as what is worth inlining
  // already is.
  ["--no-wasm-inlining", "--wasm-inlining"],
  // One thread at a time, so that the execution thread keeps its core, and the process its share of the machine.
  ["--wasm-num-compilation-tasks=1", "--wasm-num-compilation-tasks=128"],
];

/**
 * All functions through the optimising compiler at once. The flags are the process's: other threads that compile meanwhile
 * are treated alike.
 */
export function optimisedModule(bytes: Uint8Array<ArrayBuffer>): WasmModule {
  for (const [meanwhile] of FLAGS) setFlagsFromString(meanwhile);
  try {
    return new wasmApi.Module(bytes);
  } finally {
    for (const [, otherwise] of FLAGS) setFlagsFromString(otherwise);
  }
}
