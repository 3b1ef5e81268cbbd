/** Transactions run straight from the columns of a batch: no object per transaction, no promise, results in place. */
import type { TxScan } from "@velarium/tx-codec";
import type { BlockContext, OutcomeKind, OutcomeReason } from "./types.ts";

/**
 * One transaction after another: `begin`, hand over its declared accesses, `run`, `match`, read the fields. Whatever a
 * step refuses (false) runs by `Engine.execute` instead, from the start; nothing has happened then.
 */
export interface PackedPath {
  readonly outcome: OutcomeKind;
  readonly reason: OutcomeReason | undefined;
  readonly status: 0 | 1;
  readonly gasUsed: number;
  /** RLP of the list of logs, borrowed until the next `begin`; empty bytes for none. */
  readonly logs: Uint8Array;
  /** Where the words named below stand; other places of it are not the caller's. Read it anew after each `match`. */
  readonly words: Uint32Array;
  /** Index in `words` of the value of a declared access afterwards, by its number; −1: as before. */
  written(access: number): number;
  /** Index in `words` of what was added blindly to a declared access; −1: nothing. */
  added(access: number): number;
  /** Index in `words` of the fee added to the beneficiary, whose balance is not declared; −1: nothing. */
  readonly fee: number;

  /** Enters a block. */
  open(context: BlockContext): void;
  /** Begins the transaction that `scan` describes in `raw`, from the sender at `senderAt` of `senders`. */
  begin(raw: Uint8Array, scan: TxScan, senders: Uint8Array, senderAt: number): boolean;
  /**
   * Declares the accesses from `first` to `end` of columns with their values: keys of 14 words of 32 bits, values of 8,
   * kinds.
   */
  preload(
    first: number,
    end: number,
    keyWords: Uint32Array,
    valueWords: Uint32Array,
    kinds: Uint8Array,
  ): void;
  /** Declares accesses whose values are not at hand. */
  declare(first: number, end: number, keyWords: Uint32Array, kinds: Uint8Array): void;
  /** `codeAtHand`: code by the 28 bytes of its hash. False: something else is missing. */
  run(codeAtHand: (prefix: Uint8Array) => Uint8Array | undefined): boolean;
  /** Relates what happened to the `count` accesses declared, in their order. False: it left them, or deployed code. */
  match(count: number): boolean;
}

/** How a simulation stands: `slot` and `code` are missing, `refused`: this way cannot run it. */
export const PackedState = { done: 0, slot: 1, code: 2, refused: 3 } as const;
export type PackedState = (typeof PackedState)[keyof typeof PackedState];

/**
 * Simulations straight from raw transactions: what `simulateTransaction` does, without objects and without waiting. A
 * simulation that lacks something is simply begun again when it is there.
 */
export interface PackedSimulation {
  /** Whether the simulation that is done succeeded. */
  readonly status: 0 | 1;
  /** Gas that it used. */
  readonly gasUsed: number;
  /** Where keys and kinds stand; read it anew after each `run`. */
  readonly bytes: Uint8Array;
  /** Accesses of the simulation that is done: keys of 56 bytes from `keysAt`, one kind each from `kindsAt`. */
  readonly count: number;
  readonly keysAt: number;
  readonly kindsAt: number;
  /** Where the key (56 bytes) of the slot that is missing stands, or the first 28 bytes of the hash of the code. */
  readonly missAt: number;

  open(context: BlockContext): void;
  /** False: not a transaction for this way. */
  begin(raw: Uint8Array, scan: TxScan, senders: Uint8Array, senderAt: number): boolean;
  /** Values at hand: packed keys of 56 bytes, words of 32. */
  preload(count: number, keys: Uint8Array, words: Uint8Array): void;
  run(): PackedState;
  /** Answers what was missing: the 32 bytes at `at`, or the whole code; then `run` again. */
  supplySlot(words: Uint8Array, at: number): void;
  supplyCode(code: Uint8Array): void;
}
