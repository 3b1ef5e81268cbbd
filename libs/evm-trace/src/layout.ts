/**
 * The packed trace, version 2: records of 8-byte aligned little-endian fields, one after another, as an engine leaves
 * them in memory. The first byte of each says its kind. There are two ways to tell an execution:
 *
 * - **Told** (kinds 1 to 4): a record of every step, from engines that are asked step by step.
 * - **To be run again** (kinds 5 to 9): only what cannot be worked out: environment, codes, what operations on state
 *   found and cost, and where calls begin and end. `traceEvents` runs the rest and yields the same events as if told.
 *
 * Told records begin with 64 bytes:
 *
 * | kind | when | fields after `kind` |
 * |---|---|---|
 * | step | before an opcode, its gas not yet charged | op u8, depth u16, pc u32, gas i64, memory words u32, stack height u32, refund i64, top of the stack as four u64 limbs |
 * | enter | a call or creation begins, precompiles and accounts without code too | op u8 (CALL or CREATE for the transaction itself), depth u16, input bytes u32, gas i64, caller's gas left i64, value as four u64 limbs at the top's place; then caller 20, callee 20, input, padded to 8 |
 * | exit | it ends | failure u8, depth u16, output bytes u32, gas left i64, then output, padded to 8 |
 * | memory | after an opcode wrote memory (only when asked for) | bytes u32 at the pc's place, offset u32 at the memory words' place; then the bytes, padded to 8 |
 *
 * A step holds only the top of the stack: an opcode leaves at most one new word, and what DUP and SWAP move is known,
 * so a reader rebuilds the whole stack (`replayTrace`).
 */
export const RecordKind = { step: 1, enter: 2, exit: 3, memory: 4 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/**
 * Records of an execution to be run again. Common to all: kind u8, a detail u8, depth u16, a number u32. Words are four
 * u64 limbs, the lowest first.
 *
 * | kind | detail | number | then |
 * |---|---|---|---|
 * | begin, first of all | fork | blob hashes | input bytes u32 (8), static u32 (12), value (16), environment: ten words (48); blob hashes and input |
 * | code, before it is first named | | bytes | its number in this trace u32 (8); the bytes |
 * | call: a call or creation begins | op (CALL or CREATE for the transaction itself) | code that runs: its number, 0 for none, `INITCODE` for the input | gas i64 (8), caller's gas left i64 (16), address, low limb first, 20 bytes (24) |
 * | end of it | failure; `other`: the code that ran tells | output bytes, 0 where code ran | gas left i64 (8), refund i64 (16); the output |
 * | result of an operation on state that is done and began no call | op | code that EXTCODECOPY copied from | gas left i64 (8), refund i64 (16), word that it left on the stack (24) |
 *
 * An operation on state without a result failed, and its frame ends. Bytes are padded with zeros to a multiple of 8.
 */
export const RerunKind = { begin: 5, code: 6, call: 7, end: 8, result: 9 } as const;
export type RerunKind = (typeof RerunKind)[keyof typeof RerunKind];

/** Bytes of each kind, without what stands behind. */
export const RERUN_BYTES: Readonly<Record<RerunKind, number>> = {
  [RerunKind.begin]: 368,
  [RerunKind.code]: 16,
  [RerunKind.call]: 48,
  [RerunKind.end]: 24,
  [RerunKind.result]: 56,
};

export const RerunField = {
  detail: 1,
  depth: 2,
  number: 4,
  gas: 8,
  /** end, result. */
  refund: 16,
  /** begin. */
  inputBytes: 8,
  isStatic: 12,
  value: 16,
  environment: 48,
  /** code. */
  codeNumber: 8,
  /** call. */
  callerGas: 16,
  address: 24,
  /** result. */
  word: 24,
} as const;

/** Words of the environment, in order. `randao`: the difficulty before the Merge. */
export const ENVIRONMENT = [
  "coinbase",
  "timestamp",
  "number",
  "randao",
  "gasLimit",
  "chainId",
  "baseFee",
  "blobBaseFee",
  "origin",
  "gasPrice",
] as const;

/** In place of a code's number: the input is what runs. */
export const INITCODE = 0xffffffff;

export const RECORD_BYTES = 64;

/** Offsets within a record. */
export const Field = {
  kind: 0,
  op: 1,
  depth: 2,
  /** step: pc; enter, exit, memory: bytes that follow the record. */
  pc: 4,
  gas: 8,
  /** step: memory size in words; memory: offset of the first byte. */
  memory: 16,
  /** enter: gas left to the caller, i64. */
  callerGas: 16,
  height: 20,
  refund: 24,
  /** step: top of the stack; enter: value. */
  word: 32,
} as const;

/** Why a frame ended. The numbers are part of the format. */
export const Failure = {
  none: 0,
  revert: 1,
  outOfGas: 2,
  invalidOpcode: 3,
  invalidJump: 4,
  stackUnderflow: 5,
  stackOverflow: 6,
  staticViolation: 7,
  collision: 8,
  /** Created code is too long, begins with 0xef, or cannot be paid for. */
  invalidCode: 9,
  /** Returned more than was there. */
  returnDataBounds: 10,
  depth: 11,
  funds: 12,
  nonce: 13,
  initcodeSize: 14,
  precompile: 15,
  other: 16,
} as const;
export type Failure = (typeof Failure)[keyof typeof Failure];

/** What clients are told, in geth's words, which tools look for. */
export const FAILURE_TEXT: Readonly<Record<Failure, string | undefined>> = {
  [Failure.none]: undefined,
  [Failure.revert]: "execution reverted",
  [Failure.outOfGas]: "out of gas",
  [Failure.invalidOpcode]: "invalid opcode",
  [Failure.invalidJump]: "invalid jump destination",
  [Failure.stackUnderflow]: "stack underflow",
  [Failure.stackOverflow]: "stack limit reached 1024",
  [Failure.staticViolation]: "write protection",
  [Failure.collision]: "contract address collision",
  [Failure.invalidCode]: "invalid code: must not begin with 0xef, be too large, or cost more than is left",
  [Failure.returnDataBounds]: "return data out of bounds",
  [Failure.depth]: "max call depth exceeded",
  [Failure.funds]: "insufficient balance for transfer",
  [Failure.nonce]: "nonce uint64 overflow",
  [Failure.initcodeSize]: "max initcode size exceeded",
  [Failure.precompile]: "precompile failed",
  [Failure.other]: "execution failed",
};

export const padded = (bytes: number): number => (bytes + 7) & ~7;
