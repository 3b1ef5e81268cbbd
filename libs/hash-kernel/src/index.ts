/**
 * Keccak-256 and list roots in WebAssembly. One instance per thread with one scratch memory that grows to the
 * largest input seen; inputs are copied in (a few ns per 100 bytes), results are copied out.
 */
import type { BytesColumn } from "@velarium/columns";
import { KernelError, loadKernel } from "./kernel.ts";

export { KernelError } from "./kernel.ts";

const kernel = loadKernel();
const BASE = kernel.heapBase();
const OUT = BASE; // 32 bytes of result
const BLOOM = BASE + 32; // 256 bytes of a block's bloom
/** Bits of frequent addresses and topics in blooms; zero at first. */
const KEY_TABLE = BASE + 320;
/** The first input of a few KiB lies in the memory that the kernel begins with (512 KiB). */
const INPUT = KEY_TABLE + kernel.keyTableBytes();
const PAGE = 65536;
/** Largest memory this module asks for: 1 GiB, far above any block (1.5 Ggas of calldata is under 150 MB). */
const MAX_BYTES = 2 ** 30;

let heap = new Uint8Array(kernel.memory.buffer);
let words = new Uint32Array(kernel.memory.buffer);

function reserve(bytes: number): void {
  if (bytes <= heap.length) return;
  if (bytes > MAX_BYTES)
    throw new KernelError("memory", `hashing needs ${bytes} bytes at once, the limit is ${MAX_BYTES}`);
  try {
    kernel.memory.grow(Math.ceil((bytes - heap.length) / PAGE));
  } catch (cause) {
    throw new KernelError(
      "memory",
      `there is no memory for hashing ${bytes} bytes at once: ${String(cause)}`,
    );
  }
  heap = new Uint8Array(kernel.memory.buffer);
  words = new Uint32Array(kernel.memory.buffer);
}

// Below this, a loop is faster than TypedArray.set with a subarray.
const LOOP_BYTES = 96;

function copyIn(bytes: Uint8Array, from: number, size: number): void {
  reserve(INPUT + size);
  if (size <= LOOP_BYTES) for (let i = 0; i < size; i++) heap[INPUT + i] = bytes[from + i]!;
  else heap.set(from === 0 && size === bytes.length ? bytes : bytes.subarray(from, from + size), INPUT);
}

/** Keccak-256 of `bytes`, into `out` (32 bytes) when given. */
export function keccak256(bytes: Uint8Array, out: Uint8Array = new Uint8Array(32)): Uint8Array {
  copyIn(bytes, 0, bytes.length);
  kernel.keccak(INPUT, bytes.length, OUT);
  for (let i = 0; i < 32; i++) out[i] = heap[OUT + i]!;
  return out;
}

/** Keccak-256 of `size` bytes of `bytes` from `from`, to `out` at `to`. Makes no view. */
export function keccak256Into(
  bytes: Uint8Array,
  from: number,
  size: number,
  out: Uint8Array,
  to: number,
): void {
  copyIn(bytes, from, size);
  kernel.keccak(INPUT, size, OUT);
  for (let i = 0; i < 32; i++) out[to + i] = heap[OUT + i]!;
}

/** Pieces of 32 bits in what `keccakWords` takes, and in a hash. */
const TWO_WORDS = 16;
const HASH_PIECES = 8;

/** Keccak-256 of the 64 bytes in `input[from..from+16]`, into the eight pieces of `out` from `to` on. */
export function keccakWords(input: Uint32Array, from: number, out: Uint32Array, to: number): void {
  for (let i = 0; i < TWO_WORDS; i++) words[(INPUT >> 2) + i] = input[from + i]!;
  kernel.keccakWords(INPUT, OUT);
  for (let i = 0; i < HASH_PIECES; i++) out[to + i] = words[(OUT >> 2) + i]!;
}

/** `keccakWords` of two places of `input` at once, 0.7 times the time of one after the other. */
export function keccakWordsTwice(
  input: Uint32Array,
  from0: number,
  from1: number,
  out: Uint32Array,
  to0: number,
  to1: number,
): void {
  const at = INPUT >> 2;
  for (let i = 0; i < TWO_WORDS; i++) {
    words[at + i] = input[from0 + i]!;
    words[at + TWO_WORDS + i] = input[from1 + i]!;
  }
  // Room for both results is where the input was: they are written last.
  kernel.keccakWordsTwice(INPUT, INPUT);
  for (let i = 0; i < HASH_PIECES; i++) {
    out[to0 + i] = words[at + i]!;
    out[to1 + i] = words[at + HASH_PIECES + i]!;
  }
}

/**
 * Compression function of BLAKE2b with `rounds` rounds (EIP-152). `input` has 208 bytes: state 64, message 128, offset
 * counter 16, words little-endian. Returns the new state, 64 bytes.
 */
export function blake2bCompress(rounds: number, input: Uint8Array, isFinal: boolean): Uint8Array {
  copyIn(input, 0, 208);
  kernel.blake2bCompress(rounds, INPUT, isFinal ? 1 : 0);
  return heap.slice(INPUT, INPUT + 64);
}

