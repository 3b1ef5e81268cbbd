/**
 * A batch of slot keys on its way through hash, search and entry, in the kernel's memory: per key its block (padded to 64
 * bytes), its hash (eight words), the entry it has, the place of that in the index, and for a block's changes the new value.
 */
import { hashInto } from "@chainsafe/hashtree";
import { KEY_WORDS } from "@velarium/slots";
import { BLOCK_BYTES } from "../assembly/interface.ts";
import { HASH_BYTES, VALUE_BYTES } from "./format.ts";
import { KernelRegion, type TreeKernel } from "./tree-kernel.ts";

const BLOCK_WORDS = BLOCK_BYTES / 4;
const HASH_WORDS = HASH_BYTES / 4;
/** Block, hash, value, number, place, order, kind. */
const BYTES = BLOCK_BYTES + HASH_BYTES + VALUE_BYTES + 8 + 8 + 4 + 1;

export class KeyBatch {
  count = 0;
  /** Index in the caller's batch of each key here. */
  indices = new Int32Array(0);
  /** Addresses of the columns; they move when `begin` makes room. */
  blocksAt = 0;
  hashesAt = 0;
  valuesAt = 0;
  numbersAt = 0;
  placesAt = 0;
  orderAt = 0;
  kindsAt = 0;
  readonly kernel: TreeKernel;
  private readonly region: KernelRegion;
  /** Views for batches of one, which are frequent: making views would cost more than the hash. */
  private oneBlock = new Uint8Array(0);
  private oneHash = new Uint8Array(0);

  constructor(kernel: TreeKernel) {
    this.kernel = kernel;
    this.region = new KernelRegion(kernel);
  }

  /** Empties the batch and makes room. */
  begin(capacity: number): void {
    this.count = 0;
    if (this.indices.length >= capacity) return;
    // A multiple of 64, so that all columns are aligned.
    const size = (Math.max(256, Math.ceil(capacity * 1.25), this.indices.length * 2) + 63) & ~63;
    this.region.reserve(size * BYTES + 64);
    this.indices = new Int32Array(size);
    this.blocksAt = this.region.at;
    this.hashesAt = this.blocksAt + size * BLOCK_BYTES;
    this.valuesAt = this.hashesAt + size * HASH_BYTES;
    this.numbersAt = this.valuesAt + size * VALUE_BYTES;
    this.placesAt = this.numbersAt + size * 8;
    this.orderAt = this.placesAt + size * 8;
    this.kindsAt = this.orderAt + size * 4;
  }

  /** Adds the key at `keys[at]`, number `index` of the caller's batch; `u32` is the kernel's memory after `begin`. */
  add(u32: Uint32Array, keys: Uint32Array, at: number, index: number): void {
    const to = (this.blocksAt >>> 2) + this.count * BLOCK_WORDS;
    for (let j = 0; j < KEY_WORDS; j++) u32[to + j] = keys[at + j]!;
    this.indices[this.count++] = index;
  }

  /** Makes the hashes. The two last words of every block stay zero: keys are padded to 64 bytes. */
  hash(): void {
    const { count, kernel } = this;
    if (count === 0) return;
    const { buffer } = kernel.u8;
    if (count === 1) {
      if (this.oneBlock.buffer !== buffer || this.oneBlock.byteOffset !== this.blocksAt) {
        this.oneBlock = new Uint8Array(buffer, this.blocksAt, BLOCK_BYTES);
        this.oneHash = new Uint8Array(buffer, this.hashesAt, HASH_BYTES);
      }
      hashInto(this.oneBlock, this.oneHash);
    } else
      hashInto(
        new Uint8Array(buffer, this.blocksAt, count * BLOCK_BYTES),
        new Uint8Array(buffer, this.hashesAt, count * HASH_BYTES),
      );
    kernel.run.swapHashes(this.hashesAt, count);
  }

  /** Hashes of the keys, a view that holds until the kernel's memory grows. */
  hashes(): Uint32Array {
    return new Uint32Array(this.kernel.u8.buffer, this.hashesAt, this.count * HASH_WORDS);
  }

  /** First byte of a key's hash, which names its partition. */
  firstByte(k: number): number {
    return this.kernel.u32[(this.hashesAt >>> 2) + k * HASH_WORDS]! >>> 24;
  }

  /** Finds the entry of each key, -1 where there is none: afterwards `numbers` has it. In order of the index it is faster: neighbours share leaves. */
  find(order: Uint32Array | null): void {
    const { kernel, count } = this;
    if (order !== null) kernel.u32.set(order, this.orderAt >>> 2);
    kernel.run.findAll(
      this.hashesAt,
      order === null ? 0 : this.orderAt,
      0,
      count,
      this.numbersAt,
      this.placesAt,
    );
  }

  /** Entries of the keys as of `find`, a view that holds until the kernel's memory grows. */
  numbers(): Float64Array {
    return new Float64Array(this.kernel.u8.buffer, this.numbersAt, this.count);
  }
}
