/** Numbers on the wire. Each is given once; names are what people and JSON see. */

/** How a transaction's accesses name their keys. */
export const Shape = {
  /** Every access has its 56-byte key in the `keys` column. */
  general: 0,
  /**
   * Plain ether transfer, sender ≠ recipient. Exactly five accesses, keys left out because they follow from sender and
   * recipient: sender balance W, sender nonce W, sender code R, recipient code R, recipient balance D.
   */
  transfer: 1,
  /** Work of the chain rules at block open (EIP-4788, EIP-2935). Keys as in `general`, no transaction body. */
  blockOpen: 2,
  /** Work of the chain rules at block close (EIP-7002, EIP-7251). Keys as in `general`, no transaction body. */
  blockClose: 3,
  /**
   * As `general`, but the first three accesses are sender balance W, sender nonce W and sender code R, whose keys are left
   * out: half of the key bytes of an ERC-20 transfer.
   */
  call: 4,
} as const;
export type Shape = (typeof Shape)[keyof typeof Shape];
export const TRANSFER_ACCESSES = 5;
/** Accesses of a call that are its sender's, and first. */
export const SENDER_ACCESSES = 3;

/** Of `accesses` accesses of a transaction, how many have their keys in the `keys` column; they are the last ones. */
export const carriedKeys = (shape: number, accesses: number): number =>
  shape === Shape.transfer ? 0 : shape === Shape.call ? accesses - SENDER_ACCESSES : accesses;

/** Work of the chain rules, without a transaction. */
export const isChainWork = (shape: number): boolean =>
  shape === Shape.blockOpen || shape === Shape.blockClose;

/** What a granted access waits for and where it is found. */
export const GrantMode = {
  /** Newest version ≤ `version` of the full key; everything up to `version` is published already. Ask the home shard. */
  floor: 0,
  /** Exactly version `version`, written by another executor: the home shard answers when it is published. */
  wait: 1,
  /** Exactly version `version`, written by this executor: cache, or in flight here; the home shard (as `wait`) if evicted. */
  local: 2,
  /** Value at `floor` version plus the sealed delta generation (genSeq, genCount). Home shard. */
  deltaFloor: 3,
  /** Value at exact version (`wait`) plus the sealed delta generation. Home shard. */
  deltaWait: 4,
  /** This access is itself a contribution to the delta generation `version`. Nothing is read. */
  contribute: 5,
  /** Hash of an earlier block: known from BlockHash messages. */
  blockHash: 6,
  /** Marked tail: everything ≤ `version` is published; newest version plus all delta generations after it. Home shard. */
  settled: 7,
} as const;
export type GrantMode = (typeof GrantMode)[keyof typeof GrantMode];

/** What became of a transaction. */
export const Outcome = {
  included: 1,
  /** No effect; goes back to the pool. */
  returned: 2,
  /** No effect; recorded in the block; final. */
  rejected: 3,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** Why a transaction was refused at the door, rejected or returned. */
export const Reason = {
  none: 0,
  // the form of the transaction
  malformed: 1,
  wrongChain: 2,
  badSignature: 3,
  unsupportedType: 4,
  oversized: 5,
  intrinsicGas: 6,
  gasLimitOverBlock: 7,
  feeCapBelowTip: 8,
  initcodeTooLarge: 9,
  nonceMax: 10,
  // pool
  nonceTooLow: 20,
  nonceTooFar: 21,
  underpriced: 22,
  duplicate: 23,
  poolFull: 24,
  expired: 25,
  evicted: 26,
  replaced: 27,
  senderLimit: 28,
  // execution
  nonceTooHigh: 40,
  insufficientFunds: 41,
  feeCapBelowBaseFee: 42,
  senderHasCode: 43,
  diverged: 44,
  blobFeeCap: 45,
  /** Not includable even in the marked tail (over its gas cap, for example). */
  tailLimit: 46,
  invalid: 47,
  // the cluster
  overloaded: 60,
  notReady: 61,
  internal: 62,
} as const;
export type Reason = (typeof Reason)[keyof typeof Reason];

const reasonNames = new Map<number, string>(Object.entries(Reason).map(([name, code]) => [code, name]));
export const reasonName = (code: number): string => reasonNames.get(code) ?? `reason ${code}`;

/** A stream message holds at most this many transactions, so that (stream seq, index) packs into one arrival number. */
export const MAX_BATCH_TRANSACTIONS = 1024;
/** Position of a transaction in the `tx` stream: what identifies it from acknowledgement to outcome. */
export const arrivalOf = (streamSeq: number, index: number): number =>
  streamSeq * MAX_BATCH_TRANSACTIONS + index;
export const streamSeqOf = (arrival: number): number => Math.floor(arrival / MAX_BATCH_TRANSACTIONS);
/** Largest message appended to a stream (a NATS server's default payload limit is 1 MiB). */
export const MAX_STREAM_BYTES = 900 * 1024;
/** A frame is ejected before it grows past this. */
export const MAX_FRAME_BYTES = 512 * 1024;
/** Largest raw transaction at the door, as in other clients' pools. */
export const MAX_TRANSACTION_BYTES = 128 * 1024;