/** Exact beyond 2^31 too, so that what is too large is refused and does not wrap around. */
const align = (n: number): number => Math.ceil(n / 64) * 64;

/** Bytes of the largest item. The kernel trusts offsets: throws KernelError `columns` where they leave the blob. */
function largestItem({ ends, blob }: BytesColumn): number {
  let largest = 0;
  let last = 0;
  for (let i = 0; i < ends.length; i++) {
    const size = ends[i]! - last;
    if (size < 0)
      throw new KernelError("columns", `item ${i} ends at ${ends[i]}, before it starts at ${last}`);
    if (size > largest) largest = size;
    last += size;
  }
  if (last > blob.length)
    throw new KernelError("columns", `the items end at ${last}, but there are ${blob.length} bytes`);
  return largest;
}

/** Copies a column in; returns where its blob starts. `extra` bytes stay free behind the blob. */
function columnIn(column: BytesColumn, extra: number): number {
  const blobAt = align(INPUT + column.ends.length * 4);
  reserve(align(blobAt + column.blob.length) + extra);
  words.set(column.ends, INPUT >> 2);
  heap.set(column.blob, blobAt);
  return blobAt;
}

/** Keccak-256 of every item of the column, 32 bytes each, in order. Throws KernelError. */
export function keccakBatch(
  column: BytesColumn,
  out: Uint8Array = new Uint8Array(32 * column.ends.length),
): Uint8Array {
  const n = column.ends.length;
  largestItem(column);
  const blobAt = columnIn(column, 32 * n);
  const resultAt = align(blobAt + column.blob.length);
  kernel.keccakBatch(n, INPUT, blobAt, resultAt);
  out.set(heap.subarray(resultAt, resultAt + 32 * n));
  return out;
}

/**
 * Root of the Merkle-Patricia trie with keys RLP(0), RLP(1), ... and the given values: the form of a block's
 * transactions, receipts and withdrawals roots. The values must not be empty. Throws KernelError.
 */
export function orderedTrieRoot(values: BytesColumn): Uint8Array {
  const n = values.ends.length;
  const largest = largestItem(values);
  const scratchBytes = kernel.orderedTrieScratchBytes(largest);
  const blobAt = columnIn(values, scratchBytes);
  kernel.orderedTrieRoot(n, INPUT, blobAt, largest, align(blobAt + values.blob.length), OUT);
  return heap.slice(OUT, OUT + 32);
}

/** What receipts are made of, in block order; receipts from Byzantium on, with a status. */
export interface ReceiptColumns {
  /** EIP-2718 type; from 0xc0 on: none (the first byte of a legacy transaction will do). */
  readonly types: Uint8Array;
  /** 1 success, 0 failure. */
  readonly statuses: Uint8Array;
  /** Of each transaction and all before it; at most 2^53. */
  readonly cumulativeGas: Float64Array;
  /** RLP list of logs [address, topics, data]; empty when there are none. */
  readonly logs: BytesColumn;
}

/** Of a receipt without its logs: type, list header, status, gas, header of the bloom, bloom, empty list. */
const RECEIPT_BYTES = 1 + 5 + 1 + 9 + 3 + 256 + 1;

/**
 * Receipts root of a block; sets `bloom` (256 bytes) to its logs' bloom. Undefined when some logs are not an RLP list of
 * logs. Throws KernelError, `columns` also when the columns have different lengths.
 */
export function receiptsRoot(receipts: ReceiptColumns, bloom: Uint8Array): Uint8Array | undefined {
  const { types, statuses, cumulativeGas, logs } = receipts;
  const n = logs.ends.length;
  if (types.length !== n || statuses.length !== n || cumulativeGas.length !== n)
    throw new KernelError("columns", `${n} items of logs, and another number of types, statuses or gas`);
  const largest = largestItem(logs) + RECEIPT_BYTES;
  const gasAt = align(INPUT + n * 4);
  const typesAt = gasAt + n * 8;
  const statusesAt = typesAt + n;
  const logsAt = align(statusesAt + n);
  const scratchAt = align(logsAt + logs.blob.length);
  reserve(scratchAt + kernel.orderedTrieScratchBytes(largest));
  words.set(logs.ends, INPUT >> 2);
  new Float64Array(heap.buffer, gasAt, n).set(cumulativeGas);
  heap.set(types, typesAt);
  heap.set(statuses, statusesAt);
  heap.set(logs.blob, logsAt);
  const isWellFormed = kernel.receiptsRoot(
    n,
    KEY_TABLE,
    typesAt,
    statusesAt,
    gasAt,
    INPUT,
    logsAt,
    largest,
    scratchAt,
    OUT,
    BLOOM,
  );
  if (isWellFormed === 0) return undefined;
  bloom.set(heap.subarray(BLOOM, BLOOM + 256));
  return heap.slice(OUT, OUT + 32);
}
