/** What one opcode does, as far as tables, analysis and compilation need it. */
import type { Fork } from "@velarium/chain-rules";

/**
 * - `arithmetic`: result depends on the operands alone
 * - `stack`: PUSH, POP, DUP, SWAP: moves operands
 * - `environment`: reads of the frame, transaction or block that no instruction changes, and RETURNDATASIZE
 * - `memory`: reads or writes the frame's memory (copies from calldata, code and return data included)
 * - `keccak`
 * - `storage`, `transient`: SLOAD/SSTORE, TLOAD/TSTORE
 * - `account`: reads of any account's balance or code
 * - `blockHash`
 * - `gas`: GAS
 * - `log`, `call`, `create`
 * - `jump`: JUMP, JUMPI, JUMPDEST
 * - `halt`: ends the frame
 */
export type OpcodeKind =
  | "arithmetic"
  | "stack"
  | "environment"
  | "memory"
  | "keccak"
  | "storage"
  | "transient"
  | "account"
  | "blockHash"
  | "gas"
  | "log"
  | "call"
  | "create"
  | "jump"
  | "halt";

/**
 * A part of the price of an instruction beyond its static gas. Prices are fields of `GasSchedule`; parts whose price a
 * fork does not know cost nothing there.
 * - `memory`: expansion to cover all of the instruction's memory ranges
 * - `copyWords`, `keccakWords`, `initcodeWords`, `logBytes`: by the size of the data
 * - `logTopics`: by the number of topics
 * - `expBytes`: by the length of the exponent
 * - `account`: warm or cold account (EIP-2929; nothing before Berlin, where it is static)
 * - `slot`: warm or cold slot
 * - `sstoreSentry`: more than 2300 gas must be left; charges nothing (EIP-2200)
 * - `sstore`: by original, current and new value, including the cold surcharge
 * - `callValue`: transfer of a value that is not zero
 * - `newAccount`: value to, or (EIP-150) a balance to, an account that does not exist
 * - `delegation`: warm or cold account that the callee delegates to (EIP-7702)
 * - `childGas`: what the callee gets; what it leaves comes back
 */
export type GasPart =
  | "memory"
  | "copyWords"
  | "keccakWords"
  | "initcodeWords"
  | "logTopics"
  | "logBytes"
  | "expBytes"
  | "account"
  | "slot"
  | "sstoreSentry"
  | "sstore"
  | "callValue"
  | "newAccount"
  | "delegation"
  | "childGas";

/** An operand by its depth (0 is the top of the stack), or a constant number of bytes. */
export type OperandOrBytes = { readonly operand: number } | { readonly bytes: number };

/** Bytes of the frame's memory that an instruction reads or writes. */
export interface MemoryRange {
  readonly access: "read" | "write";
  /** Depth of the operand that holds the offset; 0 is the top of the stack. */
  readonly offset: number;
  readonly size: OperandOrBytes;
}

/** State that an instruction reads or writes. A write reads too. */
export interface StateAccess {
  readonly target: "slot" | "transient" | "balance" | "code" | "blockHash" | "account";
  readonly access: "read" | "write";
  /** Depth of the operand that names the slot, account or block; undefined for the frame's own account. */
  readonly operand?: number;
}

/** One opcode from the fork `since` on. */
export interface Opcode {
  readonly code: number;
  /** Upper case, DUP1..DUP16 and PUSH0..PUSH32 spelt out. */
  readonly mnemonic: string;
  readonly since: Fork;
  readonly kind: OpcodeKind;
  /** Operands needed on the stack, which is also how many it takes off: DUPn takes n and puts n + 1. */
  readonly inputs: number;
  readonly outputs: number;
  readonly immediateBytes: number;
  /** Gas that it costs always, whatever its operands and the state are. Warm access prices are not in it. */
  readonly staticGas: number;
  /** Charged before the state that it names counts as read (EIP-7928), beside the static gas, in this order. */
  readonly gasBeforeAccess: readonly GasPart[];
  /** Charged afterwards: running out here leaves a read that was made. */
  readonly gasAfterAccess: readonly GasPart[];
  readonly memory: readonly MemoryRange[];
  readonly state: readonly StateAccess[];
  /** May stop for a value that is not there yet, and runs again from its beginning. */
  readonly suspends: boolean;
  /** Its result or success depends on the exact gas left (GAS, SSTORE's sentry, calls and creates). */
  readonly observesGas: boolean;
  /** Fails in a static frame; CALL only with a value. */
  readonly changesState: boolean;
  /** Nothing is executed after it in this frame. JUMP does not halt. */
  readonly halts: boolean;
  /**
   * How it bounds gas sections, the runs of instructions whose static gas and stack needs are checked at once:
   * - `none`: inside a section
   * - `starts`: first of a section (JUMPDEST)
   * - `ends`: last of a section (JUMP, JUMPI, GAS, halts)
   * - `alone`: not in any section; pays for itself when it runs, because it accesses state or passes gas on
   */
  readonly section: "none" | "starts" | "ends" | "alone";
}
