export { compileKernel, instantiateKernel, KernelFileError } from "./kernel-file.ts";
export { type WasmMemory, type WasmModule, wasmApi } from "./web-assembly.ts";
