/** The compiled kernel. */
import { compileKernel, instantiateKernel, type WasmModule } from "@velarium/wasm";
import { INTERFACE } from "../assembly/layout.ts";

/**
 * The kernel was used wrongly, or cannot do what was asked. `memory`: no room; `code-mismatch`: code that has another hash
 * than asked for; `rules`: a saved execution of other rules; `state`: a call out of order.
 */
export class KernelError extends Error {
  readonly code: "memory" | "code-mismatch" | "rules" | "state";
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
  startTrace(): number;
  block(): number;
  result(): number;
  missAt(): number;
  opcodes(): number;
  input(): number;
  inputEnd(): number;
  scratch(): number;
}

/** The kernel, and the same with a trace told to the host's `trace`. */
const KERNELS = {
  plain: new URL("../build/kernel.wasm", import.meta.url),
  traced: new URL("../build/kernel-traced.wasm", import.meta.url),
} as const;
const NAME = "EVM kernel";
const modules = new Map<string, WasmModule>();

/** A module of the kernel, compiled once per thread. Throws KernelFileError of libs/wasm when it was not built. */
export function kernelModule(build: keyof typeof KERNELS = "plain"): WasmModule {
  let module = modules.get(build);
  if (module === undefined) {
    module = compileKernel(NAME, KERNELS[build]);
    modules.set(build, module);
  }
  return module;
}

/** Throws KernelFileError when the kernel is not of these sources. */
export const instantiate = (module: WasmModule, imports: object): KernelExports =>
  instantiateKernel(NAME, module, imports, INTERFACE);
