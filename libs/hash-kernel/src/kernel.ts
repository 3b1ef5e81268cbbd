/** The compiled kernel. */
import { compileKernel, instantiateKernel } from "@velarium/wasm";
import { INTERFACE } from "../assembly/interface.ts";

/** `memory`: the input does not fit in the kernel's memory; `columns`: end offsets go backwards, or past the data. */
export class KernelError extends Error {
  readonly code: "memory" | "columns";
  constructor(code: KernelError["code"], message: string) {
    super(message);
    this.name = "KernelError";
    this.code = code;
  }
}

export interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  interfaceNumber(): number;
  heapBase(): number;
  keccak(input: number, size: number, out: number): void;
  keccakWords(input: number, out: number): void;
  keccakWordsTwice(input: number, out: number): void;
  blake2bCompress(rounds: number, state: number, isFinal: number): void;
  keccakBatch(n: number, ends: number, blob: number, out: number): void;
  orderedTrieRoot(n: number, ends: number, blob: number, largest: number, scratch: number, out: number): void;
  orderedTrieScratchBytes(largest: number): number;
  keyTableBytes(): number;
  receiptsRoot(
    n: number,
    table: number,
    types: number,
    statuses: number,
    cumulativeGas: number,
    logEnds: number,
    logs: number,
    largest: number,
    scratch: number,
    out: number,
    bloom: number,
  ): number;
}

const KERNEL = new URL("../build/kernel.wasm", import.meta.url);

/** A kernel with a memory of its own. Throws KernelFileError of libs/wasm when it was not built, or from other sources. */
export function loadKernel(): KernelExports {
  const name = "hash kernel";
  const imports = {
    env: {
      abort: () => {
        throw new KernelError("memory", "the hash kernel aborted");
      },
    },
  };
  return instantiateKernel(name, compileKernel(name, KERNEL), imports, INTERFACE);
}
