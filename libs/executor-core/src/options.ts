import type { ChainRules } from "@velarium/chain-rules";
import type { Engine } from "@velarium/engine";

/** Rows of the slot cache, 112 bytes each. */
export const DEFAULT_CACHE_ROWS = 1 << 20;
/** Bytes of contract code kept at hand. */
export const DEFAULT_CODE_CACHE_BYTES = 64 * 1024 * 1024;

export interface ExecutorOptions {
  readonly rules: ChainRules;
  readonly engine: Engine;
  readonly shards: number;
  /** Partitions of the state, a power of two up to 256. */
  readonly partitions: number;
  /** 32 bytes; slot ids of learned accesses follow from it. */
  readonly chainSecret: Uint8Array;
  readonly cacheRows?: number | undefined;
  readonly codeCacheBytes?: number | undefined;
  /** As in `ReferenceEngineOptions`: the state may hold empty accounts. Default false. */
  readonly keepsEmptyAccounts?: boolean | undefined;
  /** Lets other events have their turn between contract transactions; `setImmediate` if left out. */
  readonly yieldTurn?: (() => Promise<void>) | undefined;
  /**
   * Runs what it is given once, soon: what transactions leave behind is sent then, with what others have left until
   * then. At once if left out.
   */
  readonly later?: ((work: () => void) => void) | undefined;
  /** Milliseconds of a monotonic clock; `performance.now` if left out. */
  readonly clock?: (() => number) | undefined;
}

/** Accompanies a dispatch through the core, for traces. */
export interface DispatchWatch {
  /** The last of its results has been sent. */
  sent(): void;
}

/** What the core wants done. Bytes are the receiver's to keep. */
export interface ExecutorEffects {
  toShard(shard: number, bytes: Uint8Array): void;
  toFramer(bytes: Uint8Array): void;
  toScheduler(bytes: Uint8Array): void;
  /** This epoch cannot go on here: the scheduler's stream must be given up, which begins another. */
  failed(error: Error): void;
  /** A dispatch has come; undefined when it is not traced. A watch that is let go of has come to nothing. */
  watchDispatch?(
    trace: Uint8Array,
    block: number,
    frame: number,
    transactions: number,
  ): DispatchWatch | undefined;
}

/** Counters since the start. */
export interface ExecutorStats {
  transfers: number;
  contracts: number;
  chainWork: number;
  tail: number;
  included: number;
  returned: number;
  rejected: number;
  diverged: number;
  cacheHits: number;
  localWaits: number;
  shardReads: number;
  /** Reads that wait for the answer of another one. */
  sharedReads: number;
  /** Reads of code slots that were never written, which nobody is asked for. */
  unwrittenCodes: number;
  codeReads: number;
  /** Gas of included transactions. */
  usefulGas: number;
  /** Gas of all that ran, gas limits of diverged ones not counted. */
  executedGas: number;
  versions: number;
  contributions: number;
  staleEpoch: number;
}

export const createStats = (): ExecutorStats => ({
  transfers: 0,
  contracts: 0,
  chainWork: 0,
  tail: 0,
  included: 0,
  returned: 0,
  rejected: 0,
  diverged: 0,
  cacheHits: 0,
  localWaits: 0,
  shardReads: 0,
  sharedReads: 0,
  unwrittenCodes: 0,
  codeReads: 0,
  usefulGas: 0,
  executedGas: 0,
  versions: 0,
  contributions: 0,
  staleEpoch: 0,
});
