/** What goes into a state store and comes out: options, blocks, statistics. */
import type { Pieces } from "./log-record.ts";
import type { ChainIdentity } from "./manifest.ts";

export interface StateStoreOptions {
  /** Data directory, or null to keep everything in memory. */
  readonly dir: string | null;
  readonly chain: ChainIdentity;
  /** Partitions of the chain, a power of two up to 256. Default 64. */
  readonly partitions?: number;
  /** Partitions held here. Default all. */
  readonly owned?: readonly number[];
  /** Memory for pages of the log, bytes. Default 512 MiB. */
  readonly cacheBytes?: number;
  /** Blocks that can be taken back and read at. Default and least 64. */
  readonly undoBlocks?: number;
  /** Size at which a new segment file begins, bytes. Default 128 MiB. */
  readonly segmentBytes?: number;
  /** Records from this size on, up to half of `cacheBytes`, are written past the operating system's cache, bytes. Default 256 KiB. */
  readonly directBytes?: number;
}

export interface BlockChanges {
  /** The last height + 1. */
  readonly height: number;
  /** `count` slot keys of 56 bytes, in any order, each once; partitions held here only. */
  readonly keys: Uint8Array;
  /** `count` values of 32 bytes; zero deletes. */
  readonly values: Uint8Array;
  readonly count: number;
  /** Index of each change among the keys of a `readForBlock` just before, ascending: saves hashing and sorting. */
  readonly kept?: Uint32Array | undefined;
  /** Stripe of the block record, opaque; not to be changed until it is written. */
  readonly record?: Pieces;
}

export interface AppliedBlock {
  readonly height: number;
  /** Roots of the owned partitions in ascending order, 32 bytes each. */
  readonly partitionRoots: Uint8Array;
}

export interface StateStats {
  /** Slots with a value. */
  readonly slots: number;
  /** Entries ever appended. */
  readonly entries: number;
  /** Memory of the ordered index, allocated. */
  readonly indexBytes: number;
  readonly indexBytesPerSlot: number;
  /** Memory of the table that finds entries in the log. */
  readonly locationBytes: number;
  /** Memory of twig roots, bits and open twigs. */
  readonly treeBytes: number;
  readonly cacheBytes: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly logBytes: number;
}
