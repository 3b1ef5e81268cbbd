/**
 * Memory of the slot table: rows, then tags, in one piece. From 4 MiB on it is a WebAssembly memory, which the kernel
 * (assembly/index.ts) searches, and which begins at a page, so that a row of 64 bytes is one cache line (an ordinary large
 * buffer begins 16 bytes behind a page). A small one is an ordinary buffer, searched in TypeScript: a WebAssembly memory
 * reserves gigabytes of addresses, which takes some 50 µs, and all of a small table is in a cache anyway.
 */
import { compileKernel, instantiateKernel, type WasmMemory, type WasmModule, wasmApi } from "@velarium/wasm";
import { INTERFACE } from "../assembly/interface.ts";

const NAME = "slot table's kernel";
const KERNEL = new URL("../build/kernel.wasm", import.meta.url);
const PAGE_BYTES = 65_536;
const KERNEL_FROM_BYTES = 4 << 20;
const ROW_BYTES = 64;
/** Ids that the kernel looks up in one call. */
const SEARCH_IDS = 1024;
/** Halves of ids, kinds, and rows with room for one more. */
const SCRATCH_BYTES = 13 * SEARCH_IDS + 4;

interface RowKernel {
  interfaceNumber(): number;
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
}

let compiled: WasmModule | undefined;

/** Throws KernelFileError of libs/wasm now when a table that may grow to so many places could not use the kernel later. */
export function requireKernelFor(places: number): void {
  if (places * ROW_BYTES < KERNEL_FROM_BYTES) return;
  instantiate(new wasmApi.Memory({ initial: 1 }));
}

function instantiate(memory: WasmMemory): RowKernel {
  compiled ??= compileKernel(NAME, KERNEL);
  return instantiateKernel(NAME, compiled, { env: { memory } }, INTERFACE);
}

/** Looks up rows in a WebAssembly memory. */
export class RowSearch {
  private readonly hi: Uint32Array;
  private readonly lo: Uint32Array;
  private readonly kinds: Uint8Array;
  private readonly rows: Int32Array;
  private readonly tagsOffset: number;
  private readonly kernel: RowKernel;

  constructor(memory: WasmMemory, tagsOffset: number, offset: number) {
    const { buffer } = memory;
    this.hi = new Uint32Array(buffer, offset, SEARCH_IDS);
    this.lo = new Uint32Array(buffer, offset + 4 * SEARCH_IDS, SEARCH_IDS);
    this.kinds = new Uint8Array(buffer, offset + 8 * SEARCH_IDS, SEARCH_IDS);
    this.rows = new Int32Array(buffer, offset + 9 * SEARCH_IDS, SEARCH_IDS);
    this.tagsOffset = tagsOffset;
    this.kernel = instantiate(memory);
  }

  /** Of ids `from` to `to`: the row, -1 without one, into `rows`. Returns how many have none and need one by their kind. */
  find(
    hi: Uint32Array,
    lo: Uint32Array,
    kinds: Uint8Array,
    from: number,
    to: number,
    rows: Int32Array,
    groupMask: number,
    groupShift: number,
  ): number {
    let missing = 0;
    for (let at = from; at < to; at += SEARCH_IDS) {
      const end = Math.min(to, at + SEARCH_IDS);
      const n = end - at;
      this.hi.set(hi.subarray(at, end));
      this.lo.set(lo.subarray(at, end));
      this.kinds.set(kinds.subarray(at, end));
      missing += this.kernel.findRows(
        n,
        this.hi.byteOffset,
        this.lo.byteOffset,
        this.kinds.byteOffset,
        this.rows.byteOffset,
        this.tagsOffset,
        groupMask,
        groupShift,
      );
      rows.set(n === SEARCH_IDS ? this.rows : this.rows.subarray(0, n), at);
    }
    return missing;
  }
}

export interface RowMemory {
  readonly f64: Float64Array;
  readonly u32: Uint32Array;
  readonly tags: Uint8Array;
  /** Undefined for a small table. */
  readonly search: RowSearch | undefined;
}

/** Zeroed memory for `places` rows and `tags` tags. */
export function allocateRows(places: number, tags: number): RowMemory {
  const rowBytes = places * ROW_BYTES;
  if (rowBytes < KERNEL_FROM_BYTES) {
    const f64 = new Float64Array(rowBytes / 8);
    return { f64, u32: new Uint32Array(f64.buffer), tags: new Uint8Array(tags), search: undefined };
  }
  const scratch = (rowBytes + tags + 63) & ~63;
  const memory = new wasmApi.Memory({ initial: Math.ceil((scratch + SCRATCH_BYTES) / PAGE_BYTES) });
  const { buffer } = memory;
  return {
    f64: new Float64Array(buffer, 0, rowBytes / 8),
    u32: new Uint32Array(buffer, 0, rowBytes / 4),
    tags: new Uint8Array(buffer, rowBytes, tags),
    search: new RowSearch(memory, rowBytes, scratch),
  };
}
