/** Has V8 optimise a module when it is made. */
import { setFlagsFromString } from "node:v8";
import { type WasmModule, wasmApi } from "./web-assembly.ts";

/**
 * All functions through the optimising compiler at once. By default V8 would make slow code first, at the first call, and
 * optimise what it counts to be hot; a function that is called once and loops would stay slow, as V8 does not replace
 * WebAssembly code while it runs. V8's inlining is off: it puts small components into each other, which takes three times as
 * long and gains nothing, as what is worth inlining already is. The flags are the process's: other threads that compile meanwhile get optimised code too.
 */
export function optimisedModule(bytes: Uint8Array<ArrayBuffer>): WasmModule {
  setFlagsFromString("--no-liftoff");
  setFlagsFromString("--no-wasm-lazy-compilation");
  setFlagsFromString("--no-wasm-inlining");
  try {
    return new wasmApi.Module(bytes);
  } finally {
    setFlagsFromString("--liftoff");
    setFlagsFromString("--wasm-lazy-compilation");
    setFlagsFromString("--wasm-inlining");
  }
}
