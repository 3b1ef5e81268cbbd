/** What follows from the operands of an operation on state, without its result. */
import { type Fork, isAtLeast } from "@velarium/chain-rules";
import type { Opcode } from "@velarium/evm-opcodes";
import { Failure } from "../layout.ts";
import type { RerunFrame } from "./frame.ts";

/** EIP-3860. */
const MAX_INITCODE = 49_152n;

interface Range {
  readonly offset: bigint;
  readonly size: bigint;
}

const operand = (frame: RerunFrame, depth: number): bigint => frame.stack[frame.stack.length - 1 - depth]!;

/** Ranges of memory that the opcode covers, by the table; they were paid for when it was done. */
export function ranges(frame: RerunFrame, opcode: Opcode): Range[] {
  return opcode.memory.map(({ offset, size }) => ({
    offset: operand(frame, offset),
    size: "bytes" in size ? BigInt(size.bytes) : operand(frame, size.operand),
  }));
}

const NOWHERE: Range = { offset: 0n, size: 0n };
const rangeOf = (frame: RerunFrame, opcode: Opcode, access: "read" | "write"): Range => {
  const at = opcode.memory.findIndex((range) => range.access === access);
  return at < 0 ? NOWHERE : ranges(frame, opcode)[at]!;
};

/** Calldata or initcode of a call or creation. */
export const inputRange = (frame: RerunFrame, opcode: Opcode): Range => rangeOf(frame, opcode, "read");

/** Where a call's output goes. Where the size is zero, the offset means nothing. */
export function outputRange(frame: RerunFrame, opcode: Opcode): { offset: number; size: number } {
  const { offset, size } = rangeOf(frame, opcode, "write");
  return size === 0n ? { offset: 0, size: 0 } : { offset: Number(offset), size: Number(size) };
}

/** Why an operation that was not done ended its frame. */
export function failureOfState(frame: RerunFrame, opcode: Opcode, fork: Fork): Failure {
  const isCall = opcode.mnemonic === "CALL";
  if (frame.given.isStatic && opcode.changesState && (!isCall || operand(frame, 2) !== 0n))
    return Failure.staticViolation;
  const isLong = opcode.kind === "create" && operand(frame, 2) > MAX_INITCODE;
  return isLong && isAtLeast(fork, "shanghai") ? Failure.initcodeSize : Failure.outOfGas;
}
