/** What the engines run in `velarium bench engine`: accounts, and a list of calls that is repeated. */

import { bigIntToWord } from "@velarium/engine";
import { keccak256 } from "@velarium/hash-kernel";

export interface WorkloadAccount {
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly balance?: bigint;
  readonly nonce?: bigint;
  readonly code?: Uint8Array;
  /** Keys and words of 32 bytes. */
  readonly storage?: readonly (readonly [Uint8Array, Uint8Array])[];
}

export interface WorkloadCall {
  readonly caller: Uint8Array;
  readonly to: Uint8Array;
  readonly value: bigint;
  readonly data: Uint8Array;
  readonly gasLimit: number;
}

export interface Workload {
  readonly name: string;
  /** Least speed as a multiple of the baseline; `overInterpreter` of our own interpreter. */
  readonly targets: {
    readonly compiled: number;
    readonly interpreter?: number;
    readonly overInterpreter?: number;
  };
  readonly accounts: readonly WorkloadAccount[];
  /** In this order, over and over; all of them succeed. */
  readonly calls: readonly WorkloadCall[];
  /** Each call begins on the state that was given; otherwise each goes on from the one before. */
  readonly startsOver?: boolean;
  /** Turns of a loop in one call, where a turn is what the figure is about. */
  readonly turnsPerCall?: number;
}

/** Gas of every call: above what the longest program here needs. */
export const CALL_GAS = 4_000_000_000;

export function numberedAddress(kind: number, index: number): Uint8Array {
  const seed = new Uint8Array(8);
  new DataView(seed.buffer).setUint32(0, kind);
  new DataView(seed.buffer).setUint32(4, index);
  return keccak256(seed).slice(12);
}

export const wordOf = (value: bigint | number): Uint8Array => bigIntToWord(BigInt(value));

export function addressWord(address: Uint8Array): Uint8Array {
  const word = new Uint8Array(32);
  word.set(address, 12);
  return word;
}

/** Storage key of `mapping[key]` at slot word `slot` (Solidity, "Layout of State Variables in Storage"). */
export function mappingSlot(key: Uint8Array, slot: Uint8Array): Uint8Array {
  const input = new Uint8Array(64);
  input.set(key);
  input.set(slot, 32);
  return keccak256(input);
}

/** Pseudo-random integers below `bound` (32-bit xorshift): the same sequence in every run. */
export function randomSequence(seed: number): (bound: number) => number {
  let state = seed | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}
