/**
 * Loads kernels: AssemblyScript of a package, built into its `build` folder, synchronously, since pure cores need them in
 * their constructors.
 */
import { readFileSync } from "node:fs";
import { type WasmModule, wasmApi } from "./web-assembly.ts";

/** `kernel-missing`: it was not built; `kernel-stale`: it was built from other sources than its host's. */
export class KernelFileError extends Error {
  readonly code: "kernel-missing" | "kernel-stale";
  constructor(code: KernelFileError["code"], message: string) {
    super(message);
    this.name = "KernelFileError";
    this.code = code;
  }
}

/** @throws KernelFileError `kernel-missing` */
export function compileKernel(name: string, file: URL | string): WasmModule {
  let code: Uint8Array<ArrayBuffer>;
  try {
    code = new Uint8Array(readFileSync(file));
  } catch (cause) {
    throw new KernelFileError(
      "kernel-missing",
      `the ${name} is not built (${String(file)}): run \`npm run setup\`. ${String(cause)}`,
    );
  }
  return new wasmApi.Module(code);
}

/**
 * An instance of a kernel whose `interfaceNumber` is that of its host: with another one, addresses would mean something
 * else, which ends in memory faults or in wrong results.
 * @throws KernelFileError `kernel-stale`
 */
export function instantiateKernel<Exports extends { interfaceNumber(): number }>(
  name: string,
  module: WasmModule,
  imports: object,
  expected: number,
): Exports {
  const exports = new wasmApi.Instance(module, imports).exports as unknown as Exports;
  const found = (exports as Partial<Exports>).interfaceNumber?.();
  if (found !== expected)
    throw new KernelFileError(
      "kernel-stale",
      `the ${name} has interface ${found ?? "unknown"}, not ${expected}: it was built from other sources; run \`npm run setup\``,
    );
  return exports;
}
