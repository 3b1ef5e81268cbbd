/** What a framer begins with, is configured by, and does to the world around it. */
import type { ChainRules } from "@velarium/chain-rules";
import type { MessageMemory } from "@velarium/columns";
import type { SlotIds } from "@velarium/slots";
import type { FramerOptions } from "./options.ts";

/** What a framer begins with: the block that all shards have, and what its record says. */
export interface FramerStart {
  readonly term: number;
  readonly height: number;
  readonly time: number;
  readonly gasUsed: number;
  readonly gasLimit: number;
  readonly blobGasUsed: number;
  readonly excessBlobGas: number;
  /** Wei, 32 bytes. */
  readonly baseFee: Uint8Array;
  /** Last seq of that block. */
  readonly closeSeq: number;
  readonly watermark: number;
  readonly resolved: Float64Array;
  /** Hashes up to and with that block's, oldest first, at most 256. */
  readonly hashes: Uint8Array;
}

export interface FramerEffects {
  /** Append to the `frames` stream, in the order of calls. */
  appendFrames(bytes: Uint8Array): void;
  /** A frame is about to be packed and appended: its traceparent, if it is to be traced. */
  traceFrame?(
    block: number,
    frame: number,
    transactions: number,
    tail: number,
    openedMs: number,
  ): Uint8Array | undefined;
  /**
   * Give every shard its stripe of the record, which is lent until the block is announced. Called again for the same block
   * after an epoch change.
   */
  commit(epoch: number, number: number, record: Uint8Array): void;
  /** Ask the shards for the roots of a block that all of them have already (`rootsRead`). */
  readRoots(number: number): void;
  /** BlockChunk messages of an announced block, for the `blocks` stream; whoever has given `memory` gives them back to it. */
  announce(number: number, chunks: readonly Uint8Array[], hash: Uint8Array): void;
  toScheduler(bytes: Uint8Array): void;
  /** Ask for committed nonces (56-byte keys); answer with `noncesRead` for the same accounts. */
  readNonces(accounts: Int32Array, keys: Uint8Array): void;
}

export interface FramerConfig {
  readonly options: FramerOptions;
  readonly chain: ChainRules;
  readonly ids: SlotIds;
  readonly partitions: number;
  readonly beneficiary: Uint8Array;
  readonly extraData?: Uint8Array;
  /** For records and chunks: both are large, and alike from block to block. */
  readonly memory?: MessageMemory;
}

/** Plain counters; the service turns them into metrics. */
export class FramerStats {
  analyzedMessages = 0;
  analyzedTransactions = 0;
  frames = 0;
  framedTransactions = 0;
  soloFrames = 0;
  tailFrames = 0;
  ejectedFull = 0;
  ejectedConflict = 0;
  ejectedAge = 0;
  ejectedIdle = 0;
  ejectedBlocked = 0;
  ejectedBoundary = 0;
  included = 0;
  returned = 0;
  rejected = 0;
  readonly reasons = new Float64Array(256);
  blocks = 0;
  emptyBlocks = 0;
  nonceReads = 0;
}
