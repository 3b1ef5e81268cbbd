/**
 * The profile of one function of a contract: what it touches, as expressions over what is known before it runs. It is
 * plain data: JSON once integers are written as strings (json.ts), and what caches share. docs/profiles.md explains it.
 */
import type { Operation } from "@velarium/evm-ir";

/** Part of the key under which profiles are cached: what analysis finds changes with it. */
export const ANALYSIS_VERSION = 2;

/** Index into `SelectorProfile.expressions`. Operands come before what uses them. */
export type ExpressionId = number;
/** Number of a step, unique within a profile. */
export type StepId = number;
/** Index into `SelectorProfile.segments`. */
export type SegmentId = number;

/** Names of values that are fixed for a frame. */
export const ENVIRONMENT = [
  "address",
  "origin",
  "caller",
  "callvalue",
  "calldatasize",
  "codesize",
  "gasprice",
  "coinbase",
  "timestamp",
  "number",
  "prevrandao",
  "gaslimit",
  "chainid",
  "basefee",
  "blobbasefee",
] as const;
export type EnvironmentName = (typeof ENVIRONMENT)[number];

/** `size` bytes of an expression's 32, from byte `from`, the highest being byte 0. */
export interface Part {
  readonly value: ExpressionId;
  readonly from: number;
  readonly size: number;
}

export type Expression =
  | { readonly op: "constant"; readonly value: bigint }
  /** Entry of the table of constants in which codes of one template differ. */
  | { readonly op: "immediate"; readonly index: number }
  /** 32 bytes of calldata from a constant offset, zeros beyond its end. */
  | { readonly op: "calldata"; readonly offset: number }
  /** The same from an offset that follows from other values. */
  | { readonly op: "calldataat"; readonly args: readonly [ExpressionId] }
  | { readonly op: "environment"; readonly name: EnvironmentName }
  /** What step `step` found: the word of a slot, a balance, a size or hash of code, a block hash. */
  | { readonly op: "found"; readonly step: StepId }
  /** 1 when call `step` succeeded. */
  | { readonly op: "success"; readonly step: StepId }
  /** 32 bytes from `offset` of what call `step` returned. */
  | { readonly op: "returned"; readonly step: StepId; readonly offset: number }
  | { readonly op: "returnsize"; readonly step: StepId }
  /** Something that analysis does not follow, such as the gas left. */
  | { readonly op: "opaque"; readonly what: string }
  /** 32 bytes put together. */
  | { readonly op: "bytes"; readonly parts: readonly Part[] }
  | { readonly op: "keccak"; readonly parts: readonly Part[] }
  | { readonly op: PureOperation; readonly args: readonly ExpressionId[] };

/** Operations of the intermediate representation whose result depends on their operands alone. */
export type PureOperation = Extract<
  Operation,
  | "add" | "sub" | "mul" | "div" | "sdiv" | "mod" | "smod" | "addmod" | "mulmod" | "exp" | "signextend" | "lt" | "gt"
  | "slt" | "sgt" | "eq" | "iszero" | "and" | "or" | "xor" | "not" | "byte" | "shl" | "shr" | "sar" | "clz"
>; // biome-ignore format: a table

/** Bytes that a frame passes on: known piece by piece, or all of what it got itself. */
export type Bytes =
  | { readonly kind: "parts"; readonly parts: readonly Part[] }
  | { readonly kind: "calldata" }
  | { readonly kind: "returned"; readonly step: StepId };

export type CallOperation = "call" | "callcode" | "delegatecall" | "staticcall";

export type Step =
  | { readonly kind: "read"; readonly step: StepId; readonly slot: ExpressionId }
  | {
      readonly kind: "write";
      readonly slot: ExpressionId;
      readonly value: ExpressionId;
      /** The write adds to what stands there, and nothing else depends on the old value: see `Delta`. */
      readonly delta?: Delta;
    }
  | { readonly kind: "transientread"; readonly step: StepId; readonly slot: ExpressionId }
  | { readonly kind: "transientwrite"; readonly slot: ExpressionId; readonly value: ExpressionId }
  | {
      readonly kind: "account";
      readonly step: StepId;
      readonly what: "balance" | "codesize" | "codehash";
      readonly address: ExpressionId;
    }
  | { readonly kind: "blockhash"; readonly step: StepId; readonly number: ExpressionId }
  | {
      readonly kind: "call";
      readonly step: StepId;
      readonly op: CallOperation;
      readonly target: ExpressionId;
      readonly value: ExpressionId;
      readonly data: Bytes;
      /** What follows holds only for a callee that returns so many bytes, at least. */
      readonly assumedSize?: number;
      /** And not one more: something was worked out from the size. */
      readonly isExact?: true;
    }
  /** Where it does not hold the frame fails, having touched no more than the profile says. */
  | { readonly kind: "guard"; readonly condition: ExpressionId; readonly holds: boolean };

/** Conditions under which a write may be taken for a delta (a commutative addition). */
export interface Delta {
  readonly amount: ExpressionId;
  /**
   * - `nonzero`: the slot's value is not zero before
   * - `nooverflow`: the sum stays below 2^256
   * - `amount`: the amount is not zero
   * - `distinct`: no other access of the transaction is to the same slot
   */
  readonly needs: readonly ("nonzero" | "nooverflow" | "amount" | "distinct")[];
}

export type SegmentEnd =
  | {
      readonly kind: "branch";
      readonly condition: ExpressionId;
      readonly nonzero: SegmentId;
      readonly zero: SegmentId;
    }
  | { readonly kind: "return"; readonly data: Bytes }
  | { readonly kind: "revert" }
  | { readonly kind: "selfdestruct"; readonly beneficiary: ExpressionId }
  /** Analysis ends here: whoever gets here must find out otherwise. */
  | { readonly kind: "unknown"; readonly reason: ProfileUnknown; readonly pc: number };

export const PROFILE_UNKNOWNS = {
  build: "the control-flow graph of the code is beyond the budgets",
  jump: "a jump to a target that is not known",
  paths: "more paths than the budget",
  loop: "a loop that runs longer than it is unrolled",
  memory: "memory at an offset, or of a size, that is not constant",
  create: "creates a contract",
  returndata: "return data of a size that is not known",
} as const;
export type ProfileUnknown = keyof typeof PROFILE_UNKNOWNS;

/** Steps without a branch between them. */
export interface Segment {
  readonly steps: readonly Step[];
  readonly end: SegmentEnd;
}

/** Instead of a selector: calldata that names no function of the dispatcher, and no calldata at all. */
export const OTHER_SELECTOR = -1;
export const NO_CALLDATA = -2;

export interface SelectorProfile {
  /** Four bytes as a number, or one of the above. */
  readonly selector: number;
  readonly expressions: readonly Expression[];
  readonly segments: readonly Segment[];
  readonly root: SegmentId;
}

/** What is known of one code template under one fork. */
export interface CodeProfile {
  readonly version: number;
  readonly fork: string;
  readonly selectors: readonly SelectorProfile[];
}
