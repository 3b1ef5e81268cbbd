import type { PlacementPolicy } from "./placement.ts";

/** Header values that the next block's fees follow from. Gas in gas, fees in wei. */
export interface FeeParent {
  readonly number: number;
  /** Unix seconds. At the start of an epoch only the header's fee values are known: then the time of the child. */
  readonly time: number;
  readonly baseFee: bigint;
  readonly gasUsed: number;
  readonly gasLimit: number;
  readonly excessBlobGas: number;
  readonly blobGasUsed: number;
}

export interface BlockFeeValues {
  readonly baseFee: bigint;
  readonly excessBlobGas: number;
}

export interface SchedulerOptions {
  /** State shards to wait for. */
  readonly shards: number;
  /** Executors to wait for before the epoch begins; more may join later. */
  readonly minExecutors: number;
  /** The chain's fee rule. */
  readonly nextFees: (parent: FeeParent, number: number, time: number) => BlockFeeValues;
  /** The new epoch is greater than this and than any shard's. */
  readonly lastEpoch?: number;
  /** Transactions in flight over all executors. */
  readonly windowTransactions?: number;
  /** Seqs from the lowest incomplete to the highest dispatched; a power of two. 2 bytes each. */
  readonly windowSeqs?: number;
  /** Blocks closed and not yet durable on every shard (shards keep undo for 64). */
  readonly maxPendingBlocks?: number;
  /** Bound on places for slot rows, 65 bytes each; 0.8 of them are used. */
  readonly slotRows?: number;
  /** Groups that the slot table is split into by partition; a power of two. */
  readonly slotGroups?: number;
  /** Messages of the frames stream held back before `wantsFrames` turns false. */
  readonly backlogMessages?: number;
  /** Transactions of one window of the parallelism statistic. */
  readonly tlpWindow?: number;
  readonly placement?: PlacementPolicy;
}

export const DEFAULT_WINDOW_TRANSACTIONS = 32_768;
export const DEFAULT_WINDOW_SEQS = 1 << 18;
export const DEFAULT_PENDING_BLOCKS = 8;
/** More would outlive the shards' undo. */
export const MAX_PENDING_BLOCKS = 64;
export const DEFAULT_SLOT_ROWS = 1 << 22;
export const DEFAULT_SLOT_GROUPS = 8;
export const DEFAULT_BACKLOG_MESSAGES = 64;
export const DEFAULT_TLP_WINDOW = 16_384;
/** Owners are one byte in slot rows and on the wire; 255 is nobody. */
export const MAX_EXECUTORS = 255;
/** BLOCKHASH reaches this far back. */
export const HASH_WINDOW = 256;

/** Accompanies a frame through the core, for traces. */
export interface FrameWatch {
  /** Traceparent that goes into the frame's dispatches. */
  readonly trace: Uint8Array;
  /** All its transactions are with executors. */
  dispatched(): void;
  /** All its transactions are complete, and so are all before them. */
  completed(): void;
}

/** What the core does to the world. Bytes are encoded messages of libs/wire, never reused. */
export interface SchedulerEffects {
  toExecutor(executor: number, bytes: Uint8Array): void;
  toShard(shard: number, bytes: Uint8Array): void;
  toFramer(bytes: Uint8Array): void;
  /** Mirror for observers; may be dropped. */
  notice(bytes: Uint8Array): void;
  /** The epoch cannot go on: build a new core with this one's `greatestEpoch` as `lastEpoch` and read the frames again. Called once. */
  epochLost(reason: string): void;
  /** A frame has come; undefined when it is not traced. A watch that is let go of has come to nothing. */
  watchFrame?(trace: Uint8Array, block: number, frame: number, transactions: number): FrameWatch | undefined;
}
