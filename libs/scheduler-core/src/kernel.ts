/** The kernel (assembly/index.ts), which finds rows of the slot table and grants; it works in the table's memory. */
import { compileKernel, instantiateKernel, type WasmMemory, type WasmModule, wasmApi } from "@velarium/wasm";
import { INTERFACE } from "../assembly/interface.ts";

const NAME = "scheduler's kernel";
const KERNEL = new URL("../build/kernel.wasm", import.meta.url);

/** Addresses are byte offsets in the memory, rows f64 offsets, as everywhere in the slot table. */
export interface SchedulerKernel {
  interfaceNumber(): number;
  columnsAt(
    accessHi: number,
    accessKinds: number,
    rows: number,
    modes: number,
    versions: number,
    accessEnds: number,
    shapes: number,
    executors: number,
    feeGens: number,
    generations: number,
    events: number,
  ): void;
  countsAt(counts: number, floors: number, groupMask: number): void;
  findRows(
    n: number,
    hi: number,
    lo: number,
    kinds: number,
    rows: number,
    tags: number,
    groupMask: number,
    groupShift: number,
  ): number;
  beginFrame(
    firstSeq: number,
    blockFirstSeq: number,
    complete: number,
    durable: number,
    feeRow: number,
    feePartition: number,
    baseDepth: number,
  ): void;
  grant(from: number, to: number): void;
  settle(index: number): void;
  recordWrite(row: number, seq: number, executor: number, depth: number): void;
}

let compiled: WasmModule | undefined;

/** Throws KernelFileError of libs/wasm. */
export function createKernel(memory: WasmMemory): SchedulerKernel {
  compiled ??= compileKernel(NAME, KERNEL);
  return instantiateKernel(NAME, compiled, { env: { memory } }, INTERFACE);
}

export function allocate(bytes: number): WasmMemory {
  return new wasmApi.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
}

export const PAGE_BYTES = 65_536;
