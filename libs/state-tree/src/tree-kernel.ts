/**
 * The kernel of one store (assembly/index.ts) and its memory, which holds the indexes of all its partitions and what a block
 * changes while it is applied: at most 4 GiB, the indexes of some 70 million slots.
 */
import { compileKernel, instantiateKernel, type WasmModule } from "@velarium/wasm";
import { INTERFACE, LEAF_BYTES } from "../assembly/interface.ts";
import { StateError } from "./errors.ts";
import { ENTRY_BYTES } from "./format.ts";

const NAME = "state tree's kernel";
const KERNEL = new URL("../build/kernel.wasm", import.meta.url);

/** Addresses are bytes of the kernel's memory. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly indexOfByte: { readonly value: number };
  interfaceNumber(): number;
  allocate(bytes: number): number;
  reserve(bytes: number): number;
  indexBytes(): number;
  createIndex(): number;
  seek(index: number, hash: number): number;
  stepBack(index: number): void;
  stepForward(index: number): void;
  number(index: number): number;
  setNumber(index: number, number: number): void;
  hash(index: number, out: number): void;
  nextHash(index: number, out: number): void;
  insert(index: number, hash: number, number: number): void;
  remove(index: number): void;
  swapHashes(at: number, count: number): void;
  findAll(hashes: number, order: number, from: number, to: number, numbers: number, places: number): void;
  setChanges(
    blocks: number,
    hashes: number,
    values: number,
    numbers: number,
    places: number,
    kinds: number,
  ): void;
  updateIndex(index: number, order: number, count: number): number;
  emitEntries(
    index: number,
    order: number,
    count: number,
    reshaped: number,
    height: number,
    first: number,
    out: number,
    replaced: number,
    copies: number,
  ): number;
}

/** Inserts for each leaf that they may add: on average it is 86, as leaves split when they and a neighbour are full. */
const INSERTS_PER_LEAF = 16;
/** Of one change while a block is applied: two entries, what they replace and copy, all of it moved once when it grows. */
const CHANGE_BYTES = 2 * 2 * (ENTRY_BYTES + 16);
/** For directories, which are small, and what is rounded up. */
const SLACK_BYTES = 4 << 20;

let compiled: WasmModule | undefined;

function instantiate(): Exports {
  compiled ??= compileKernel(NAME, KERNEL);
  // The module has no imports but what the compiler wants for its assertions, which are off.
  return instantiateKernel<Exports>(NAME, compiled, { env: { abort: () => {} } }, INTERFACE);
}

export class TreeKernel {
  readonly run: Exports = instantiate();
  /** Room for one hash. */
  readonly hashAt: number;
  private buffer: ArrayBuffer;
  private bytes: Uint8Array<ArrayBuffer>;
  private words: Uint32Array<ArrayBuffer>;
  private doubles: Float64Array<ArrayBuffer>;

  /** Throws KernelFileError of libs/wasm when the kernel is not built, or from other sources. */
  constructor() {
    this.hashAt = this.run.allocate(64);
    this.buffer = this.run.memory.buffer;
    this.bytes = new Uint8Array(this.buffer);
    this.words = new Uint32Array(this.buffer);
    this.doubles = new Float64Array(this.buffer);
  }

  /** All of the memory; a view holds until the kernel may have grown it: by `allocate`, or by inserts. */
  get u8(): Uint8Array<ArrayBuffer> {
    this.renew();
    return this.bytes;
  }

  get u32(): Uint32Array<ArrayBuffer> {
    this.renew();
    return this.words;
  }

  get f64(): Float64Array<ArrayBuffer> {
    this.renew();
    return this.doubles;
  }

  /**
   * Zeroed memory; an address of the upper half is not negative, as the kernel's own are.
   * @throws StateError `index-full`
   */
  allocate(bytes: number): number {
    this.reserve(bytes);
    return this.run.allocate(bytes) >>> 0;
  }

  /**
   * Makes sure that so many changes can be applied, before anything is changed.
   * @throws StateError `index-full`
   */
  reserveChanges(count: number): void {
    const leaves = Math.ceil(count / INSERTS_PER_LEAF) * LEAF_BYTES;
    this.reserve(leaves + count * CHANGE_BYTES + SLACK_BYTES);
  }

  private reserve(bytes: number): void {
    if (this.run.reserve(bytes) !== 0) return;
    const { byteLength } = this.run.memory.buffer;
    throw new StateError(
      "index-full",
      `the index of this shard has ${byteLength} bytes and needs ${bytes} more, which are above its 4 GiB or what the machine has; spread the state over more shards`,
    );
  }

  /** Says which index is asked for hashes that begin with a byte. */
  setIndexOfByte(byte: number, index: number): void {
    this.u32[(this.run.indexOfByte.value >>> 2) + byte] = index >>> 0;
  }

  private renew(): void {
    const { buffer } = this.run.memory;
    if (buffer === this.buffer) return;
    this.buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.doubles = new Float64Array(buffer);
  }
}

/** A piece of a kernel's memory that grows by being replaced; at least twice as large each time, so the old ones are at most as much. */
export class KernelRegion {
  at = 0;
  private size = 0;
  private readonly kernel: TreeKernel;

  constructor(kernel: TreeKernel) {
    this.kernel = kernel;
  }

  /** True when it moved, and holds zeros. */
  reserve(bytes: number): boolean {
    if (bytes <= this.size) return false;
    const size = Math.max(4096, bytes, this.size * 2);
    this.at = this.kernel.allocate(size);
    this.size = size;
    return true;
  }
}
