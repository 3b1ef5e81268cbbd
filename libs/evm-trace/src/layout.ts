/**
 * The packed trace: records of 8-byte aligned little-endian fields, one after another, as an engine leaves them in
 * memory. Every record begins with 64 bytes, of which the first says its kind:
 *
 * | kind | when | fields after `kind` |
 * |---|---|---|
 * | step | before an opcode, its gas not yet charged | op u8, depth u16, pc u32, gas i64, memory words u32, stack height u32, refund i64, top of the stack as four u64 limbs |
 * | enter | a call or creation begins, precompiles and accounts without code too | op u8 (CALL or CREATE for the transaction itself), depth u16, input bytes u32, gas i64, caller's gas left i64, value as four u64 limbs at the top's place; then caller 20, callee 20, input, padded to 8 |
 * | exit | it ends | failure u8, depth u16, output bytes u32, gas left i64, then output, padded to 8 |
 * | memory | after an opcode wrote memory (only when asked for) | bytes u32 at the pc's place, offset u32 at the memory words' place; then the bytes, padded to 8 |
 *
 * A step holds only the top of the stack: an opcode leaves at most one new word, and what DUP and SWAP move is known,
 * so a reader rebuilds the whole stack (`OperandStacks`).
 */
export const RecordKind = { step: 1, enter: 2, exit: 3, memory: 4 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

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
