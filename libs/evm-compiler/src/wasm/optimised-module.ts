/** Has V8 optimise a module when it is made. */
import { setFlagsFromString } from "node:v8";
import { type WasmModule, wasmApi } from "@velarium/wasm";
import { ByteSink } from "./bytes.ts";

/**
 * Set once and never taken back: V8 reads its flags in the midst of its work, on all threads. Switching lazy compilation and
 * inlining off for the time of one module ended processes that compiled another meanwhile (SIGSEGV).
 */
const FLAGS: readonly string[] = [
  // Heeds the section below; modules without one are treated as ever.
  "--experimental-wasm-compilation-hints",
  // One thread at a time, so that the execution thread keeps its core, and the process its share of the machine.
  "--wasm-num-compilation-tasks=1",
];
for (const flag of FLAGS) setFlagsFromString(flag);

const PREAMBLE_BYTES = 8;
const CUSTOM_SECTION = 0;
const FUNCTION_SECTION = 3;
const CODE_SECTION = 10;
const HINTS = "compilationHints";
/** Two bits each: compile when the module is made; at first with the optimising compiler; in the end too. */
const OPTIMISE_AT_ONCE = 0b10_10_10;

function readU32(bytes: Uint8Array, from: number): [value: number, next: number] {
  let value = 0;
  let at = from;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, at];
  }
}

/**
 * `bytes` with a hint for each of its functions. Otherwise V8 makes slow code first and optimises it when it is counted to
 * be hot: a function that is called once and loops would stay slow, as V8 does not replace WebAssembly code while it runs.
 */
export function withHints(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let functions = 0;
  for (let at = PREAMBLE_BYTES; at < bytes.length; ) {
    const id = bytes[at]!;
    const [size, content] = readU32(bytes, at + 1);
    if (id === FUNCTION_SECTION) functions = readU32(bytes, content)[0];
    if (id === CODE_SECTION) {
      const hints = new ByteSink();
      hints.name(HINTS);
      hints.u32(functions);
      for (let i = 0; i < functions; i++) hints.byte(OPTIMISE_AT_ONCE);
      const out = new ByteSink(bytes.length + hints.length + 8);
      out.raw(bytes.subarray(0, at));
      out.byte(CUSTOM_SECTION);
      out.u32(hints.length);
      out.raw(hints.view());
      out.raw(bytes.subarray(at));
      return out.bytes.slice(0, out.length);
    }
    at = content + size;
  }
  return bytes.slice();
}

/** All functions through the optimising compiler at once. */
export function optimisedModule(bytes: Uint8Array): WasmModule {
  return new wasmApi.Module(withHints(bytes));
}
