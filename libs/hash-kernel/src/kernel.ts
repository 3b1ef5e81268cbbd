/** Loads the compiled kernel, synchronously: hashing is needed in constructors and in pure cores. */
import { readFileSync } from "node:fs";
import { INTERFACE } from "../assembly/interface.ts";

/**
 * The kernel cannot be used. `kernel-missing`: it was not built; `kernel-stale`: it was built from other sources than its
 * host's; `memory`: the input does not fit in its memory; `columns`: end offsets go backwards, or past the data.
 */
export class KernelError extends Error {
  readonly code: "kernel-missing" | "kernel-stale" | "memory" | "columns";
  constructor(code: KernelError["code"], message: string) {
    super(message);
    this.name = "KernelError";
    this.code = code;
  }
}

/** What is used of the engine's WebAssembly object; its types are otherwise part of the DOM library only. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

export interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  interfaceNumber(): number;
  heapBase(): number;
  keccak(input: number, size: number, out: number): void;
  blake2bCompress(rounds: number, state: number, isFinal: number): void;
  keccakBatch(n: number, ends: number, blob: number, out: number): void;
  orderedTrieRoot(n: number, ends: number, blob: number, largest: number, scratch: number, out: number): void;
  orderedTrieScratchBytes(largest: number): number;
}

const KERNEL = new URL("../build/kernel.wasm", import.meta.url);

/** Instantiates the kernel with a memory of its own. Throws KernelError when it was not built, or from other sources. */
export function loadKernel(path: URL | string = KERNEL): KernelExports {
  let code: Uint8Array<ArrayBuffer>;
  try {
    code = new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new KernelError(
      "kernel-missing",
      `the hash kernel is not built (${String(path)}): run \`npm run setup\`. ${String(cause)}`,
    );
  }
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), {
    env: {
      abort: () => {
        throw new KernelError("memory", "the hash kernel aborted");
      },
    },
  });
  const exports = instance.exports as KernelExports;
  const found = (exports as Partial<KernelExports>).interfaceNumber?.();
  if (found !== INTERFACE)
    throw new KernelError(
      "kernel-stale",
      `the hash kernel (${String(path)}) has interface ${found ?? "unknown"}, not ${INTERFACE}: it was built from other sources; run \`npm run setup\``,
    );
  return exports;
}
