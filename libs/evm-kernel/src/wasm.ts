/** The compiled kernel, and the little of the WebAssembly API that is used (its types are part of the DOM library only). */
import { readFileSync } from "node:fs";
import { INTERFACE } from "../assembly/layout.ts";

/**
 * The kernel cannot be used, or was used wrongly. `kernel-missing`: it was not built; `kernel-stale`: it was
 * built from other sources than its host's; `memory`: no room for what was asked; `code-mismatch`: code that has another hash than asked for; `rules`: a saved execution of other rules; `state`: a call
 * out of order.
 */
export class KernelError extends Error {
  readonly code: "kernel-missing" | "kernel-stale" | "memory" | "code-mismatch" | "rules" | "state";
  constructor(code: KernelError["code"], message: string) {
    super(message);
    this.name = "KernelError";
    this.code = code;
  }
}

export interface WasmTable {
  readonly length: number;
  grow(by: number): number;
  get(index: number): unknown;
  set(index: number, value: unknown): void;
}

declare const WebAssembly: {
  readonly Module: new (code: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** What the assembly exports, apart from the imports of compiled code. */
export interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly table: WasmTable;
  interfaceNumber(): number;
  init(
    accounts: number,
    slots: number,
    codeBytes: number,
    memoEntries: number,
    memoryBytes: number,
    resident: boolean,
  ): number;
  secret(at: number): void;
  setRules(
    fork: number,
    maxType: number,
    codeBytes: number,
    initcodeBytes: number,
    transactionGas: number,
    blobs: number,
    precompiles: number,
    p256: boolean,
  ): void;
  setPrices(...prices: number[]): void;
  setSstorePrices(...prices: number[]): void;
  begin(): void;
  giveUp(): void;
  clearState(): void;
  run(): number;
  interpretedGas(): bigint;
  preload(count: number, keys: number, words: number, kinds: number): void;
  supply(word: number): void;
  seed(key: number, word: number): void;
  peek(key: number, out: number): number;
  commit(): void;
  openBatch(transactions: number, end: number): void;
  runBatch(): number;
  batchDone(): number;
  outcomes(): number;
  collect(attempts: boolean): number;
  relate(): number;
  ranges(): number;
  rangesCount(): number;
  restored(): void;
  addCode(at: number, size: number): number;
  findCode(prefix: number): number;
  firstCodeEntry(): number;
  codeBytesUsed(): number;
  forgetCodes(): void;
  ready(entry: number): number;
  isTemporary(entry: number): number;
  setPrepares(wanted: boolean): void;
  precompileOutput(size: number): void;
  startTrace(withMemory: boolean): number;
  block(): number;
  result(): number;
  missAt(): number;
  opcodes(): number;
  input(): number;
  inputEnd(): number;
  scratch(): number;
}

/** The kernel, and the same with every step told to the host's `trace`. */
const KERNELS = {
  plain: new URL("../build/kernel.wasm", import.meta.url),
  traced: new URL("../build/kernel-traced.wasm", import.meta.url),
} as const;
const modules = new Map<string, object>();

/** A module of the kernel, compiled once per thread. Throws KernelError when it was not built. */
export function kernelModule(build: keyof typeof KERNELS = "plain"): object {
  const known = modules.get(build);
  if (known !== undefined) return known;
  const path = KERNELS[build];
  let code: Uint8Array<ArrayBuffer>;
  try {
    code = new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new KernelError(
      "kernel-missing",
      `the EVM kernel is not built (${String(path)}): run \`npm run setup\`. ${String(cause)}`,
    );
  }
  const compiled = new WebAssembly.Module(code);
  modules.set(build, compiled);
  return compiled;
}

/** Throws KernelError when the kernel is not of these sources. */
export function instantiate(module: object, imports: object): KernelExports {
  const exports = new WebAssembly.Instance(module, imports).exports as KernelExports;
  const found = (exports as Partial<KernelExports>).interfaceNumber?.();
  if (found !== INTERFACE)
    throw new KernelError(
      "kernel-stale",
      `the EVM kernel has interface ${found ?? "unknown"}, not ${INTERFACE}: it was built from other sources; run \`npm run setup\``,
    );
  return exports;
}
