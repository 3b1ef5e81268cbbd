/** Memory of one ParaBloom and the kernel (assembly/index.ts) that works in it. */
import { compileKernel, instantiateKernel, type WasmMemory, type WasmModule, wasmApi } from "@velarium/wasm";
import {
  HI_AT,
  INTERFACE,
  KINDS_AT,
  LO_AT,
  ROW_SHIFT,
  ROWS_AT,
  SIZES_AT,
  WINDOW_ACCESSES,
} from "../assembly/interface.ts";
import type { Geometry } from "./geometry.ts";

const NAME = "kernel of ParaBloom";
const KERNEL = new URL("../build/kernel.wasm", import.meta.url);
const PAGE_BYTES = 65_536;

/** Frames are numbers from 0; NONE and UNKNOWN_KIND of assembly/interface.ts are below. */
export interface PackingKernel {
  interfaceNumber(): number;
  configure(frames: number, filterBits: number, hashes: number, maxTransactions: number): void;
  turn(): void;
  place(from: number, to: number, expectMore: boolean): number;
  begin(): void;
  look(from: number, to: number): void;
  choose(): number;
  insert(frame: number, from: number, to: number): void;
  eject(frame: number): void;
}

export interface PackingMemory {
  readonly kernel: PackingKernel;
  /** Accesses that the kernel is to look at: WINDOW_ACCESSES of each. */
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;
  readonly kinds: Uint8Array;
  /** Transactions of each frame. */
  readonly sizes: Int32Array;
}

let compiled: WasmModule | undefined;

/** Throws KernelFileError of libs/wasm. */
export function allocatePacking(geometry: Geometry): PackingMemory {
  const { frames, filterBits, hashes, maxTransactions } = geometry;
  compiled ??= compileKernel(NAME, KERNEL);
  const bytes = ROWS_AT + (filterBits << ROW_SHIFT);
  const memory: WasmMemory = new wasmApi.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
  const kernel = instantiateKernel<PackingKernel>(NAME, compiled, { env: { memory } }, INTERFACE);
  kernel.configure(frames, filterBits, hashes, maxTransactions);
  const { buffer } = memory;
  return {
    kernel,
    hi: new Uint32Array(buffer, HI_AT, WINDOW_ACCESSES),
    lo: new Uint32Array(buffer, LO_AT, WINDOW_ACCESSES),
    kinds: new Uint8Array(buffer, KINDS_AT, WINDOW_ACCESSES),
    sizes: new Int32Array(buffer, SIZES_AT, frames),
  };
}
