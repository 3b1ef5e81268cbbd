/** What an operator may choose about the pool, packing and block boundaries. Units are in the names. */
import type { Geometry } from "@velarium/parabloom";

export interface FramerOptions {
  /** Transactions pending (not in a frame yet). When full, waiting ones give way, else newcomers are refused. */
  readonly poolTransactions: number;
  /** Executable transactions pending above which analyzers are asked for no more: presses back to the door. */
  readonly intakeTransactions: number;
  /** Messages that may arrive ahead of the one that is due. */
  readonly reorderMessages: number;
  /** Pending transactions of one sender. */
  readonly senderTransactions: number;
  /** How far ahead of the next free nonce a transaction may be. */
  readonly maxNonceGap: number;
  /** Senders whose next nonce is remembered. */
  readonly accounts: number;
  /** Fee that a replacement must offer, in percent of what it replaces. */
  readonly replacementPercent: number;
  /** A transaction that waits longer ends as `expired`. */
  readonly expiryMs: number;
  /** Senders with a gap are looked up in the state again after so long. */
  readonly nonceReviewMs: number;
  readonly order: "arrival" | "tip";
  /** Shape of ParaBloom. */
  readonly geometry: Partial<Geometry>;
  /** A frame is ejected when it holds so many transactions, or bytes, or is so old. */
  readonly frameTransactions: number;
  readonly frameBytes: number;
  readonly frameAgeMs: number;
  /**
   * Fewer transactions in flight than this, and fewer packed within the last 250 to 500 ms: the pipeline is idle and stays
   * so, frames are ejected at once.
   */
  readonly idleTransactions: number;
  readonly blockGasLimit: number;
  /** A block with transactions is closed after so long; without any, one is made after `emptyBlockMs` (0: never). */
  readonly blockIntervalMs: number;
  readonly emptyBlockMs: number;
  readonly blockTransactions: number;
  readonly blockBytes: number;
  /** Blocks opened and not yet announced. */
  readonly blocksInFlight: number;
  /** Rejections recorded by one block; reaching it closes the block. */
  readonly blockRejections: number;
  /** Returns after which a transaction goes to the marked tail. */
  readonly tailAttempts: number;
  /** Gas of the tail of one block, and of one sender in it. */
  readonly tailGas: number;
  readonly senderTailGas: number;
  /** Accesses kept of what a returned transaction taught; with more it goes to the tail at once. */
  readonly learnedAccesses: number;
}

/**
 * Frame sizes: a transfer takes about 215 bytes in a frame, so 1024 of them are 220 KB; each message costs its senders
 * and receivers some 100 µs whatever its size. `frameBytes` is at most half of MAX_FRAME_BYTES (512 KiB), since one more
 * transaction of up to a quarter of that may come on top; larger ones have a frame of their own, which 128 KiB raw and as
 * many accesses as an access list of that size can name (about 256 KiB) fit. `frameAgeMs`: 50 ms fill a frame at 20,000
 * transactions a second, and are little beside a block's second; an idle pipeline does not wait for it (`idleTransactions`).
 */
export const DEFAULT_OPTIONS: FramerOptions = {
  poolTransactions: 200_000,
  intakeTransactions: 65_536,
  reorderMessages: 1024,
  senderTransactions: 4096,
  maxNonceGap: 64,
  accounts: 1 << 20,
  replacementPercent: 110,
  expiryMs: 600_000,
  nonceReviewMs: 1000,
  order: "arrival",
  geometry: {},
  frameTransactions: 1024,
  frameBytes: 240 * 1024,
  frameAgeMs: 50,
  idleTransactions: 512,
  blockGasLimit: 1_500_000_000,
  blockIntervalMs: 1000,
  emptyBlockMs: 12_000,
  blockTransactions: 200_000,
  blockBytes: 64 * 1024 * 1024,
  blocksInFlight: 8,
  blockRejections: 200_000,
  tailAttempts: 3,
  tailGas: 60_000_000,
  senderTailGas: 30_000_000,
  learnedAccesses: 2048,
};

export class FramerError extends Error {
  readonly code: "options" | "order" | "state";
  constructor(code: FramerError["code"], message: string) {
    super(message);
    this.name = "FramerError";
    this.code = code;
  }
}
